"""Owns the values of the wire faults: what a client meets on its socket in place of the reply.

`commit` says whether the operation happened first, which decides whether a retry charges twice. It
is True on reads, where there is nothing to happen. How each fault is done is in `web/faults/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Drop:
    """Not one byte comes back: the connection ends with a FIN (`close`) or an RST (`reset`)."""

    commit: bool
    how: Literal["close", "reset"]


@dataclass(frozen=True, slots=True)
class Hang:
    """Accepted, then silence until the client leaves, time is up, or the wall-delay cap ends it.

    Attributes:
        lasts: wall milliseconds of silence; None is as long as the cap allows.
    """

    commit: bool
    lasts: int | None = None


@dataclass(frozen=True, slots=True)
class Truncate:
    """The reply ends early: its head promises more than is sent, or the head itself breaks off.

    Attributes:
        keep: percent of the body, or of the head, that is sent; rounded down to whole bytes, and
            at least one byte is missing.
        part: where the reply breaks off.
    """

    commit: bool
    keep: float = 50.0
    part: Literal["body", "headers"] = "body"


class Malformation(StrEnum):
    """The ways in which a reply can be wrong that no client should take for a good one."""

    INVALID_JSON = "invalid_json"
    HTML = "html"
    EMPTY = "empty"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    WRONG_LENGTH = "wrong_length"
    BAD_CHUNK = "bad_chunk"
    GARBAGE = "garbage"
    BAD_UTF8 = "bad_utf8"
    BAD_GZIP = "bad_gzip"


@dataclass(frozen=True, slots=True)
class Malform:
    """The reply comes, and is wrong in one of the ways of `Malformation`."""

    commit: bool
    how: Malformation


@dataclass(frozen=True, slots=True)
class Drip:
    """The real reply, its body sent in pieces.

    Attributes:
        over: wall milliseconds from the first piece to the last; capped by --max-wall-delay.
        chunks: how many pieces.
    """

    over: int
    chunks: int


@dataclass(frozen=True, slots=True)
class RespondRaw:
    """Any status, headers and body: the one door out of the contract."""

    status: int
    headers: Mapping[str, str]
    body: str
    commit: bool = False


Fault = Drop | Hang | Truncate | Malform | Drip | RespondRaw
"""What the rim does to the connection in place of sending the reply."""
