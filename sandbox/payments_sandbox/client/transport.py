"""Owns the transports of the client: a blocking one, safe to use from threads, and one for asyncio.

`http.client` and aiohttp are imported with the first request, so that a test suite that makes none
starts no slower.
"""

import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from functools import cache
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
        """Send a request; return the response, whatever its status.

        Raises:
            Unreachable: there is no response.
        """

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines of a streaming response, without their line breaks.

        Raises:
            ControlError: there is no response, or it is an error.
        """

    def close(self) -> None:
        """Close the connections that are kept open."""


class HttpTransport:
    """A blocking transport over HTTP.

    It keeps idle connections for later requests. Each connection serves one thread at a time.

    Args:
        address: the address of the server, such as `http://127.0.0.1:8080`.
        headers: the headers of every request.
        timeout: seconds of silence after which a request fails; None to wait without limit.
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
        """Send a request on an idle connection, or on a new one."""
        connection, opened = self._send(request)
        with self._described(request, connection):
            response = HttpResponse(opened.status, opened.read())
        if opened.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return response

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines as they arrive, until the response ends or the caller stops."""
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
        """Close the idle connections; the next request opens a new one."""
        _close_all(self._idle)

    def _send(self, request: HttpRequest) -> "tuple[HTTPConnection, HTTPResponse]":
        """Send a request; return the connection, and the response with its body still unread."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                # The server may have closed it meanwhile; then the next one is tried.
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
        parts = urlsplit(self._address)
        make = _connection_types()[parts.scheme]
        return make(parts.hostname or "", parts.port, timeout=self._timeout)


@cache
def _connection_types() -> "dict[str, type[HTTPConnection]]":
    """Return the classes of connections, as they are at the first request of the process.

    A test may replace them later, as vcrpy does to record calls and to replay them.
    """
    from http.client import HTTPConnection, HTTPSConnection

    return {"http": HTTPConnection, "https": HTTPSConnection}


class _FailuresDescribed:
    """A context manager that turns errors of the network and the HTTP library into `Unreachable`.

    It is not made with `contextlib`, whose frames would show up in the traceback of a failed test.

    Args:
        request: the request that is sent.
        address: the address of the server.
        of_library: the error that the HTTP library raises, in addition to OSError.
        connection: the connection to close on an error; None if the library does that, as aiohttp.
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
            raise failure from None  # it says why; the library's traceback would add nothing


def _close_all(connections: "list[HTTPConnection]") -> None:
    with suppress(IndexError):
        while True:
            connections.pop().close()


class AsyncTransport(Protocol):
    """Carries requests to a server, as `Transport` does."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; return the response, whatever its status."""

    def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a streaming response, without their line breaks."""

    async def close(self) -> None:
        """Close the connections that are kept open."""


class AsyncHttpTransport:
    """A transport for one event loop of asyncio; takes the arguments of `HttpTransport`."""

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
        """Yield the lines as they arrive, until the response ends or the caller stops."""
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
        """Close every connection; the next request opens a new one."""
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
                trust_env=False,  # a proxy would answer in place of a missing server
            )
        return self._session
