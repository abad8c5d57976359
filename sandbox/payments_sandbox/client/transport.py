"""Owns the transports: blocking, with connections that each are lent to one thread; for asyncio.

`http.client` and aiohttp are imported with the first request: a test suite that makes none pays
nothing.
"""

import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from payments_sandbox.client.blocked_ports import blocked_ports
from payments_sandbox.client.messages import (
    OK,
    TIMEOUT,
    HttpRequest,
    HttpResponse,
    connection_failure,
    read_response,
)

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

    from aiohttp import ClientResponse, ClientSession

__tracebackhide__ = True


class Transport(Protocol):
    """Carries requests to a server."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status.

        Raises:
            Unreachable: there is no response.
        """

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines of a response that goes on, without their ends.

        Raises:
            ControlError: there is no response, or it is an error.
        """

    def close(self) -> None:
        """Close what is kept open."""


class HttpTransport:
    """A transport over sockets.

    Args:
        address: such as `http://127.0.0.1:8080`.
        headers: what every request carries.
        timeout: seconds of silence after which a request fails; None waits for ever.
    """

    def __init__(
        self, address: str, headers: dict[str, str], *, timeout: float | None = TIMEOUT
    ) -> None:
        self._address = address
        self._headers = headers
        self._timeout = timeout
        self._idle: list[HTTPConnection] = []
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request on a kept connection, or on a new one."""
        connection, opened = self._send(request)
        with self._described(request, connection):
            response = HttpResponse(opened.status, opened.read())
        if opened.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return response

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines as they come, until the response ends or the caller has enough."""
        connection, response = self._send(request)
        try:
            if response.status != OK:
                read_response(object, request, HttpResponse(response.status, response.read()))
            while True:
                with self._described(request, connection):
                    line = response.readline()
                if not line:
                    return
                yield line.decode("utf-8", "replace").rstrip("\r\n")
        finally:
            response.close()
            connection.close()

    def close(self) -> None:
        """Close the connections that are idle; the next request opens one again."""
        _close_all(self._idle)

    def _send(self, request: HttpRequest) -> "tuple[HTTPConnection, HTTPResponse]":
        """Send a request; returns the connection, and the head of the response on it."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                # The server may have closed it meanwhile; then there is another.
                with (
                    self._described(request, connection),
                    suppress(ConnectionError),
                ):
                    return connection, self._send_on(connection, request)
                connection.close()
        connection = self._connection()
        with self._described(request, connection):
            return connection, self._send_on(connection, request)

    def _send_on(self, connection: "HTTPConnection", request: HttpRequest) -> "HTTPResponse":
        headers = {**self._headers, **request.headers, **blocked_ports(request)}
        connection.request(request.method, request.target, request.body, headers)
        return connection.getresponse()

    def _described(
        self, request: HttpRequest, connection: "HTTPConnection"
    ) -> "_FailuresDescribed":
        from http.client import HTTPException

        return _FailuresDescribed(request, self._address, HTTPException, connection)

    def _connection(self) -> "HTTPConnection":
        from http.client import HTTPConnection, HTTPSConnection

        parts = urlsplit(self._address)
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return make(parts.hostname or "", parts.port, timeout=self._timeout)


class _FailuresDescribed:
    """A block whose failures are told as those of a request.

    It is no generator: the frames of `contextlib` would be what a failed test shows.

    Args:
        request: what is sent.
        address: where to.
        of_library: what the library raises that sends it, beside OSError.
        connection: is closed then; none where the library sees to that, and speaks HTTP.
    """

    def __init__(
        self,
        request: HttpRequest,
        address: str,
        of_library: type[Exception],
        connection: "HTTPConnection | None" = None,
    ) -> None:
        self._request = request
        self._address = address
        self._of_library = of_library
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, (OSError, UnicodeError, self._of_library)):
            is_http = self._connection is None or isinstance(error, OSError | UnicodeError)
            if self._connection is not None:
                self._connection.close()
            failure = connection_failure(self._request, self._address, error, is_http=is_http)
            raise failure from None  # it says why; the trace of a library no more


def _close_all(connections: "list[HTTPConnection]") -> None:
    with suppress(IndexError):
        while True:
            connections.pop().close()


class AsyncTransport(Protocol):
    """Carries requests to a server, as `Transport` does."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status."""

    def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a response that goes on, without their ends."""

    async def close(self) -> None:
        """Close what is kept open."""


class AsyncHttpTransport:
    """The same for one event loop of asyncio."""

    def __init__(
        self, address: str, headers: dict[str, str], *, timeout: float | None = TIMEOUT
    ) -> None:
        self._address = address
        self._headers = headers
        self._timeout = timeout
        self._session: ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole response."""
        with self._described(request):
            async with self._asked(request) as response:
                return HttpResponse(response.status, await response.read())

    async def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines as they come, until the response ends or the caller has enough."""
        with self._described(request):
            async with self._asked(request) as response:
                if response.status != OK:
                    whole = HttpResponse(response.status, await response.read())
                    read_response(object, request, whole)
                async for line in response.content:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")

    def _described(self, request: HttpRequest) -> _FailuresDescribed:
        from aiohttp import ClientError

        return _FailuresDescribed(request, self._address, ClientError)

    def _asked(self, request: HttpRequest) -> "AbstractAsyncContextManager[ClientResponse]":
        url = self._address + request.target
        headers = {**request.headers, **blocked_ports(request, is_awaited=True)}
        return self._opened().request(request.method, url, data=request.body, headers=headers)

    async def close(self) -> None:
        """Close every connection; the next request opens one again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> "ClientSession":
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

            self._session = ClientSession(
                headers=self._headers,
                timeout=ClientTimeout(
                    total=None, sock_connect=self._timeout, sock_read=self._timeout
                ),
                cookie_jar=DummyCookieJar(),
                trust_env=False,  # a proxy would answer for a server that is not there
            )
        return self._session
