"""Owns the transports that put a sandbox behind httpx without a socket.

A request becomes a call of the server, and what the server sends a response, in this very call. A
reply that would come after the client's timeout raises `ReadTimeout` at once. h11 reads the bytes,
as it does for httpx on a socket; it comes with httpx.
"""

import errno
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Unpack, cast

import h11
import httpx

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.server.request_body import LIMIT
from payments_sandbox.testing.direct_connection import DirectConnection, Ending, make_request
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.options import Options

if TYPE_CHECKING:
    from payments_sandbox.testing.plugged_receivers import Receiver

__tracebackhide__ = True

MAX_HEAD: Final = 100 * 1024
"""Bytes of a head, as in httpx."""

MAX_BODY: Final = max(route.body_limit or LIMIT for route in CONTROL_ROUTES)
"""Bytes of a body that some route takes."""

_RESET: Final = f"[Errno {errno.ECONNRESET}] {os.strerror(errno.ECONNRESET)}"
_NO_REPLY: Final = "Server disconnected without sending a response."


class _OfSandbox:
    def __init__(
        self,
        server: MemorySandbox | None = None,
        *,
        receivers: "Mapping[str, Receiver] | None" = None,
        **options: Unpack[Options],
    ) -> None:
        if server is not None and (receivers is not None or options):
            given = ["receivers"] * (receivers is not None) + list(options)
            raise TypeError(
                f"{', '.join(given)}: expected no options beside a server that is made already;"
                " give them to MemorySandbox()"
            )
        self.server: Final = server or MemorySandbox(receivers=receivers, **options)


class SandboxTransport(_OfSandbox, httpx.BaseTransport):
    """For `httpx.Client(transport=SandboxTransport())`; any URL leads to the sandbox.

    Args:
        server: the sandbox to put behind it, when several clients share one; else one is made.
        receivers: who answers webhooks, for the one that is made; see `MemorySandbox`.
        **options: the settings of `payments-sandbox serve`, for the one that is made.

    Attributes:
        server: the sandbox; `server.new_world()` makes a world.

    Raises:
        TypeError, ValueError: as `MemorySandbox`, or options for a server that is given.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: what httpx raises for a fault on a socket.
        """
        most = _most(_target(request))
        pieces, size = [], 0
        for piece in cast("Iterable[bytes]", request.stream):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                break
        return _answer(self.server, request, b"".join(pieces))


class AsyncSandboxTransport(_OfSandbox, httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient`, in asyncio or trio; else as `SandboxTransport`."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises as `SandboxTransport` does."""
        most = _most(_target(request))
        pieces, size = [], 0
        async for piece in cast("AsyncIterable[bytes]", request.stream):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                break
        return _answer(self.server, request, b"".join(pieces))


def _answer(sandbox: MemorySandbox, request: httpx.Request, body: bytes) -> httpx.Response:
    read_timeout = request.extensions.get("timeout", {}).get("read")
    connection = DirectConnection(float("inf") if read_timeout is None else read_timeout)
    target = _target(request)
    sent = _sent(request, target, body)
    # The Host is the first line that goes out, wherever httpx has it.
    lines = sorted(request.headers.raw, key=lambda line: line[0].lower() != b"host")
    made = make_request(connection, request.method, target.decode("latin-1"), lines, body)
    sandbox.server.serve(connection, made)
    reply = _Reply(connection, request, sent)
    head = reply.head()
    return httpx.Response(
        head.status_code,
        headers=head.headers.raw_items(),
        stream=reply,
        extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
    )


def _target(request: httpx.Request) -> bytes:
    """What stands in the request line, which an extension of httpx may say."""
    target: bytes = request.extensions.get("target", request.url.raw_path)
    return target


def _most(target: bytes) -> int:
    """Bytes of a body that are read: it may have no end, and a server does not wait for that."""
    return MAX_BODY if target.startswith(CONTROL_PATH.encode()) else LIMIT


def _sent(request: httpx.Request, target: bytes, body: bytes) -> h11.Connection:
    """What httpx has on its side of a connection when it has sent a request.

    Raises:
        httpx.LocalProtocolError: it would send no such head.
        h11.LocalProtocolError: nor such a body; httpx does not change that on a socket either.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    try:
        event = h11.Request(method=request.method, target=target, headers=request.headers.raw)
        connection.send(event)
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error), request=request) from error
    if body:
        connection.send(h11.Data(data=body))
    if len(body) <= _most(target):  # else the rest is not sent
        connection.send(h11.EndOfMessage())
    return connection


class _Reply(httpx.SyncByteStream, httpx.AsyncByteStream):
    """What a connection carries, read as httpx reads it; what follows the last byte is raised."""

    def __init__(
        self, connection: DirectConnection, request: httpx.Request, sent: h11.Connection
    ) -> None:
        self._chunks = iter(connection.chunks)
        self._ending = connection.ending
        self._request = request
        self._h11 = sent

    def head(self) -> h11.Response:
        while not isinstance(event := self._next(), h11.Response):
            pass
        return event

    def __iter__(self) -> Iterator[bytes]:
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part

    def _next(self) -> h11.Event:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                self._h11.receive_data(self._more())
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error), request=self._request) from error
        assert not isinstance(event, type)  # noqa: S101 - PAUSED comes after the end of a reply only
        return event

    def _more(self) -> bytes:
        """The next bytes; none once the connection was closed."""
        if data := next(self._chunks, b""):
            return data
        if self._ending is Ending.RESET:
            raise httpx.ReadError(_RESET, request=self._request)
        if self._ending is Ending.TIMED_OUT:
            raise httpx.ReadTimeout("timed out", request=self._request)
        if self._h11.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError(_NO_REPLY, request=self._request)
        return b""
