"""Owns a connection without a socket: aiohttp's request is made by hand, and what is sent is kept.

A sandbox without a socket has nothing else; one in a thread of this process is asked so by the test
suite, which may have replaced what sockets and clocks are.
"""

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from payments_sandbox.client.messages import HttpRequest, HttpResponse
from payments_sandbox.server.response import AlreadySent

if TYPE_CHECKING:
    import asyncio

    from aiohttp.web_protocol import RequestHandler as AiohttpProtocol

    from payments_sandbox.server.request_handler import RequestHandler

__tracebackhide__ = True

HeaderLines = list[tuple[bytes, bytes]]

_NO_LOOP: Final = cast("asyncio.AbstractEventLoop", object())
"""Nothing of aiohttp that is used here asks its loop for anything."""


class Ending(Enum):
    """What becomes of a connection after the last byte."""

    OPEN = auto()
    CLOSED = auto()
    RESET = auto()
    TIMED_OUT = auto()


class DirectConnection(BaseProtocol):
    """What aiohttp takes for a connection, both protocol and transport; it serves one request.

    Args:
        read_timeout: seconds of silence that its client bears.

    Attributes:
        chunks: the bytes that a socket would carry, write by write.
        ending: what follows them.
        silence: seconds since the last byte that a socket would have waited for.
    """

    ssl_context = peername = sockname = None

    def __init__(self, read_timeout: float = float("inf")) -> None:
        super().__init__(_NO_LOOP)
        self.read_timeout = read_timeout
        self.chunks: list[bytes] = []
        self.ending: Ending | None = None
        self.silence = 0.0
        self.transport = cast("asyncio.Transport", self)

    async def serve(self, handler: "RequestHandler", request: web.BaseRequest) -> None:
        """Let a request be answered, and keep what is sent."""
        response = await handler(request)
        if not isinstance(response, AlreadySent):
            await response.prepare(request)
            await response.write_eof()
        if self.ending is None:
            self.ending = Ending.CLOSED if response.keep_alive is False else Ending.OPEN

    def reply(self) -> HttpResponse:
        """Read what was sent in answer to a request of `control_exchange`: head and body."""
        head, _, body = b"".join(self.chunks).partition(b"\r\n\r\n")
        return HttpResponse(int(head.split(maxsplit=2)[1]), body)

    # What aiohttp and the faults ask of a transport

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        self.chunks.append(bytes(data))
        self.silence = 0.0

    def writelines(self, parts: list[bytes]) -> None:
        """Keep what is sent in one move."""
        self.write(b"".join(parts))

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Do nothing; aiohttp's own would call itself without end, as this is the transport."""

    def is_closing(self) -> bool:
        """Whether nobody reads any more."""
        return self.ending is not None

    def abort(self) -> None:
        """End with an RST."""
        self.ending = Ending.RESET

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what a fault takes for the socket."""
        return self if name == "socket" else default

    def setsockopt(self, *_option: object) -> None:
        """There is nothing to set."""


def control_exchange(
    asked: HttpRequest, common: dict[str, str], *, scheme: str = "http"
) -> tuple[DirectConnection, web.BaseRequest]:
    """Make a connection and the request of a client of the control API.

    HTTP/1.0, so that bodies without an end, such as the stream's, come without a frame.
    """
    body = asked.body or b""
    headers = {**common, **asked.headers, "Content-Length": str(len(body))}
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    connection = DirectConnection()
    made = make_request(
        connection, asked.method, asked.target, lines, body, is_last=True, scheme=scheme
    )
    return connection, made


def make_request(
    connection: DirectConnection,
    method: str,
    target: str,
    headers: HeaderLines,
    body: bytes,
    *,
    is_last: bool = False,
    scheme: str = "http",
) -> web.BaseRequest:
    """Make aiohttp's request.

    Args:
        connection: what is sent goes there.
        method: of HTTP.
        target: path and query, as they stand in a request line.
        headers: every header line, in order, `Host` among them.
        body: the whole body.
        is_last: whether it is HTTP/1.0, and the connection's last.
        scheme: `https` where the addresses that are answered are to be those of TLS.
    """
    pairs = [
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for name, value in headers
    ]
    nothing: Any = None
    message = RawRequestMessage(
        method,
        target,
        HttpVersion10 if is_last else HttpVersion11,
        CIMultiDictProxy(CIMultiDict(pairs)),
        tuple(headers),
        is_last or _says_close(headers),
        compression=None,
        upgrade=False,
        chunked=False,
        url=URL(target, encoded=True),
    )
    content, protocol = _body(connection, headers, body), cast("AiohttpProtocol", connection)
    writer = StreamWriter(connection, _NO_LOOP)
    return web.BaseRequest(message, content, protocol, writer, nothing, _NO_LOOP, scheme=scheme)


def _says_close(headers: HeaderLines) -> bool:
    """Whether a client says that it uses the connection no more."""
    said = (value.lower().split(b",") for name, value in headers if name.lower() == b"connection")
    return any(each.strip() == b"close" for parts in said for each in parts)


def _body(connection: DirectConnection, headers: HeaderLines, data: bytes) -> StreamReader:
    """Make a body that has arrived whole; without a byte it is none, as aiohttp reads a head."""
    if not data and not any(name.lower() == b"transfer-encoding" for name, _ in headers):
        return EMPTY_PAYLOAD
    content = StreamReader(connection, len(data) + 1, loop=_NO_LOOP)
    content.feed_data(data)
    content.feed_eof()
    return content
