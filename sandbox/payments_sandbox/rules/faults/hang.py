"""Owns the fault `hang`: the request is accepted, then silence, then a FIN without a byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.faults.fault import Example, Explored, Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, PlanStep, RealReply, WaitUntil
from payments_sandbox.rules.schema_parts import COMMIT, Json, duration, mapping


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """Accepted, then silence until the client leaves, time is up, or the wall-delay cap ends it.

    Attributes:
        lasts: wall milliseconds of silence; None lasts as long as the cap allows.
    """

    name: ClassVar = "hang"
    reply_arrives: ClassVar = False
    needs_commit: ClassVar = True
    starts_silent: ClassVar = True
    wall_time: ClassVar = "for"
    SCHEMA: ClassVar[Json] = mapping(
        "Accepted, then silence.",
        "{commit: true}",
        {
            "commit": COMMIT,
            "for": duration("How long, in wall time; default: until the cap."),
        },
    )
    EXAMPLES: ClassVar = (
        Example(
            {},
            requests="ReadTimeout",
            httpx="ReadTimeout",
            aiohttp="TimeoutError",
            urllib="TimeoutError",
        ),
        Example(
            {"for": "100ms"},
            requests="ConnectionError",
            httpx="RemoteProtocolError",
            aiohttp="ServerDisconnectedError",
            urllib="RemoteDisconnected",
        ),
    )
    EXPLORED: ClassVar = Explored("no reply comes, the connection stays open", {"for": "2500ms"})
    ROW: ClassVar = "no reply `for` a time, then the connection is closed"
    SECTION: ClassVar = """
`hang: {commit: true, for: 2s}`. Without `for` it lasts as long as `--max-wall-delay` allows.
"""

    commit: bool
    lasts: int | None = None

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{commit, for}`."""
        lasts = read_duration(plain["for"]) if "for" in plain else None
        return cls(plain.get("commit", is_read), lasts)

    def fields(self) -> dict[str, object]:
        """Write `{for}`."""
        return {} if self.lasts is None else {"for": show_duration(self.lasts)}

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Self:
        """Make a hang as long as the cap allows, since the client may have left before its end."""
        return cls(record.commit)

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Wait in silence, then close."""
        lasts = reply.max_wait if self.lasts is None else self.lasts
        yield WaitUntil(min(lasts, reply.max_wait))
        yield Close()
