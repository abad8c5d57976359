"""Owns the fault `malform`: a reply comes, and no client should take it for a good one."""

from collections.abc import Callable
from hashlib import shake_256
from typing import Final

from aiohttp import web

from payments_sandbox.rules.wire_faults import Malform, Malformation
from payments_sandbox.server.faults.exchange import Exchange, Message

GARBAGE_BYTES: Final = 64
_PAGE: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


def malform(fault: Malform, exchange: Exchange) -> web.StreamResponse:
    """Send the real reply, wrong in one way."""
    if fault.how is Malformation.GARBAGE:
        return exchange.put(garbage(exchange.world.config.seed, exchange.entry.number))
    return exchange.send(SPOIL[fault.how](exchange.real))


def invalid_json(real: Message) -> Message:
    """The JSON lacks its last brace; Content-Length is right."""
    return real._replace(body=real.body[:-1])


def html(real: Message) -> Message:
    """A proxy's page with status 502 in place of the reply."""
    return Message(502, {**real.headers, "Content-Type": "text/html; charset=utf-8"}, _PAGE)


def empty(real: Message) -> Message:
    """The real status and headers, and no body: Content-Length is 0."""
    return real._replace(body=b"")


def wrong_content_type(real: Message) -> Message:
    """The real body, called text/plain."""
    return _with(real, "Content-Type", "text/plain; charset=utf-8")


def wrong_length(real: Message) -> Message:
    """Content-Length says half of what is sent."""
    return _with(real, "Content-Length", str(len(real.body) // 2))


def bad_chunk(real: Message) -> Message:
    """A chunked reply whose first chunk has the size ZZ."""
    chunked = _with(real, "Transfer-Encoding", "chunked")
    return chunked._replace(body=b"ZZ\r\n" + real.body + b"\r\n0\r\n\r\n")


def bad_utf8(real: Message) -> Message:
    """The last text of the JSON ends in a byte that UTF-8 does not have."""
    start, quote, rest = real.body.rpartition(b'"')
    return real._replace(body=start + b"\xff" + quote + rest)


def bad_gzip(real: Message) -> Message:
    """Content-Encoding says gzip, and the body is as plain as ever."""
    return _with(real, "Content-Encoding", "gzip")


def garbage(seed: int, number: int) -> bytes:
    """Bytes that are no HTTP, drawn from the world's seed and the number of the request."""
    drawn = shake_256(f"garbage\0{seed}\0{number}".encode()).digest(GARBAGE_BYTES)
    return bytes([drawn[0] | 0x80]) + drawn[1:] + b"\r\n\r\n"


def _with(real: Message, name: str, value: str) -> Message:
    return real._replace(headers={**real.headers, name: value})


SPOIL: Final[dict[Malformation, Callable[[Message], Message]]] = {
    Malformation.INVALID_JSON: invalid_json,
    Malformation.HTML: html,
    Malformation.EMPTY: empty,
    Malformation.WRONG_CONTENT_TYPE: wrong_content_type,
    Malformation.WRONG_LENGTH: wrong_length,
    Malformation.BAD_CHUNK: bad_chunk,
    Malformation.BAD_UTF8: bad_utf8,
    Malformation.BAD_GZIP: bad_gzip,
}
