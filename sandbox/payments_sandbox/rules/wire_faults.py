"""Owns the values of the wire faults: what a client matches on its socket in place of the reply.

`commit` says whether the operation happened first, which decides whether a retry charges twice. It
is True on reads, where there is nothing to happen. How each fault is done is in `web/faults/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


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

    Raises:
        ValueError: `keep` is no percentage.
    """

    commit: bool
    keep: float = 50.0
    part: Literal["body", "headers"] = "body"

    def __post_init__(self) -> None:
        if not 0 <= self.keep <= WHOLE:
            raise ValueError("keep: expected 0% to 100%")


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
        over: wall milliseconds from the head to the last piece; capped by --max-wall-delay.
        chunks: how many pieces, evenly spread; fewer when the body has fewer bytes.

    Raises:
        ValueError: there are no chunks.
    """

    over: int
    chunks: int

    def __post_init__(self) -> None:
        if self.chunks < 1:
            raise ValueError("chunks: expected 1 or more")


@dataclass(frozen=True, slots=True)
class RespondRaw:
    """Any status, headers and body: the one door out of the contract.

    Headers that are not given are those of the real reply, and Content-Length is the body's.

    Raises:
        ValueError: no HTTP reply can say this; the text names the part and what would do.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    commit: bool = False

    def __post_init__(self) -> None:
        if not LOWEST_STATUS <= self.status <= HIGHEST_STATUS:
            raise ValueError(f"status: expected {LOWEST_STATUS} to {HIGHEST_STATUS}")
        if self.body and self.status in BODILESS:
            raise ValueError(f"body: expected none, as a {self.status} has no body")
        if not _is_text(self.body):
            raise ValueError("body: expected text that UTF-8 can write")
        for name, value in self.headers.items():
            if not re.fullmatch(_HEADER_NAME, name):
                raise ValueError(
                    f"headers: expected a name of letters, digits and '-', not {name!r}"
                )
            if not re.fullmatch(_HEADER_VALUE, value) or not _is_text(value):
                raise ValueError(f"headers: expected {name} in one line without control characters")


Fault = Drop | Hang | Truncate | Malform | Drip | RespondRaw
"""What the rim does to the connection in place of sending the reply."""

NAMES: Final[dict[type[Fault], str]] = {
    Drop: "drop",
    Hang: "hang",
    Truncate: "truncate",
    Malform: "malform",
    Drip: "drip",
    RespondRaw: "respond_raw",
}
"""What each fault is called in scenarios, journal and documents."""

WHOLE: Final = 100
"""What `keep` counts in: percent."""

LOWEST_STATUS: Final = 200
"""Below it are interim replies, after which a client goes on waiting."""

HIGHEST_STATUS: Final = 599
BODILESS: Final = frozenset({204, 304})
"""What follows the head of these would be read as the next reply."""

_HEADER_NAME: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_HEADER_VALUE: Final = r"[^\x00-\x08\x0a-\x1f\x7f]*"


def _is_text(text: str) -> bool:
    """Whether it can be sent: JSON and YAML can write half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
