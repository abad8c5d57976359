"""Owns one connection: aiohttp's protocol, with the behaviour that aiohttp has no option for.

1. Requests are taken from the parser one at a time. If invalid data follows a request in the same
   segment, aiohttp drops all that it has parsed of the segment, and the request would be lost.
2. A client that has closed its sending side still gets its answer: until something is sent, it
   looks the same as a client that has left (HTTP/1.0 has no interim response to probe with). So a
   held reply is journalled as abandoned at once, and sent all the same when its time is up. A fault
   that sends nothing more ends at once; otherwise a client that has left would keep a socket open
   for as long as `--max-wall-delay` allows. A request that was only partly sent is over at once.
3. A connection is not reused after a body that was not read, or if no request can follow.
4. The head of a request has a timeout, and so has its body, even if the head begins right behind
   another request. A connection needs one timer for that: `asyncio.timeout` would set and cancel
   one for each body. A body that turns out invalid in a later segment ends at once, where aiohttp
   would leave its reader waiting for the rest.
5. Each chunked body is the last of its parser: aiohttp's takes a trailer for the first header line
   of the next request, which could set that request's key or Host. What is sent behind such a body
   in the same segment is not read, and the connection ends.
6. Data that is not HTTP gets our own 400, which repeats none of it, and one line in the log.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable
from inspect import CORO_CREATED, getcoroutinestate, iscoroutine
from typing import Any, Final

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpParser, HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from payments_sandbox.server.response import SERVER, AlreadySent

KEEP_ALIVE: Final = 75
"""Seconds that an idle connection stays open.

With less, client pools would reuse sockets that are just being closed, and fail at random.
"""

VERSIONS: Final = (HttpVersion11, HttpVersion10)
"""The versions of HTTP that the server speaks."""

NOT_HTTP: Final = (HttpProcessingError, web.RequestPayloadError)
"""The errors for data that is no request, or for a body that is not framed as its head says.

