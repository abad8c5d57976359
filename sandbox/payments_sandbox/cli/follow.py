"""Owns how commands follow a world's event stream, and come back to it when the server was away."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.terminal.columns import in_words
from payments_sandbox.cli.terminal.screen import width_of
from payments_sandbox.cli.terminal.standard_streams import remark, try_to_print

if TYPE_CHECKING:  # imported when something is followed, so that --help is instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.messages import StreamMessage

SILENCE: Final = 60.0
"""Seconds after which a stream counts as lost; the server sends something every 15."""

RETRY_AFTER: Final = 0.3
"""Seconds between two tries to come back to a server."""

JOURNAL_SIZE: Final = 1_000
"""Requests that a journal keeps."""


OF_ATTEMPTS: Final = {
    "delivered": "delivered",
    "pending": "to be tried again",
    "failed": "given up",
    "disabled": "the endpoint is disabled, or gone",
}
"""The outcome of an attempt in words, by the status of its delivery."""


def sum_up(what: str, printed: Mapping[str, int]) -> None:
    """Print on a terminal how much was printed, once the user has stopped it."""
    if (width := width_of(sys.stderr)) is not None:
        from textwrap import fill

        text = f"payments-sandbox: {what} printed: {in_words(printed)}."
        try_to_print(f"\n{fill(text, width, subsequent_indent='  ')}", sys.stderr)


def follow(
    client: "SandboxClient", *, last: int = 0, on_connected: Callable[[], None] | None = None
) -> "Iterator[StreamMessage]":
    """Yield a world's messages as they come, without an end; a server that went is waited for.

    Args:
        client: whose stream; its timeout should be `SILENCE`.
        last: how many requests of the journal to begin with.
        on_connected: called whenever the stream has begun, before anything of it is given.

    Raises:
        ControlError: the server is not there in the first place, or refuses.
    """
    from payments_sandbox.client.errors import Unreachable, UnreachableCause

    known: object = None
    message_id: str | None = None
    was_connected = is_away = False

    def connected() -> None:
        nonlocal was_connected, is_away
        if is_away:
            remark(f"the server at {client.url} is back")
        was_connected, is_away = True, False
        if on_connected is not None:
            on_connected()

    while True:
        try:
            found = client.retrieve_world()
            world = found["created_at"], found["seed"]
            if known not in (None, world):  # it is another world: all of its journal is new
                message_id, last = None, JOURNAL_SIZE
            known = world
            for message in client.stream(
                last=last, last_event_id=message_id, on_connected=connected
            ):
                message_id = message.id
                yield message
        except Unreachable as error:
            if not was_connected or error.cause is UnreachableCause.NOT_A_SANDBOX:
                raise
            if not is_away:
                remark(f"the server at {client.url} is gone; waiting for it")
            is_away = True
        threading.Event().wait(RETRY_AFTER)
