"""Owns the blocking line to a server: connections that are kept, and lent to one thread at a time.

`http.client` is imported with the first call: a test suite that makes none pays nothing.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from payments_sandbox.client.errors import Unreachable
from payments_sandbox.client.exchange import OK, PATIENCE, Answer, Question, read

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse


class Line(Protocol):
    """Carries calls to a server."""

    def ask(self, asked: Question) -> Answer:
        """The answer, whatever it says; raises Unreachable when there is none."""

    def lines(self, asked: Question) -> Iterator[str]:
        """The lines of an answer that does not end by itself."""

    def close(self) -> None:
        """Give up what is kept open."""


class HttpLine:
    """A line over sockets.

    Args:
        address: such as `http://127.0.0.1:8080`.
        headers: what every call carries.
    """

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        self._address = address
        self._headers = headers
        self._idle: list[HTTPConnection] = []
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def ask(self, asked: Question) -> Answer:
        """The answer, whatever it says.

        Raises:
            Unreachable: nobody answers there.
        """
        connection, response = self._sent(asked)
        with self._in_words(asked, connection):
            answer = Answer(response.status, response.read())
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

    def lines(self, asked: Question) -> Iterator[str]:
        """The lines of an answer as they come, until it ends or the caller has enough."""
        connection, response = self._sent(asked)
        try:
            if response.status != OK:
                read(object, asked, Answer(response.status, response.read()))
            for line in response:
                yield line.decode().rstrip("\n")
        finally:
            response.close()
            connection.close()

    def close(self) -> None:
        """Close the connections that are idle; the next call opens one again."""
        _close_all(self._idle)

    def _sent(self, asked: Question) -> "tuple[HTTPConnection, HTTPResponse]":
        """A connection, and the head of the answer on it."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                # The server may have closed it meanwhile; then there is another.
                with self._in_words(asked, connection), suppress(ConnectionError):
                    return connection, self._send(connection, asked)
                connection.close()
        connection = self._opened()
        with self._in_words(asked, connection):
            return connection, self._send(connection, asked)

    def _send(self, connection: "HTTPConnection", asked: Question) -> "HTTPResponse":
        headers = {**self._headers, **asked.headers}
        connection.request(asked.method, asked.target, asked.body, headers)
        return connection.getresponse()

    def _opened(self) -> "HTTPConnection":
        from http.client import HTTPConnection, HTTPSConnection

        parts = urlsplit(self._address)
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return make(parts.hostname or "", parts.port, timeout=PATIENCE)

    @contextmanager
    def _in_words(self, asked: Question, connection: "HTTPConnection") -> Iterator[None]:
        from http.client import HTTPException

        try:
            yield
        except (OSError, HTTPException) as error:
            connection.close()
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"{asked}: no answer from {self._address}: {reason}.") from error


def _close_all(connections: "list[HTTPConnection]") -> None:
    with suppress(IndexError):
        while True:
            connections.pop().close()
