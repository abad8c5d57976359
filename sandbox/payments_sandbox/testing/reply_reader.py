"""Owns how the bytes of an exchange become a response, and its ending what httpx raises for it.

h11 reads them, as it does for httpx on a socket. It comes with httpx.
"""

import errno
import os
from collections.abc import Iterator
from typing import Final

import h11

from payments_sandbox.testing.direct_server import Ending, Exchange

MAX_HEAD: Final = 100 * 1024
"""Bytes of a head, as in httpx."""

NO_REPLY: Final = "Server disconnected without sending a response."


class ReplyError(Exception):
    """The bytes are no whole reply.

    Attributes:
        name: of the exception of httpx that it is there.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


FAILURES: Final = {
    Ending.RESET: ("ReadError", f"[Errno {errno.ECONNRESET}] {os.strerror(errno.ECONNRESET)}"),
    Ending.TIMED_OUT: ("ReadTimeout", "timed out"),
}
"""What a client meets that reads on after the last byte; after a FIN it is up to h11."""


class ReplyReader:
    """Reads the reply to one request.

    Args:
        exchange: what the client gets.
        method: of the request, as a reply to HEAD has no body.
    """

    def __init__(self, exchange: Exchange, method: str) -> None:
        self._chunks = iter(exchange.chunks)
        self._ending = exchange.ending
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._h11.send(h11.Request(method=method, target="/", headers=[("Host", "sandbox")]))
        self._h11.send(h11.EndOfMessage())

    def head(self) -> h11.Response:
        """The status line and the headers.

        Raises:
            ReplyError: the bytes are no head, or end before it does.
        """
        while not isinstance(event := self._next(), h11.Response):
            pass
        return event

    def body(self) -> Iterator[bytes]:
        """The parts of the body.

        Raises:
            ReplyError: it breaks off, or is framed wrongly.
        """
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)

    def _next(self) -> h11.Event:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                self._h11.receive_data(self._more())
        except h11.RemoteProtocolError as error:
            raise ReplyError("RemoteProtocolError", str(error)) from error
        assert not isinstance(event, type)  # noqa: S101 - PAUSED comes after the end of a reply only
        return event

    def _more(self) -> bytes:
        """The next bytes; none once the connection has ended."""
        data = next(self._chunks, b"")
        if not data:
            if (failure := FAILURES.get(self._ending)) is not None:
                raise ReplyError(*failure)
            if self._h11.their_state is h11.SEND_RESPONSE:
                raise ReplyError("RemoteProtocolError", NO_REPLY)
        return data
