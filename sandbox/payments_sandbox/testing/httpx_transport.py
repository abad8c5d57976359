"""Owns the transports that connect httpx to a sandbox without a socket.

A request is a direct call of the server, and the bytes that the server sends become the response.
A reply that would arrive after the client's timeout raises `ReadTimeout` at once. h11, which comes
with httpx, parses the bytes, as it does on a socket.
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
"""The largest head in bytes, the same as in httpx."""

MAX_BODY: Final = max(route.body_limit or LIMIT for route in CONTROL_ROUTES)
"""The largest body in bytes that any route accepts."""

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
                f"{', '.join(given)}: not allowed with a server; pass them to MemorySandbox()"
            )
        self.server: Final = server or MemorySandbox(receivers=receivers, **options)


class SandboxTransport(_OfSandbox, httpx.BaseTransport):
    """For `httpx.Client(transport=SandboxTransport())`; any URL leads to the sandbox.

    Args:
        server: the sandbox to use, so that several clients can share one; a new one by default.
        receivers: transports that answer webhooks, for a new sandbox; see `MemorySandbox`.
        **options: the settings of `payments-sandbox serve`, for a new sandbox.

    Attributes:
        server: the sandbox; `server.new_world()` makes a world.

    Raises:
        TypeError, ValueError: as `MemorySandbox`, or options together with `server`.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: the same error that httpx raises for the fault on a socket.
        """
        most = _most(_target(request))
        pieces, size = [], 0
        for piece in cast("Iterable[bytes]", request.stream):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                break
        return _answer(self.server, request, b"".join(pieces))


class AsyncSandboxTransport(_OfSandbox, httpx.AsyncBaseTransport):
    """The same as `SandboxTransport` for `httpx.AsyncClient`, in asyncio or trio."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises the same errors as `SandboxTransport`."""
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
    # httpx sends the Host first on a socket, wherever it is in the list.
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
    """The request target, which an httpx extension can override."""
    target: bytes = request.extensions.get("target", request.url.raw_path)
    return target


def _most(target: bytes) -> int:
    """The number of body bytes to read: a body may be endless, and a server stops reading."""
    return MAX_BODY if target.startswith(CONTROL_PATH.encode()) else LIMIT


def _sent(request: httpx.Request, target: bytes, body: bytes) -> h11.Connection:
    """Make the h11 state of the client's side after it has sent the request.

    Raises:
        httpx.LocalProtocolError: httpx would not send this head.
        h11.LocalProtocolError: httpx would not send this body; it does not wrap this error either.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    try:
        event = h11.Request(method=request.method, target=target, headers=request.headers.raw)
        connection.send(event)
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error), request=request) from error
    if body:
        connection.send(h11.Data(data=body))
    if len(body) <= _most(target):  # otherwise the body is cut
        connection.send(h11.EndOfMessage())
    return connection


class _Reply(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The bytes of a connection, parsed as httpx parses them; its end may raise an error."""

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
        """Return the next bytes; empty after the connection was closed."""
        if data := next(self._chunks, b""):
            return data
        if self._ending is Ending.RESET:
            raise httpx.ReadError(_RESET, request=self._request)
        if self._ending is Ending.TIMED_OUT:
            raise httpx.ReadTimeout("timed out", request=self._request)
        if self._h11.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError(_NO_REPLY, request=self._request)
        return b""
