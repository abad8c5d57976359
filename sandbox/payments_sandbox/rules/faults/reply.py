"""Owns the reply that a fault damages, and the steps of its plan: what is sent, and the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

BODILESS: Final = frozenset({204, 304})
"""Statuses without a body: bytes after their head would be read as the next reply."""

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class RealReply(NamedTuple):
    """The reply that the client would have got, and what else a fault may use.

    Attributes:
        headers: all headers except Content-Length, Date and Connection.
        body: the body, also of the reply to a HEAD request.
        version: the HTTP version of the request, such as `1.1`.
        is_head: whether the request is a HEAD, so that no body is sent.
        connection: the `Connection` header of a reply after which the connection may stay open;
            empty if there is none.
        date: the value of the `Date` header.
        seed: the world's seed; together with `request_number`, the source of all draws.
        request_number: the position of the request in the world's journal.
        max_wait: how many wall milliseconds a fault may last (`--max-wall-delay`).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    version: str = "1.1"
    is_head: bool = False
    connection: str = ""
    date: str = ""
    seed: int = 0
    request_number: int = 0
    max_wait: int = 0

    def with_header(self, name: str, value: str) -> "RealReply":
        """The reply with one header line added or replaced."""
        return self._replace(headers={**self.headers, name: value})

    def framed(self) -> "RealReply":
        """The reply with a Content-Length if it needs one, and without a body for a HEAD."""
        headers = {**self.headers}
        is_framed = not {"content-length", "transfer-encoding"}.isdisjoint(_lower(headers))
        if not is_framed and self.status not in BODILESS:
            headers["Content-Length"] = str(len(self.body))
        return self._replace(headers=headers, body=b"" if self.is_head else self.body)

    def head(self) -> bytes:
        """The status line and the header lines, including the empty line at the end."""
        lines = [f"HTTP/{self.version} {self.status} {_PHRASES.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if "date" not in _lower(self.headers):
            lines.append(f"Date: {self.date}")
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Send:
    """Send bytes.

    Attributes:
        shown: the reply that the journal shows from now on; None leaves it as it is.
    """

    data: bytes
    shown: RealReply | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Wait until a number of wall milliseconds have passed since the plan began.

    If the client leaves or the world is reset meanwhile, the plan and the connection end.
    """

    milliseconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with an RST; the plan is over."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection with a FIN; the plan is over."""


@dataclass(frozen=True, slots=True)
class KeepOpen:
    """Keep the connection open for the next request, if the client allows it."""


PlanStep = Send | WaitUntil | Reset | Close | KeepOpen
"""One step of a plan; the last one is `Reset`, `Close` or `KeepOpen`."""


def send_last(reply: RealReply) -> Iterator[PlanStep]:
    """Send a whole reply with `Connection: close`, and close the connection."""
    if "connection" not in _lower(reply.headers):
        reply = reply.with_header("Connection", "close")
    whole = reply.framed()
    yield Send(whole.head() + whole.body, shown=whole)
    yield Close()


def _lower(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}
