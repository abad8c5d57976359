"""Owns the fault `malform`: a damaged reply that no client should accept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import shake_256
from typing import ClassVar, Final, Self

from payments_sandbox.rules.faults.fault import Example, Explored, Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, PlanStep, RealReply, Send, send_last
from payments_sandbox.rules.schema_parts import COMMIT, Json, mapping, word

_PAGE: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Malformation(StrEnum):
    """The ways in which a reply can be damaged so that no client should accept it."""

    INVALID_JSON = "invalid_json"
    HTML = "html"
    EMPTY = "empty"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    WRONG_LENGTH = "wrong_length"
    BAD_CHUNK = "bad_chunk"
    GARBAGE = "garbage"
    BAD_UTF8 = "bad_utf8"
    BAD_GZIP = "bad_gzip"


def invalid_json(real: RealReply) -> RealReply:
    """The JSON lacks its last brace; Content-Length is correct."""
    return real._replace(body=real.body[:-1])


def html(real: RealReply) -> RealReply:
    """A proxy's page with status 502 instead of the reply."""
    page = real.with_header("Content-Type", "text/html; charset=utf-8")
    return page._replace(status=502, body=_PAGE)


def empty(real: RealReply) -> RealReply:
    """The real status and headers, and no body: Content-Length is 0."""
    return real._replace(body=b"")


def wrong_content_type(real: RealReply) -> RealReply:
    """The real body with the Content-Type text/plain."""
    return real.with_header("Content-Type", "text/plain; charset=utf-8")


def wrong_length(real: RealReply) -> RealReply:
    """Content-Length is half of what is sent."""
    return real.with_header("Content-Length", str(len(real.body) // 2))


def bad_chunk(real: RealReply) -> RealReply:
    """A chunked reply whose first chunk has the size ZZ."""
    chunked = real.with_header("Transfer-Encoding", "chunked")
    return chunked._replace(body=b"ZZ\r\n" + real.body + b"\r\n0\r\n\r\n")


def bad_utf8(real: RealReply) -> RealReply:
    """The last string of the JSON ends in a byte that is not valid UTF-8."""
    start, quote, rest = real.body.rpartition(b'"')
    return real._replace(body=start + b"\xff" + quote + rest)


def bad_gzip(real: RealReply) -> RealReply:
    """Content-Encoding says gzip, but the body is not compressed."""
    return real.with_header("Content-Encoding", "gzip")


def garbage(seed: int, number: int) -> bytes:
    """Bytes that are not HTTP, drawn from the world's seed and the number of the request."""
    drawn = shake_256(f"garbage\0{seed}\0{number}".encode()).digest(64)
    return bytes([drawn[0] | 0x80]) + drawn[1:] + b"\r\n\r\n"


SPOIL: Final[dict[Malformation, Callable[[RealReply], RealReply]]] = {
    Malformation.INVALID_JSON: invalid_json,
    Malformation.HTML: html,
    Malformation.EMPTY: empty,
    Malformation.WRONG_CONTENT_TYPE: wrong_content_type,
    Malformation.WRONG_LENGTH: wrong_length,
    Malformation.BAD_CHUNK: bad_chunk,
    Malformation.BAD_UTF8: bad_utf8,
    Malformation.BAD_GZIP: bad_gzip,
}
"""The functions that damage a reply; `garbage` is not a reply, and so not among them."""


def _spoiler(way: Malformation) -> Callable[..., object]:
    return garbage if way is Malformation.GARBAGE else SPOIL[way]


_WAYS: Final = [str(each) for each in Malformation]

_MET: Final = {
    Malformation.INVALID_JSON:
        ("JSONDecodeError", "JSONDecodeError", "JSONDecodeError", "JSONDecodeError"),
    Malformation.HTML: ("status 502", "status 502", "status 502", "HTTPError"),
    Malformation.EMPTY: ("JSONDecodeError", "JSONDecodeError", "**None**", "JSONDecodeError"),
    Malformation.WRONG_CONTENT_TYPE:
        ("completed", "completed", "ContentTypeError", "completed"),
    Malformation.WRONG_LENGTH:
        ("JSONDecodeError", "JSONDecodeError", "ClientResponseError", "JSONDecodeError"),
    Malformation.BAD_CHUNK:
        ("ChunkedEncodingError", "RemoteProtocolError", "ClientResponseError", "IncompleteRead"),
    Malformation.GARBAGE:
        ("ConnectionError", "RemoteProtocolError", "ClientResponseError", "BadStatusLine"),
    Malformation.BAD_UTF8:
        ("**completed**", "UnicodeDecodeError", "UnicodeDecodeError", "UnicodeDecodeError"),
    Malformation.BAD_GZIP:
        ("ContentDecodingError", "DecodingError", "ClientPayloadError", "**completed**"),
}  # fmt: skip
"""How requests, httpx, aiohttp and urllib react to each."""


@dataclass(frozen=True, slots=True)
class Malform(Fault):
    """The reply is damaged in one of the ways of `Malformation`."""

    name: ClassVar = "malform"
    reply_arrives: ClassVar = False
    needs_commit: ClassVar = True
    SCHEMA: ClassVar[Json] = mapping(
        "A damaged reply that no client should accept.",
        "{commit: true, as: html}",
        {
            "commit": COMMIT,
            "as": word(
                "How the reply is damaged.",
                "a kind of damage",
                _WAYS,
                f"as is one of {', '.join(_WAYS[:-1])} and {_WAYS[-1]}",
            ),
        },
        ["as"],
    )
    EXAMPLES: ClassVar = tuple(Example({"as": way.value}, *met) for way, met in _MET.items())
    EXPLORED: ClassVar = Explored("the reply is not JSON", {"as": "invalid_json"})
    ROW: ClassVar = "a damaged reply that no client should accept, `as` one of those below"
    SECTION: ClassVar = """
`malform: {commit: true, as: html}`.

| `as` | the reply |
|---|---|
""" + "".join(f"| `{way}` | {_spoiler(way).__doc__} |\n" for way in Malformation)

    commit: bool
    how: Malformation

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{commit, as}`."""
        return cls(plain.get("commit", is_read), Malformation(plain["as"]))

    def fields(self) -> dict[str, object]:
        """Write `{as}`."""
        return {"as": self.how.value}

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Self:
        """Make an `invalid_json`, as the journal does not say in which way it was damaged."""
        return cls(record.commit, Malformation.INVALID_JSON)

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Send the damaged reply."""
        if self.how is Malformation.GARBAGE:
            yield Send(garbage(reply.seed, reply.request_number))
            yield Close()
        else:
            yield from send_last(SPOIL[self.how](reply))