Reading a body raises the second; with aiohttp's parser in pure Python it raises the first.
"""

_WRONG_FRAMES: Final = "the body is not framed as its headers say"
_END_OF_HEAD: Final = b"\r\n\r\n"

_log: Final = logging.getLogger(__name__)

_OPTIONS: Final[dict[str, Any]] = {
    "logger": _log,
    "access_log": None,  # the journal records requests
    "auto_decompress": False,  # a truncated gzip body would arrive as an empty one
    "keepalive_timeout": KEEP_ALIVE,
    "lingering_time": 1,
}
_WHAT_IS_HTTP: Final = b"""\
This is not a valid HTTP request, or its body is not framed as its headers say.
The sandbox speaks HTTP/1.1 and 1.0, and TLS if it was started with --tls. A request has one Host,
at most one User-Agent and one Content-Type, and at most 128 header lines of at most 8190 bytes
each. Its body has one Content-Length, or is chunked.
"""


class Request(web.BaseRequest):
    """A request that knows whether another one can follow it on its connection."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again, as far as is known now.

        It cannot if the body was not read: the rest of it would be taken for the next request.
        """
        return (
            not self._message.should_close
            and self._payload.is_eof()
            and not self._protocol.is_at_end  # type: ignore[attr-defined]  # it is a `Connection`
        )


class Connection(web.RequestHandler):
    """One connection of a server.

    Args:
        server: creates the request objects, and keeps track of all connections.
        timeout: seconds that the head of a request may take to arrive, and then its body.

    Attributes:
        timeout: the same.
        is_half_closed: the client sends nothing more; whether it still reads is unknown.
        body: the body of the last request that has begun.
    """

    __slots__ = (
        "_chunks",
        "_is_in_head",
        "_is_over",
        "_reader",
        "_timer",
        "_waits_since",
        "body",
        "is_half_closed",
        "timeout",
    )

    def __init__(self, server: web.Server, timeout: float) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_OPTIONS)
        self._parser = self._new_parser()
        self.timeout = timeout
        self._timer: asyncio.TimerHandle | None = None
        self._waits_since = 0.0  # for the head, or for the body that `_reader` reads
        self._reader: asyncio.Task[Any] | None = None
        self._is_in_head = False
        self._is_over = False  # True: nothing more is read
        self._chunks: StreamReader | None = None  # the chunked body that is being parsed
        self.is_half_closed = False
        self.body: StreamReader = EMPTY_PAYLOAD

    @property
    def is_at_end(self) -> bool:
        """Whether no request can follow the one that is being answered."""
        return (self.is_half_closed or self._is_over) and not self._messages

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, one request at a time, while the queue has room."""
        if self._is_over:
            return
        messages, known = self._messages, -1
        begun = len(messages)
        super().data_received(data)
        while known < len(messages) and self._parser is not None:
            known = len(messages)
            if known:
                message, body = messages[-1]
                if not isinstance(message, RawRequestMessage):
                    self._end_body(web.RequestPayloadError(_WRONG_FRAMES))
                    break  # nothing can follow an error
                if message.chunked and known > begun and self._chunks is None:
                    begun, self._chunks = known, body
            if self._chunks is None and known < self._max_msg_queue_size:
                # The parser stops after each request; this lets it go on with what it has buffered.
                self._parser.message_consumed()
                super().data_received(b"")
        if self._chunks is not None and self._chunks.is_eof():
            self._end_chunks(begun)
        is_reading = self._reader is not None
        # As far as is known: the next head may have begun behind the request that ends here, and
        # `_check_time` finds that out.
        awaits_head = not (is_reading or messages) and self._is_idle()
        # A body has its time as a whole, in however many pieces it arrives, and so has a head. Line
        # breaks before a request line do not begin one (RFC 9112, 2.2).
        if is_reading or (awaits_head and (self._is_in_head or not data.strip())):
            return
        self._is_in_head = awaits_head
        self._waits_since = self._loop.time()
        if self._timer is None:
            self._set_timer()

    async def in_time(self, reading: Awaitable[bytes]) -> bytes:
        """Await the reading of a body.

        Raises:
            TimeoutError: it has not arrived within `timeout` seconds.
        """
        self._reader = reader = asyncio.current_task()
        self._waits_since = self._loop.time()
        try:
            return await reading
        except asyncio.CancelledError:
            if self._reader is None and reader is not None and not reader.uncancel():
                raise TimeoutError from None
            raise
        finally:
            self._reader = None
            self._waits_since = self._loop.time()  # the next head may have begun by now

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Resume reading if it was paused; aiohttp calls this with every body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's protocol returns a bool
        """Take no more requests, answer those that have arrived, then close.

        Returns:
            Whether the transport stays open for the answers. A TLS transport never does: asyncio
            closes it when one side has ended, so there a half-close counts as leaving.
        """
        if self.transport is None or self.transport.get_extra_info("ssl_object") is not None:
            return False
        self.is_half_closed = True
        self._end_body(UnfinishedBodyError("the client closed its sending side"))
        self._close_when_answered()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """End everything that waits for the client."""
        if self._timer is not None:
            self._timer.cancel()
        self._end_body(ConnectionResetError("the client disconnected"))
        self.body = EMPTY_PAYLOAD
        task = self._task_handler if self._is_idle() else None
        super().connection_lost(exc)
        if task is not None:
            task.cancel()  # it may just have been woken, and would fail on the lost connection

    async def _drain_helper(self) -> None:
        """Wait until the client has read, as aiohttp does.

        Raises:
            ConnectionResetError: the client has left. aiohttp raises one of two errors for that;
                both become this one.
        """
        try:
            await super()._drain_helper()
        except ConnectionError as error:
            raise ConnectionResetError("the client disconnected") from error

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer data that is not HTTP; aiohttp's own answer would repeat it."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self.log_exception("not HTTP", exc_info=exc)
        return NotHttp()

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as in aiohttp
        """Log a failure; one that the client caused gets a single line, or none."""
        error = kw.get("exc_info")
        if isinstance(error, NOT_HTTP):
            _log.warning(
                "%s sent invalid HTTP, or a malformed body; the connection is closed.", self._peer()
            )
        elif self.transport is not None and not isinstance(error, ConnectionError):
            super().log_exception(*args, **kw)

    def _is_idle(self) -> bool:
        """Whether aiohttp's task waits for a request, or has not started yet."""
        if self._waiter is not None:
            return True
        work = None if self._task_handler is None else self._task_handler.get_coro()
        return iscoroutine(work) and getcoroutinestate(work) == CORO_CREATED

    def _end_body(self, error: ConnectionResetError | web.RequestPayloadError) -> None:
        """Fail the reads of the last body with `error`, unless the body has arrived completely."""
        requests = (
            each for each in reversed(self._messages) if isinstance(each[0], RawRequestMessage)
        )
        _, body = next(requests, (None, self.body))
        if not body.is_eof():
            body.set_exception(error)

    def _new_parser(self) -> HttpRequestParser:
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=1,  # the parser stops after every request
        )

    def _end_chunks(self, kept: int) -> None:
        """Go on with a new parser after a chunked body; drop all but the first `kept` messages."""
        before, self._parser, self._chunks = self._parser, self._new_parser(), None
        if before is None:
            return
        before.message_consumed()  # otherwise it would not look at what it has buffered
        if len(self._messages) > kept or _has_begun_head(before):
            while len(self._messages) > kept:
                self._messages.pop()
            self._is_over = True
            self._close_when_answered()

    def _close_when_answered(self) -> None:
        """Close as soon as every request that has arrived is answered."""
        if not self._messages:
            if self._is_idle():
                self.force_close()
            else:
                self.close()  # aiohttp finishes the current answer first

    def _set_timer(self) -> None:
        self._timer = self._loop.call_at(self._waits_since + self.timeout, self._check_time)

    def _check_time(self) -> None:
        """End the wait for a body or a head that has begun but has not arrived in time."""
        self._timer = None
        if self.transport is None or self.transport.is_closing():
            return
        if self._reader is None and not self._is_idle():
            self._waits_since = self._loop.time()
        if self._loop.time() < self._waits_since + self.timeout:
            self._set_timer()
        elif self._reader is not None:
            self._reader.cancel()
            self._reader = None
        elif self._parser is not None and _has_begun_head(self._parser):
            _log.warning(
                "%s sent no complete request head within %g s; the connection is closed.",
                self._peer(),
                self.timeout,
            )
            self.transport.write(_not_http(HttpVersion11))
            self.force_close()

    def _peer(self) -> str:
        return str(self.peername[0]) if self.peername else "a client"


