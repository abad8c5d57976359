"""Owns how commands follow a world's event stream, and reconnect after the server was away."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.terminal.columns import summarise_counts
from payments_sandbox.cli.terminal.screen import width_of
from payments_sandbox.cli.terminal.standard_streams import remark, try_to_print

if TYPE_CHECKING:  # imported only to follow a stream, so that --help is instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.errors import Unreachable
    from payments_sandbox.client.messages import StreamMessage

SILENCE: Final = 60.0
"""Seconds after which a stream counts as lost; the server sends something every 15."""

RETRY_AFTER: Final = 0.3
"""Seconds between two attempts to reconnect to a server."""

JOURNAL_SIZE: Final = 1_000
"""Requests that a journal can hold."""


OF_ATTEMPTS: Final = {
    "delivered": "delivered",
    "pending": "to be retried",
    "failed": "given up",
    "disabled": "endpoint disabled or deleted",
}
"""The outcome of an attempt in words, by the status of its delivery."""


def sum_up(what: str, printed: Mapping[str, int]) -> None:
    """Print on a terminal how much was printed, once the user has stopped the command."""
    if (width := width_of(sys.stderr)) is not None:
        from textwrap import fill

        text = f"payments-sandbox: {what} printed: {summarise_counts(printed)}."
        try_to_print(f"\n{fill(text, width, subsequent_indent='  ')}", sys.stderr)


def follow(
    client: "SandboxClient", *, last: int = 0, on_connected: Callable[[], None] | None = None
) -> "Iterator[StreamMessage]":
    """Yield a world's messages endlessly as they arrive, reconnecting when the server comes back.

    Args:
        client: of the world; its timeout should be `SILENCE`.
        last: how many requests of the journal to begin with.
        on_connected: called each time the stream has begun, before its first message.

    Raises:
        ControlError: the server is not there at the start, or rejects the request.
    """
    from payments_sandbox.client.errors import Unreachable

    following = _Following(client, last, on_connected)
    while True:
        try:
            yield from following.messages()
        except Unreachable as error:
            following.report_lost_server(error)
        threading.Event().wait(RETRY_AFTER)


class _Following:
    """The position in a followed stream, across its connections."""

    def __init__(
        self, client: "SandboxClient", last: int, on_connected: Callable[[], None] | None
    ) -> None:
        self._client = client
        self._last = last
        self._on_connected = on_connected
        self._world: object = None
        self._message_id: str | None = None
        self._was_connected = self._is_away = False

    def messages(self) -> "Iterator[StreamMessage]":
        """Yield the messages of one connection, from where the previous one ended.

        Raises:
            ControlError: the server is not there, or rejects the request.
        """
        found = self._client.retrieve_world()
        world = found["created_at"], found["seed"]
        if self._world not in (None, world):  # a different world: all of its journal is new
            self._message_id, self._last = None, JOURNAL_SIZE
        self._world = world
        for message in self._client.stream(
            last=self._last, last_event_id=self._message_id, on_connected=self._connected
        ):
            self._message_id = message.id
            yield message

    def report_lost_server(self, error: "Unreachable") -> None:
        """Report once that the server has gone; raise the error if it was never there."""
        from payments_sandbox.client.errors import UnreachableCause

        if not self._was_connected or error.cause is UnreachableCause.NOT_A_SANDBOX:
            raise error
        if not self._is_away:
            remark(f"the server at {self._client.url} is gone; waiting for it")
        self._is_away = True

    def _connected(self) -> None:
        if self._is_away:
            remark(f"the server at {self._client.url} is back")
        self._was_connected, self._is_away = True, False
        if self._on_connected is not None:
            self._on_connected()
