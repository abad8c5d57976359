"""Owns the transports that put a sandbox behind httpx without a socket.

A request becomes a call of the server, and what the server sends a response, in this very call. A
reply that would come after the client's timeout raises `ReadTimeout` at once.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Unpack

import httpx

from payments_sandbox.testing.direct_server import DirectRequest
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.reply_reader import ReplyError, ReplyReader

if TYPE_CHECKING:
    from payments_sandbox.testing.plugged_receivers import Receiver


class SandboxTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=SandboxTransport())`; any URL leads to the sandbox.

    Args:
        server: the sandbox to put behind it, when several clients share one; else one is made.
        receivers: who answers webhooks, for the one that is made; see `MemorySandbox`.
        **options: the settings of `payments-sandbox serve`, for the one that is made.

    Attributes:
        server: the sandbox; `server.new_world()` makes a world.
    """

    def __init__(
        self,
        server: MemorySandbox | None = None,
        *,
        receivers: "Mapping[str, Receiver] | None" = None,
        **options: Unpack[Options],
    ) -> None:
        self.server: Final = server or MemorySandbox(receivers=receivers, **options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: what httpx raises for a fault on a socket.
        """
        return _answer(self.server, request, request.read())


class AsyncSandboxTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient`, in asyncio or trio; else as `SandboxTransport`."""

    def __init__(
        self,
        server: MemorySandbox | None = None,
        *,
        receivers: "Mapping[str, Receiver] | None" = None,
        **options: Unpack[Options],
    ) -> None:
        self.server: Final = server or MemorySandbox(receivers=receivers, **options)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises as `SandboxTransport` does."""
        return _answer(self.server, request, await request.aread())


def _answer(sandbox: MemorySandbox, request: httpx.Request, body: bytes) -> httpx.Response:
    exchange = sandbox.server.exchange(
        DirectRequest(
            request.method,
            request.url.raw_path.decode("ascii"),
            request.headers.raw,
            body,
            request.extensions.get("timeout", {}).get("read"),
        )
    )
    reader = ReplyReader(exchange, request.method)
    with _as_httpx(request):
        head = reader.head()
    return httpx.Response(
        head.status_code,
        headers=head.headers.raw_items(),
        stream=_Body(reader, request),
        extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
    )


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a response, part by part."""

    def __init__(self, reader: ReplyReader, request: httpx.Request) -> None:
        self._reader = reader
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._request):
            yield from self._reader.body()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Raise what httpx raises on a socket."""
    try:
        yield
    except ReplyError as error:
        kind: type[httpx.TransportError] = getattr(httpx, error.name)
        raise kind(str(error), request=request) from error
