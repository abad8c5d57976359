"""Owns what all wire faults have in common: the parts that each of them has to bring."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Self

from payments_sandbox.rules.faults.reply import PlanStep, RealReply
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.rules.step_outcome import DEFAULT, Outcome, StepPlan

ABANDONED: Final = "abandoned"
"""What the journal has in place of a fault's name where the client left before the reply."""


class JournalRecord(NamedTuple):
    """What the journal keeps of a call that met a fault.

    Attributes:
        status: of the reply that went out; None where it was no reply.
        body: of that reply.
        commit: whether the operation happened.
        duration_ms: wall milliseconds from the request to the end of the reply.
    """

    status: int | None
    body: bytes
    commit: bool
    duration_ms: float


class Example(NamedTuple):
    """A fault as a scenario spells it, and what four clients make of it.

    Each client pays on a fresh connection with `commit: true`, looks at the status, and reads the
    JSON: its exception, a bad `status`, or the payment's. Two asterisks on either side mark what
    misleads. A test runs all four.

    Attributes:
        plain: the mapping without `commit`.
        under_tls: of clients that make something else of it under TLS: what that is.
    """

    plain: Json
    requests: str
    httpx: str
    aiohttp: str
    urllib: str
    under_tls: Mapping[str, str] = MappingProxyType({})


class Explored(NamedTuple):
    """The fault as `explore` tries it and coverage of failure counts it.

    Attributes:
        about: what the client meets, in a clause.
        plain: the mapping without `commit`. What waits does so between the timeouts that clients
            have, so that nothing is a race.
    """

    about: str
    plain: Json


class Fault(Outcome):
    """What a client meets on its socket in place of a good reply; the values are frozen.

    Attributes:
        commit: whether the operation happens; True on reads, which change nothing.
        name: beside the key of a step, the journal's `fault` and the name of its module.
        EXAMPLES: at least one; the tests of the family run each of them.
        EXPLORED: how `explore` tries it; None where it does not.
        SECTION: what there is to know about it, for docs/wire-faults.md.
        reply_arrives: whether the client gets the real reply after all, only later.
        starts_silent: whether the client waits before it gets a byte or the end of the connection.
            What the call sets off does not wait for that.
    """

    __slots__ = ()

    EXAMPLES: ClassVar[tuple[Example, ...]]
    EXPLORED: ClassVar[Explored | None]
    SECTION: ClassVar[str]
    reply_arrives: ClassVar[bool]
    starts_silent: ClassVar[bool] = False

    commit: bool

    @classmethod
    @abstractmethod
    def parse(cls, plain: Json, *, is_read: bool) -> Self:
        """Read the mapping of a scenario.

        Args:
            plain: valid by `SCHEMA`.
            is_read: whether the rule is about an operation that changes nothing.

        Raises:
            ValueError: the values do not go together; the text names the key and what would do.
        """

    @abstractmethod
    def fields(self) -> dict[str, object]:
        """The mapping that `parse` reads, without `commit`."""

    @classmethod
    @abstractmethod
    def from_journal(cls, record: JournalRecord) -> "Fault":
        """Make the fault that a call has met, as far as the journal knows it."""

    @abstractmethod
    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Yield what the client meets in place of the reply, step by step.

        It reads no clock and draws nothing: what varies comes from `reply`.
        """

    def source(self, *, is_read: bool) -> dict[str, object]:
        """The mapping as a scenario has it; `parse` makes the fault of it again."""
        if is_read or not self.may_commit():
            return self.fields()
        if self.needs_commit:
            return {"commit": self.commit, **self.fields()}
        return {**self.fields(), "commit": True} if self.commit else self.fields()

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read the mapping of the fault's key."""
        return cls.parse(step[cls.name], is_read=is_read)

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write the fault's key and mapping."""
        return {self.name: self.source(is_read=is_read)}

    def step_plan(self, rule: str) -> StepPlan:
        """Perform the operation if the fault commits; the reply is hidden or spoilt later."""
        return StepPlan(DEFAULT if self.commit else None)

    def may_have_answered(self, error: str | None) -> bool:
        """Never, as a call that met a fault has it in its journal entry."""
        return False
