"""Owns the fault `truncate`: the reply breaks off, in its body or in its head, with a FIN."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self

from payments_sandbox.rules.faults.fault import Example, Explored, Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, PlanStep, RealReply, Send
from payments_sandbox.rules.schema_parts import COMMIT, Json, mapping, word

_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """The reply ends early: its head promises more than is sent, or the head itself breaks off.

    Attributes:
        keep: how many percent of the body or the head are sent, rounded down to whole bytes; at
            least one byte is missing.
        part: where the reply breaks off.
    """

    name: ClassVar = "truncate"
    reply_arrives: ClassVar = False
    needs_commit: ClassVar = True
    SCHEMA: ClassVar[Json] = mapping(
        "The reply promises more than it sends.",
        "{commit: true, keep: 40%}",
        {
            "commit": COMMIT,
            "keep": {
                "description": "How much is sent; at least one byte is missing.",
                "type": "string",
                "maxLength": 8,
                "pattern": r"^(?:100|[0-9]{1,2}(?:\.[0-9]{1,2})?)%$",
                "x-expected": "a percentage",
                "x-hint": "a percentage looks like 40% or 12.5%",
            },
            "in": word("Where it breaks off.", "body or headers", ["body", "headers"]),
        },
    )
    EXAMPLES: ClassVar = (
        Example(
            {"keep": "40%"},
            requests="ChunkedEncodingError",
            httpx="RemoteProtocolError",
            aiohttp="ClientPayloadError",
            urllib="IncompleteRead",
        ),
        Example(
            {"in": "headers"},
            requests="**JSONDecodeError**",
            httpx="RemoteProtocolError",
            aiohttp="ServerDisconnectedError",
            urllib="**JSONDecodeError**",
        ),
    )
    EXPLORED: ClassVar = Explored("the reply breaks off", {"keep": "50%"})
    ROW: ClassVar = (
        "an incomplete reply: `keep: 40%` of it is sent, cut `in` its `body` or its `headers`"
    )
    SECTION: ClassVar = """
`truncate: {commit: true, keep: 40%, in: body}`. `keep` is rounded down to whole bytes, and at least
one byte is missing. With `in: body` the head promises the whole body; with `in: headers` the head
itself is cut.
"""

    commit: bool
    keep: float = 50.0
    part: Literal["body", "headers"] = "body"

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{commit, keep, in}`."""
        keep = float(plain.get("keep", "50%").removesuffix("%"))
        return cls(plain.get("commit", is_read), keep, plain.get("in", "body"))

    def fields(self) -> dict[str, object]:
        """Write `{keep, in}`."""
        return {"keep": f"{self.keep:g}%", "in": self.part}

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Self:
        """Make one that keeps half: of the head if no whole head was sent, else of the body."""
        return cls(record.commit, part="headers" if record.status is None else "body")

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Send the first part of the real reply, whose head promises all of it."""
        whole = reply.framed()
        if self.part == "headers":
            yield Send(self._first(whole.head()))
        else:
            sent = whole._replace(body=self._first(whole.body))
            yield Send(sent.head() + sent.body, shown=sent)
        yield Close()

    def _first(self, data: bytes) -> bytes:
        """The first `keep` percent of some bytes, rounded down and without the last byte."""
        return data[: max(0, min(int(len(data) * self.keep / _WHOLE), len(data) - 1))]
