"""Owns how commands follow a world's event stream: what is in it, and coming back to it."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from payments_sandbox.cli.remote import Remote, UnreachableError

SILENCE: Final = 60
"""Seconds after which a stream counts as lost; the server says something every 15."""

AGAIN_AFTER: Final = 0.3
"""Seconds between two tries to come back to a server."""


MOST: Final = 1_000
"""Requests that a journal has."""


class Message(NamedTuple):
    """One server-sent event; `data` is JSON text."""

    kind: str
    id: str
    data: str


def messages(lines: Iterable[bytes]) -> Iterator[Message | None]:
    """What the lines of a stream say, None for a comment; half a message is none."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = text.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif text:
            yield None
        elif fields:
            yield Message(*(fields.get(name, "") for name in ("event", "id", "data")))
            fields = {}


def follow(
    remote: Remote, *, last: int = 0, on_connected: Callable[[], None] | None = None
) -> Iterator[Message]:
    """A world's news as they come, without an end; a server that went is waited for.

    Args:
        remote: whose stream.
        last: how many requests of the journal to begin with.
        on_connected: called whenever the stream has begun, before anything of it is given.

    Raises:
        RemoteError: the server is not there in the first place, or refuses.
    """
    reader, pause = _Reader(remote, last), threading.Event()
    is_known = is_lost = False
    while True:
        is_connected = False
        try:
            for message in messages(reader.lines()):
                if not is_connected:
                    if is_lost:
                        _note(f"the server at {remote.url} is back")
                    is_connected, is_known, is_lost = True, True, False
                    if on_connected is not None:
                        on_connected()
                if message is not None:
                    reader.seen = message.id
                    yield message
        except UnreachableError:
            if not is_known:
                raise
            if not is_lost:
                _note(f"the server at {remote.url} is gone; waiting for it")
            is_lost = True
        pause.wait(AGAIN_AFTER)


class _Reader:
    """One that comes back to a stream.

    Attributes:
        seen: the id of the last message it was given.
    """

    def __init__(self, remote: Remote, last: int) -> None:
        self._remote = remote
        self._last = last
        self._life: object = None
        self.seen = ""

    def lines(self) -> Iterator[bytes]:
        """The stream from where it was left; all that a world has seen which is another by now."""
        world = self._remote.ask("GET", "/world")
        life = world["created_at"], world["seed"]
        if self._life not in (None, life):
            self.seen, self._last = "", MOST
        self._life = life
        headers = {"Last-Event-ID": self.seen} if self.seen else {}
        return self._remote.lines(f"/stream?last={self._last}", headers, silence=SILENCE)


def _note(text: str) -> None:
    sys.stderr.write(f"payments-sandbox: {text}.\n")
    sys.stderr.flush()
