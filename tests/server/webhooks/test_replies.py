"""Holds the reader of replies to RFC 9112, and to taking what can be understood."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.server.webhooks.replies import (
    LONGEST_HEAD,
    CutOffError,
    NotHttpError,
    Reply,
    reading,
)

MOST = 10
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, most: int = MOST) -> Reply | None:
    """The reply that these bytes are, if they are enough; an empty piece is the end."""
    reader = reading(most)
    next(reader)
    try:
        for piece in pieces:
            reader.send(piece)
    except StopIteration as end:
        reply: Reply = end.value
        return reply
    return None


WHOLE = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", "hello", False),
    "no body": (b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", "", False),
    "not modified": (b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", False),
    "bare lines": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", False),
    "chunks": (CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello", False),
    "bare chunks": (CHUNKED + b"5\nhello\n0\n\n", "hello", False),
    "a trailer": (CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "ok", False),
    "chunks and a length": (
        OK + b"Content-Length: 99\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "x",
        False,
    ),
    "the same length twice": (
        OK + b"Content-Length: 2, 2\r\ncontent-length: 2\r\n\r\nok",
        "ok",
        False,
    ),
    "as much as is wanted": (OK + b"Content-Length: 10\r\n\r\n0123456789", "0123456789", False),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        "ok",
        False,
    ),
    "close": (OK + b"Connection: x, Close\r\nContent-Length: 2\r\n\r\nok", "ok", True),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", True),
    "1.0 that is kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        "ok",
        False,
    ),
    "switched": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "", True),
    "too long": (OK + b"Content-Length: 11\r\n\r\n0123456789", "0123456789", True),
    "too long in chunks": (CHUNKED + b"8\r\n01234567\r\nff\r\n89", "0123456789", True),
    "a chunk too many": (CHUNKED + b"a\r\n0123456789\r\n1\r\n", "0123456789", True),
    "endless": (OK + b"\r\n0123456789", "0123456789", True),
}


@pytest.mark.parametrize(("raw", "body", "is_last"), WHOLE.values(), ids=WHOLE)
def test_a_whole_reply(raw: bytes, body: str, *, is_last: bool) -> None:
    """It is read as soon as it is whole, in one piece or byte by byte, and not before."""
    whole = read(raw)
    assert whole is not None
    assert (whole.body.decode(), whole.is_last) == (body, is_last)

    one_by_one = [bytes([byte]) for byte in raw]
    assert read(*one_by_one) == whole
    assert read(*one_by_one[:-1]) is None


@pytest.mark.parametrize("coding", [b"", b"Transfer-Encoding: gzip\r\nContent-Length: 2\r\n"])
def test_a_body_that_ends_with_its_connection(coding: bytes) -> None:
    """It is whole then, and not before."""
    raw = OK + coding + b"\r\nhello"
    assert read(raw) is None
    assert read(raw, b"") == Reply(200, read_headers(raw), b"hello", is_last=True)


def read_headers(raw: bytes) -> dict[str, str]:
    """The headers of a reply of plain lines."""
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("raw", [raw for raw, *_ in WHOLE.values()], ids=WHOLE)
def test_a_reply_that_is_cut_off(raw: bytes) -> None:
    """Wherever, but for a body that ends with its connection."""
    for end in range(len(raw)):
        if b"\r\n\r\n" in raw[:end] and raw.startswith(OK + b"\r\n"):
            continue
        with pytest.raises(CutOffError):
            read(*([raw[:end]] if end else []), b"")


def test_what_comes_after_a_reply() -> None:
    """Nobody has asked for it, so the connection is not used again."""
    reply = read(OK + b"Content-Length: 2\r\n\r\nok" + OK)
    assert reply is not None
    assert (reply.body, reply.is_last) == (b"ok", True)


def test_headers() -> None:
    """Folded, empty, several of one name, not of UTF-8."""
    lines = (b"X-Folded: a\r\n\t b\r\n c", b"X-Empty:", b"X-A: 1", b"X-A: 2", b"X-B:  \xff ")
    reply = read(OK + b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))
    assert reply is not None
    assert reply.headers == {
        "X-Folded": "a b c",
        "X-Empty": "",
        "X-A": "2",
        "X-B": "\N{REPLACEMENT CHARACTER}",
        "Content-Length": "0",
    }


NONE = {
    "a greeting": (b"SSH-2.0-x\r\n", r"it starts with 'SSH-2.0-x\r\n'"),
    "another version": (b"HTTP/2 200\r\n\r\n", "it starts with 'HTTP/2 200'"),
    "a short status": (b"HTTP/1.1 20 OK\r\n\r\n", "it starts with 'HTTP/1.1 20 OK'"),
    "no status": (b"HTTP/1.1 099 OK\r\n\r\n", "it starts with 'HTTP/1.1 099 OK'"),
    "a long head": (
        b"HTTP/1.1 200 " + b"y" * LONGEST_HEAD,
        f"it starts with 'HTTP/1.1 200 {'y' * 27}'",
    ),
    "no header": (OK + b"no colon\r\n\r\n", "among its headers is 'no colon'"),
    "no name": (OK + b": nameless\r\n\r\n", "among its headers is ': nameless'"),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n", "its length is '-1'"),
    "two lengths": (OK + b"Content-Length: 5, 6\r\n\r\n", "its length is '5 and 6'"),
    "no chunk": (CHUNKED + b"zz\r\n", "where a chunk of it begins is 'zz'"),
    "a long chunk": (CHUNKED + b"2\r\nokay\r\n", "where a chunk of it ends is 'ay'"),
    "a long line": (CHUNKED + b"1" * (LONGEST_HEAD + 1), f"between its chunks is '{'1' * 40}'"),
}


@pytest.mark.parametrize(("raw", "message"), NONE.values(), ids=NONE)
def test_what_is_no_reply(raw: bytes, message: str) -> None:
    """It says where."""
    with pytest.raises(NotHttpError) as caught:
        read(raw)
    assert str(caught.value) == message


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=3))
def test_any_bytes_in_any_pieces(raw: bytes, cuts: list[int]) -> None:
    """The same becomes of them as in one piece."""
    for start in (b"", OK, OK + b"Content-Length: 5\r\n\r\n", CHUNKED):
        assert outcome(start + raw) == outcome(*pieces(start + raw, cuts))


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places from the end."""
    ends = sorted({max(0, len(raw) - cut) for cut in cuts} | {len(raw)})
    return [raw[start:end] for start, end in pairwise([0, *ends]) if end > start]


def outcome(*raw: bytes) -> object:
    """What becomes of bytes and the end of their connection; of what is no reply, just that."""
    try:
        reply = read(*raw, b"")
    except (NotHttpError, CutOffError) as error:
        return type(error)
    assert reply is not None
    return reply.status, reply.headers, reply.body
