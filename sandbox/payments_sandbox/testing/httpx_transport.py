"""Owns the transports that put a sandbox behind httpx without a socket.

The same server answers as over the network, and the same HTTP code reads what it says, so every
byte, every header and every exception is the same. Only waiting costs nothing: a reply that would
come after the client's timeout raises `ReadTimeout` at once.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final, Unpack

import httpcore
import httpx

from payments_sandbox.testing.memory.backend import async_pool_of, pool_of
from payments_sandbox.testing.memory.server import MemorySandbox
from payments_sandbox.testing.options import Options


class SandboxTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=SandboxTransport())`; any URL leads to the sandbox.

    Args:
        server: the sandbox to put behind it, when several clients share one; else one is made.
        **options: the settings of `payments-sandbox serve`, for the one that is made.

    Attributes:
        server: the sandbox; `server.new_world()` makes a world.
    """

    def __init__(self, server: MemorySandbox | None = None, **options: Unpack[Options]) -> None:
        self.server: Final = server or MemorySandbox(**options)
        self._pool = pool_of(self.server.host)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: what httpx raises for a fault on a socket.
        """
        with _as_httpx(request):
            response = self._pool.handle_request(_for_httpcore(request))
        return _response(response, _Body(response, request))

    def close(self) -> None:
        """Hang up; the sandbox stays for as long as somebody has it."""
        self._pool.close()


class AsyncSandboxTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient`, in asyncio or trio; else as `SandboxTransport`."""

    def __init__(self, server: MemorySandbox | None = None, **options: Unpack[Options]) -> None:
        self.server: Final = server or MemorySandbox(**options)
        self._pool = async_pool_of(self.server.host)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises as `SandboxTransport` does."""
        with _as_httpx(request):
            response = await self._pool.handle_async_request(_for_httpcore(request))
        return _response(response, _AsyncBody(response, request))

    async def aclose(self) -> None:
        """Hang up."""
        await self._pool.aclose()


class _Body(httpx.SyncByteStream):
    """The body of a response, as it comes."""

    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._request):
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _AsyncBody(httpx.AsyncByteStream):
    """The same for asynchronous code."""

    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def _for_httpcore(request: httpx.Request) -> httpcore.Request:
    """The request; what a client takes for https is as plain as the rest."""
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=b"http", host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response(response: httpcore.Response, stream: "_Body | _AsyncBody") -> httpx.Response:
    return httpx.Response(
        status_code=response.status,
        headers=response.headers,
        stream=stream,
        extensions=response.extensions,
    )


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Raise what httpx calls an exception of httpcore: both have the same names for them."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind = getattr(httpx, type(error).__name__)
        raise kind(str(error), request=request) from error
