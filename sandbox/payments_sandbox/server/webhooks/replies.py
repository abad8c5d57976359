"""Owns how a receiver's reply is read: bytes in, one reply out, and no socket in between.

Receivers under test are of every kind, so what can be understood is taken: a line may end without
a carriage return, a header may be folded, a body may end with its connection. Source: RFC 9112,
sections 2 to 7.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of a head, or of a line between chunks, beyond which it counts as none."""

_START: Final = b"HTTP/1."
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_END_OF_LINE: Final = re.compile("\r?\n")
_FOLD: Final = re.compile("\r?\n[ \t]+")
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH: Final = re.compile("[0-9]{1,15}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?")
_SWITCHED: Final = 101
_INTERIM: Final = frozenset(range(100, 200)) - {_SWITCHED}
_BODILESS: Final = frozenset({_SWITCHED, 204, 304})


class Reply(NamedTuple):
    """What a receiver said.

    Attributes:
        headers: of several of one name, the last.
        body: its first bytes, as many as were wanted.
        is_last: the connection is of no use after it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_last: bool


Reading = Generator[None, bytes, Reply]
"""Takes what comes, and `b""` at the end of it; returns the reply as soon as it is read."""


class NotHttpError(Exception):
    """What came is no reply of HTTP; the message says where."""


class CutOffError(Exception):
    """The connection ended before the reply did."""


class _Head(NamedTuple):
    status: int
    headers: Mapping[str, str]
    length: int | None
    is_chunked: bool
    is_last: bool


class _Body(NamedTuple):
    """The start of a body, and what came after its end; None when that was not seen."""

    start: bytes
    after: bytes | None


def reading(most: int) -> Reading:
    """Read one reply, and of its body so many bytes.

    Raises:
        NotHttpError, CutOffError: it is none, or not whole.
    """
    data = b""
    while True:
        while (end := _END_OF_HEAD.search(data)) is None:
            if not data.startswith(_START[: len(data)]) or len(data) > LONGEST_HEAD:
                raise NotHttpError(f"it starts with {_shown(data)}")
            data = yield from _more(data)
        head, data = _head(data[: end.start()]), data[end.end() :]
        if head.status not in _INTERIM:
            break
    body = yield from _body(head, data, most)
    return Reply(head.status, head.headers, body.start, head.is_last or body.after != b"")


def _more(data: bytes) -> Generator[None, bytes, bytes]:
    if piece := (yield):
        return data + piece
    raise CutOffError


@lru_cache(maxsize=64)  # within a second a receiver says the same again and again
def _head(raw: bytes) -> _Head:
    first, *lines = _END_OF_LINE.split(_FOLD.sub(" ", raw.decode("utf-8", "replace")))
    if (found := _STATUS_LINE.fullmatch(first)) is None:
        raise NotHttpError(f"it starts with {_shown(raw)}")
    fields = list(_fields(lines))
    status = int(found[2])
    length, codings = _length(fields), _tokens(fields, "transfer-encoding")
    said = _tokens(fields, "connection")
    ends = "close" in said if found[1] == "1" else "keep-alive" not in said
    is_chunked = codings[-1:] == ["chunked"]
    if codings and not is_chunked:
        length = None  # it ends with the connection
    return _Head(status, dict(fields), length, is_chunked, ends or status == _SWITCHED)


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise NotHttpError(f"among its headers is {_shown(line.encode())}")
        yield name, value.strip()


def _tokens(fields: list[tuple[str, str]], wanted: str) -> list[str]:
    values = [value for name, value in fields if name.lower() == wanted]
    return [token.strip().lower() for value in values for token in value.split(",")]


def _length(fields: list[tuple[str, str]]) -> int | None:
    match sorted(set(_tokens(fields, "content-length"))):
        case []:
            return None
        case [length] if _LENGTH.fullmatch(length):
            return int(length)
        case lengths:
            raise NotHttpError(f"its length is {_shown(' and '.join(lengths).encode())}")


def _body(head: _Head, data: bytes, most: int) -> Generator[None, bytes, _Body]:
    if head.status in _BODILESS:
        return _Body(b"", data)
    if head.is_chunked:
        return (yield from _chunks(data, most))
    if head.length is None:
        return (yield from _until_the_end(data, most))
    while len(data) < min(head.length, most):
        data = yield from _more(data)
    if head.length > most:
        return _Body(data[:most], None)
    return _Body(data[: head.length], data[head.length :])


def _until_the_end(data: bytes, most: int) -> Generator[None, bytes, _Body]:
    while len(data) < most:
        try:
            data = yield from _more(data)
        except CutOffError:
            break
    return _Body(data[:most], None)


def _chunks(data: bytes, most: int) -> Generator[None, bytes, _Body]:
    body = b""
    while True:
        line, data = yield from _line(data)
        if (found := _CHUNK.fullmatch(line)) is None:
            raise NotHttpError(f"where a chunk of it begins is {_shown(line)}")
        size, room = int(found[1], 16), most - len(body)
        if size == 0:
            while line:
                line, data = yield from _line(data)  # of the trailer
            return _Body(body, data)
        while len(data) < min(size, room):
            data = yield from _more(data)
        if size > room:
            return _Body(body + data[:room], None)
        body, data = body + data[:size], data[size:]
        line, data = yield from _line(data)
        if line:
            raise NotHttpError(f"where a chunk of it ends is {_shown(line)}")


def _line(data: bytes) -> Generator[None, bytes, tuple[bytes, bytes]]:
    while (end := data.find(b"\n")) < 0:
        if len(data) > LONGEST_HEAD:
            raise NotHttpError(f"between its chunks is {_shown(data)}")
        data = yield from _more(data)
    return data[:end].removesuffix(b"\r"), data[end + 1 :]


def _shown(data: bytes) -> str:
    return repr(data[:40].decode("utf-8", "replace"))
