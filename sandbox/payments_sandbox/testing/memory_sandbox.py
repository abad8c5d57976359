"""Owns `MemorySandbox`: a server without a socket, its worlds, and clients for them."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from payments_sandbox.client.messages import (
    OK,
    HttpRequest,
    HttpResponse,
    common_headers,
    read_response,
)
from payments_sandbox.core.settings import settings_from
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.sandbox import Server

if TYPE_CHECKING:
    from payments_sandbox.server.world_runtime import WorldRuntime
    from payments_sandbox.testing.direct_server import DirectServer
    from payments_sandbox.testing.plugged_receivers import Receiver

__tracebackhide__ = True

T = TypeVar("T")

URL: Final = "http://sandbox"
"""Its address; any local name works."""


class MemorySandbox(Server):
    """A sandbox without a socket and a thread, for `SandboxTransport` and `AsyncSandboxTransport`.

    It works only during calls of a client. Webhooks are delivered before the call that caused them
    returns: to inboxes, and to `receivers`.

    Args:
        receivers: httpx transports that answer webhooks, by the beginning of the webhook's url,
            such as `httpx.WSGITransport(app)` or `httpx.ASGITransport(app)`.
        **options: the settings of `payments-sandbox serve`; host and port have no meaning here.

    Raises:
        TypeError, ValueError: an unknown option, or an invalid value.
    """

    def __init__(
        self,
        *,
        receivers: "Mapping[str, Receiver] | None" = None,
        **options: Unpack[Options],
    ) -> None:
        from payments_sandbox.testing.direct_server import DirectServer
        from payments_sandbox.testing.plugged_receivers import PluggedReceivers, checked_receivers

        settings = settings_from(options)
        super().__init__(URL, settings.control_token)
        plugged = checked_receivers({} if receivers is None else receivers)
        self.server = DirectServer(settings, lambda unlocked: PluggedReceivers(plugged, unlocked))

    def _transport(self, api_key: str | None = None) -> "MemoryTransport":
        """Make the transport of a client."""
        headers = {"Host": "sandbox", **common_headers(api_key, self.token)}
        return MemoryTransport(self.server, headers)

    def _async_transport(self, api_key: str | None = None) -> "AsyncMemoryTransport":
        """Make the transport of an asynchronous client, which never waits."""
        return AsyncMemoryTransport(self._transport(api_key))

    def use_runtime(self, work: "Callable[[WorldRuntime], Coroutine[Any, Any, T]]") -> T:
        """Run a coroutine, which must not wait, with the server's runtime."""
        return self.server.run(lambda: work(self.server.sandbox.runtime))

    def close(self) -> None:
        """Stop answering calls."""
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<MemorySandbox>"


class MemoryTransport:
    """The transport of a client of the control API; `headers` are sent with every request."""

    def __init__(self, server: "DirectServer", headers: dict[str, str]) -> None:
        self._server = server
        self._headers = headers

    def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response; there always is one."""
        from payments_sandbox.testing.direct_connection import control_exchange

        connection, made = control_exchange(request, self._headers)
        self._server.serve(connection, made)
        return connection.reply()

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Yield the lines of a response up to now; nothing new happens while a client reads."""
        response = self.send(request)
        if response.status != OK:
            read_response(object, request, response)
        yield from response.body.decode().splitlines()

    def close(self) -> None:
        """Do nothing: nothing is open."""


class AsyncMemoryTransport:
    """The transport of an asynchronous client."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response."""
        return self._transport.send(request)

    async def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """Yield the lines of a response up to now."""
        for line in self._transport.stream(request):
            yield line

    async def close(self) -> None:
        """Do nothing: nothing is open."""