def _has_begun_head(parser: HttpParser[Any]) -> bool:
    """Whether an idle parser is in the middle of a head; asking ends that head."""
    try:
        # Between two requests the parser ignores this; in a head it is the end, or an error.
        messages, _, _ = parser.feed_data(_END_OF_HEAD)
    except HttpProcessingError:
        return True
    return bool(messages)


def is_half_closed(request: web.BaseRequest) -> bool:
    """Whether the client of a request has closed its sending side, and may have left."""
    connection = request.protocol
    return isinstance(connection, Connection) and connection.is_half_closed


def may_have_left(request: web.BaseRequest) -> bool:
    """Whether the client of a request has left, or has closed its sending side."""
    transport = request.transport
    return transport is None or transport.is_closing() or is_half_closed(request)


def has_failed(request: web.BaseRequest) -> bool:
    """Whether the client has left, as the socket knows once something was sent to it."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return True
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None:  # with TLS, the socket goes one loop turn before its transport
        return True
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


class UnfinishedBodyError(ConnectionResetError):
    """A client has closed its sending side in the middle of a body."""


class NotHttp(AlreadySent):
    """The answer to data that is not HTTP: plain text, in neither API's envelope.

    Args:
        version: the version of HTTP in its status line.
    """

    def __init__(self, version: HttpVersion = HttpVersion11) -> None:
        super().__init__()
        self._version = version

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything."""
        await request.writer.write_eof(_not_http(self._version))


def _not_http(version: HttpVersion) -> bytes:
    head = (
        f"HTTP/{version.major}.{version.minor} 400 Bad Request\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(_WHAT_IS_HTTP)}\r\n"
        f"Server: {SERVER['Server']}\r\nDate: {rfc822_formatted_time()}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + _WHAT_IS_HTTP
