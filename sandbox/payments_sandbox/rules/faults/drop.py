"""Owns the fault `drop`: not one byte comes back; the connection ends with a FIN or an RST."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from payments_sandbox.rules.faults.fault import Example, Explored, Fault, JournalRecord
from payments_sandbox.rules.faults.reply import Close, PlanStep, RealReply, Reset
from payments_sandbox.rules.schema_parts import COMMIT, Json, mapping, word


@dataclass(frozen=True, slots=True)
class Drop(Fault):
    """Not one byte comes back: the connection ends with a FIN (`close`) or an RST (`reset`)."""

    name: ClassVar = "drop"
    reply_arrives: ClassVar = False
    needs_commit: ClassVar = True
    SCHEMA: ClassVar[Json] = mapping(
        "Not one byte comes back.",
        "{commit: true, how: reset}",
        {
            "commit": COMMIT,
            "how": word(
                "How the connection ends: a FIN or an RST.", "close or reset", ["close", "reset"]
            ),
        },
    )
    EXAMPLES: ClassVar = (
        Example(
            {"how": "close"},
            requests="ConnectionError",
            httpx="RemoteProtocolError",
            aiohttp="ServerDisconnectedError",
            urllib="RemoteDisconnected",
        ),
        Example(
            {"how": "reset"},
            requests="ConnectionError",
            httpx="ReadError",
            aiohttp="ClientOSError",
            urllib="ConnectionResetError",
            under_tls={"httpx": "RemoteProtocolError", "urllib": "RemoteDisconnected"},
        ),
    )
    EXPLORED: ClassVar = Explored("the connection breaks and no reply comes", {"how": "reset"})
    ROW: ClassVar = "no reply, not one byte: `how: close` closes the connection, `reset` resets it"
    SECTION: ClassVar = """
`drop: {commit: true, how: reset}`. `how` is `close` (a FIN) or `reset` (an RST).
"""

    commit: bool
    how: Literal["close", "reset"] = "close"

    @classmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read `{commit, how}`."""
        return cls(plain.get("commit", is_read), plain.get("how", "close"))

    def fields(self) -> dict[str, object]:
        """Write `{how}`."""
        return {"how": self.how}

    @classmethod
    def from_journal(cls, record: JournalRecord) -> Self:
        """Make a `close`, as the journal does not say which one it was."""
        return cls(record.commit)

    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """End the connection at once."""
        yield Reset() if self.how == "reset" else Close()
