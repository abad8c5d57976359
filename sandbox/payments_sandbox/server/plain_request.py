"""Owns the recognition of plain requests: whole, in one piece, and with nothing unusual in them.

It is no reader of HTTP. What it does not recognize at first sight is aiohttp's to read, to refuse
or to wait for; what it does recognize, aiohttp would have read the same.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from payments_sandbox.server.request_body import LIMIT
from payments_sandbox.server.routing import Target

_FIRST: Final = re.compile(rb"(GET|POST) (/[\w/-]*)(?:\?([\w.%+&=:,@-]*))? HTTP/1\.1")
_LINES: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*: [!-~]+(?: [!-~]+)*\r\n)+")
_LINE: Final = re.compile(rb"([^:]+): ([^\r]+)\r\n")
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,9}")
_LONGEST_FIRST: Final = 2_048
_LONGEST_LINES: Final = 4_096
_MOST_LINES: Final = 64
_UNUSUAL: Final = frozenset({
    b"content-encoding", b"expect", b"origin", b"proxy-connection", b"sec-fetch-site",
    b"sec-websocket-key", b"sec-websocket-key1", b"transfer-encoding", b"upgrade",
})  # fmt: skip
"""Headers that somebody has to think about: who sends them, how the body comes, what follows."""


class Headers(NamedTuple):
    """Header lines, none of them unusual.

    Attributes:
        lines: in order, as they came; no name comes twice.
        by_name: the same by name in small letters.
        length: how long they say that the body is.
    """

    lines: Sequence[tuple[bytes, bytes]]
    by_name: Mapping[bytes, bytes]
    length: int


class PlainRequest(NamedTuple):
    """A request as it came."""

    method: str
    target: Target
    headers: Headers
    body: bytes


def read_plain(data: bytes) -> PlainRequest | None:
    """The request that the bytes are, if they are one, wholly, and it is a plain one."""
    head_end = data.find(b"\r\n\r\n", 0, _LONGEST_FIRST + _LONGEST_LINES)
    first_end = data.find(b"\r\n", 0, _LONGEST_FIRST)
    first = _FIRST.fullmatch(data, 0, first_end) if head_end > first_end > 0 else None
    if first is None:
        return None
    headers, body = _headers(data[first_end + 2 : head_end + 2]), data[head_end + 4 :]
    if headers is None or len(body) != headers.length:
        return None
    method, path, query = first.groups(b"")
    text = path.decode()
    return PlainRequest(
        method.decode(), Target(text, query.decode(), text.split("/")), headers, body
    )


@lru_cache(maxsize=256)
def _headers(block: bytes) -> Headers | None:
    """The header lines in a block of them; clients send the same ones time and again."""
    if len(block) > _LONGEST_LINES or not _LINES.fullmatch(block):
        return None
    lines = _LINE.findall(block)
    by_name = {name.lower(): value for name, value in lines}
    if not len(by_name) == len(lines) <= _MOST_LINES or not _UNUSUAL.isdisjoint(by_name):
        return None
    if by_name.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    length = by_name.get(b"content-length", b"0")
    if not _LENGTH.fullmatch(length) or int(length) > LIMIT:
        return None
    return Headers(tuple(lines), by_name, int(length))
