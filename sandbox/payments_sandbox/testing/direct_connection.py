"""Owns a connection without a socket: it makes aiohttp's request and collects what is sent.

A sandbox without a socket has only such connections. A server in a thread of this process gets the
control requests of tests this way, since tests may have replaced sockets and clocks.
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
"""A placeholder: the parts of aiohttp that are used here never use their loop."""


class Ending(Enum):
    """How a connection continues after the last byte."""

    OPEN = auto()
    CLOSED = auto()
    RESET = auto()
    TIMED_OUT = auto()


class DirectConnection(BaseProtocol):
    """A connection of aiohttp, both protocol and transport, for one request.

    Args:
        read_timeout: the read timeout of its client, in seconds.

    Attributes:
        chunks: the bytes that a socket would carry, one item per write.
        ending: how the connection continues after them.
        silence: the simulated seconds since the last byte.
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
        """Answer a request, and keep the bytes of the answer."""
        response = await handler(request)
        if not isinstance(response, AlreadySent):
            await response.prepare(request)
            await response.write_eof()
        if self.ending is None:
            self.ending = Ending.CLOSED if response.keep_alive is False else Ending.OPEN

    def reply(self) -> HttpResponse:
        """Parse the answer to a request of `control_exchange`: head and body."""
        head, _, body = b"".join(self.chunks).partition(b"\r\n\r\n")
        return HttpResponse(int(head.split(maxsplit=2)[1]), body)

    # The transport, as aiohttp and the faults use it

    def write(self, data: bytes) -> None:
        """Keep the bytes."""
        self.chunks.append(bytes(data))
        self.silence = 0.0

    def writelines(self, parts: list[bytes]) -> None:
        """Keep the bytes as one write."""
        self.write(b"".join(parts))

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Do nothing; aiohttp's own would call itself without end, as this is the transport."""

    def is_closing(self) -> bool:
        """Whether the connection has ended."""
        return self.ending is not None

    def abort(self) -> None:
        """End with an RST."""
        self.ending = Ending.RESET

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return this object as the socket, for faults that set options on it."""
        return self if name == "socket" else default

    def setsockopt(self, *_option: object) -> None:
        """Do nothing: there is no socket."""


def control_exchange(
    asked: HttpRequest, common: dict[str, str], *, scheme: str = "http"
) -> tuple[DirectConnection, web.BaseRequest]:
    """Make a connection and a request from a client of the control API.

    It is HTTP/1.0, so that endless bodies, such as the event stream's, have no chunked framing.
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
        connection: collects the answer.
        method: the HTTP method.
        target: path and query, as in a request line.
        headers: every header line, in order, including `Host`.
        body: the whole body.
        is_last: whether it is HTTP/1.0, and therefore the last request of the connection.
        scheme: `https` if addresses in the answer should be those of TLS.
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
    """Whether a client sent `Connection: close`."""
    said = (value.lower().split(b",") for name, value in headers if name.lower() == b"connection")
    return any(each.strip() == b"close" for parts in said for each in parts)


def _body(connection: DirectConnection, headers: HeaderLines, data: bytes) -> StreamReader:
    """Make a complete body; without data there is none, as aiohttp reads such a head."""
    if not data and not any(name.lower() == b"transfer-encoding" for name, _ in headers):
        return EMPTY_PAYLOAD
    content = StreamReader(connection, len(data) + 1, loop=_NO_LOOP)
    content.feed_data(data)
    content.feed_eof()
    return content
