"""Owns the fault `drip`: the real reply, with its body sent in pieces at regular intervals."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Final, Self

from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.faults.fault import Example, Explored, Fault, JournalRecord
from payments_sandbox.rules.faults.reply import KeepOpen, PlanStep, RealReply, Send, WaitUntil
from payments_sandbox.rules.schema_parts import Json, duration, mapping, whole

_CHUNKS: Final = 20


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """The real reply, its body sent in pieces.

    Attributes:
        over: wall milliseconds from the head to the last piece; capped by --max-wall-delay.
        chunks: how many pieces, evenly spread; fewer if the body has fewer bytes.
    """

    name: ClassVar = "drip"
    reply_arrives: ClassVar = True
    needs_commit: ClassVar = False
    wall_time: ClassVar = "over"
    SCHEMA: ClassVar[Json] = mapping(
        "A slow body.",
        "{over: 4s, chunks: 20}",
        {
            "over": duration(
                "From the first piece to the last, in wall time.",
                "over is the duration of the body",
            ),
            "chunks": whole("In how many pieces.", 1, 10_000),
        },
        ["over"],
    )
    EXAMPLES: ClassVar = (
        Example(
            {"over": "900ms", "chunks": 30},
            requests="**completed**",
            httpx="**completed**",
            aiohttp="TimeoutError",
            urllib="**completed**",
        ),
    )
    EXPLORED: ClassVar = Explored("the reply drips in", {"over": "2500ms"})
    ROW: ClassVar = "the real reply, with its body sent `over` a time in a number of `chunks`"
    SECTION: ClassVar = """
`drip: {over: 4s, chunks: 20}`. The head is sent at once, and the last piece after `over`. There is
no `commit`, since the reply does arrive. A body of fewer bytes than `chunks` is sent byte by byte.
"""

    over: int
    chunks: int = _CHUNKS
    commit: bool = field(default=True, init=False, repr=False)  # its reply arrives

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{over, chunks}`."""
        return cls(read_duration(plain["over"]), plain.get("chunks", _CHUNKS))

    def fields(self) -> dict[str, object]:
        """Write `{over, chunks}`."""
        return {"over": show_duration(self.over), "chunks": self.chunks}

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Self:
        """Make a drip that takes as long as the call took."""
        return cls(max(1, round(record.duration_ms)))

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Send the head at once and the last piece after `over`; the connection stays open."""
        whole = reply.framed()
        sent = whole.with_header("Connection", reply.connection) if reply.connection else whole
        lasts = min(self.over, reply.max_wait)
        pieces = _pieces(whole.body, self.chunks)
        yield Send(sent.head(), shown=None if pieces else whole)
        for number, piece in enumerate(pieces, start=1):
            # Counted from the start, since the delays of separate gaps would add up.
            yield WaitUntil(lasts * number / len(pieces))
            yield Send(piece, shown=whole if number == len(pieces) else None)
        yield KeepOpen()


def _pieces(body: bytes, wanted: int) -> list[bytes]:
    """Cut a body into a number of pieces, or into single bytes if it has fewer."""
    count = min(wanted, len(body))
    ends = [len(body) * number // count for number in range(count + 1)] if count else []
    return [body[start:end] for start, end in pairwise(ends)]
