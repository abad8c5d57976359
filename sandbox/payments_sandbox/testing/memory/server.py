"""Owns a sandbox without a socket, as its users know it: its worlds, and clients of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Final, Self, Unpack

from payments_sandbox.client.async_client import AsyncSandboxClient
from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.messages import (
    OK,
    HttpRequest,
    HttpResponse,
    common_headers,
    read_response,
)
from payments_sandbox.testing.memory.host import Host
from payments_sandbox.testing.options import Options, settings_of
from payments_sandbox.testing.server import Server

URL: Final = "http://sandbox"
"""What it calls itself; any name that is local will do."""

SILENCE: Final = 1.0
"""Seconds, of those that cost nothing, after which a stream has told all there is."""


class MemorySandbox(Server):
    """A sandbox without a socket and a thread, for `SandboxTransport` and `AsyncSandboxTransport`.

    It works only while a client waits for it, and ends when it is closed; one that is forgotten
    ends when the next is made, or at the exit. Webhooks reach inboxes before the call that caused
    them returns, and nobody else.

    Args:
        **options: the settings of `payments-sandbox serve`; host and port mean nothing here.

    Raises:
        TypeError, ValueError: an option that does not exist, or a value that makes no sense.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        settings = settings_of(options)
        super().__init__(URL, settings.control_token)
        self.host = Host(settings)

    def client(self, api_key: str | None = None) -> SandboxClient:
        """A client of the control API, for the world of a key."""
        return SandboxClient(self.url, api_key, transport=self._transport(api_key))

    def async_client(self, api_key: str | None = None) -> AsyncSandboxClient:
        """The same with `await`; nothing is waited for."""
        return AsyncSandboxClient(
            self.url, api_key, transport=AsyncMemoryTransport(self._transport(api_key))
        )

    def close(self) -> None:
        """End it; every connection ends."""
        self.host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<MemorySandbox>"

    def _transport(self, api_key: str | None) -> "MemoryTransport":
        return MemoryTransport(self.host, common_headers(api_key, self.token))


class MemoryTransport:
    """The transport of a client to a sandbox in memory."""

    def __init__(self, host: Host, headers: dict[str, str]) -> None:
        from payments_sandbox.testing.memory.backend import pool_of

        self._host = host
        self._headers = headers
        self._pool = pool_of(host)

    def send(self, request: HttpRequest) -> HttpResponse:
        """The answer; there always is one."""
        response = self._pool.request(
            request.method,
            URL + request.target,
            headers=self._all_headers(request),
            content=request.body,
        )
        return HttpResponse(response.status, response.content)

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """The lines of an answer up to now: while a client reads, nothing new happens."""
        from httpcore import ReadTimeout

        from payments_sandbox.testing.memory.backend import pool_of

        headers, url = self._all_headers(request), URL + request.target
        silence = {"timeout": {"read": SILENCE}}
        with (
            pool_of(self._host) as pool,  # one that is left half read is nobody else's
            pool.stream(request.method, url, headers=headers, extensions=silence) as response,
        ):
            if response.status != OK:
                read_response(object, request, HttpResponse(response.status, response.read()))
            rest = b""
            with suppress(ReadTimeout):
                for part in response.iter_stream():
                    *whole, rest = (rest + part).split(b"\n")
                    yield from (line.decode() for line in whole)

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _all_headers(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [*self._headers.items(), *request.headers.items()]


class AsyncMemoryTransport:
    """The same for the asynchronous client."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer."""
        return self._transport.send(request)

    async def stream(self, request: HttpRequest) -> AsyncIterator[str]:
        """The lines of an answer that goes on."""
        for line in self._transport.stream(request):
            yield line

    async def close(self) -> None:
        """Hang up."""
        self._transport.close()
