"""Owns the transport for asyncio; aiohttp is imported with its first request."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

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
    from aiohttp import ClientSession


class AsyncTransport(Protocol):
    """Carries requests to a server, as `Transport` does."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status.

        Raises:
            Unreachable: there is no response.
        """

    def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a response that goes on, without their ends.

        Raises:
            ControlError: there is no response, or it is an error.
        """

    async def close(self) -> None:
        """Close what is kept open."""


class AsyncHttpTransport:
    """A transport over sockets, for one event loop of asyncio.

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
        self._session: ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read the whole response."""
        from aiohttp import ClientError

        url = self._address + request.target
        headers = {**request.headers, **blocked_ports(request, is_awaited=True)}
        try:
            async with self._opened().request(
                request.method, url, data=request.body, headers=headers
            ) as response:
                return HttpResponse(response.status, await response.read())
        except (OSError, ClientError) as error:
            raise connection_failure(request, self._address, error) from error

    async def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines as they come, until the response ends or the caller has enough."""
        from aiohttp import ClientError

        url = self._address + request.target
        try:
            async with self._opened().request(
                request.method, url, headers=request.headers
            ) as response:
                if response.status != OK:
                    whole = HttpResponse(response.status, await response.read())
                    read_response(object, request, whole)
                async for line in response.content:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
        except (OSError, ClientError) as error:
            raise connection_failure(request, self._address, error) from error

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
