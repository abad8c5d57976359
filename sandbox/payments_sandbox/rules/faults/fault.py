"""Owns the base class of wire faults: the parts that each of them has to define."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Self

from payments_sandbox.rules.faults.reply import PlanStep, RealReply
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.rules.step_outcome import DEFAULT, Outcome, StepPlan

ABANDONED: Final = "abandoned"
"""What the journal has instead of a fault's name if the client left before the reply."""


class JournalRecord(NamedTuple):
    """What the journal contains about a call that met a fault.

    Attributes:
        status: the status of the reply that was sent; None if there was no reply.
        body: the body of that reply.
        commit: whether the operation took effect.
        duration_ms: wall milliseconds from the request to the end of the reply.
    """

    status: int | None
    body: bytes
    commit: bool
    duration_ms: float


class Example(NamedTuple):
    """A fault as written in a scenario, and how four HTTP clients react to it.

    Each client pays on a new connection with `commit: true`, checks the status, and parses the
    JSON. Its reaction is an exception, a bad `status`, or the status of the payment. Misleading
    reactions are marked by two asterisks on either side. A test runs all four.

    Attributes:
        plain: the mapping without `commit`.
        under_tls: the reactions of clients that react differently under TLS.
    """

    plain: Json
    requests: str
    httpx: str
    aiohttp: str
    urllib: str
    under_tls: Mapping[str, str] = MappingProxyType({})


class Explored(NamedTuple):
    """The fault as `explore` tries it, and as coverage of failure counts it.

    Attributes:
        about: what the client meets, in a clause.
        plain: the mapping without `commit`. Waiting times lie clearly between the usual timeouts
            of clients, so that there are no races.
    """

    about: str
    plain: Json


class Fault(Outcome):
    """What a client meets on its socket instead of a good reply; instances are frozen.

    Attributes:
        commit: whether the operation takes effect; True for reads, which change nothing.
        name: the key of a step, the journal's `fault`, and the name of its module.
        EXAMPLES: at least one; the tests of the family run each of them.
        EXPLORED: how `explore` tries it; None if it does not.
        SECTION: its description in docs/wire-faults.md.
        reply_arrives: whether the client gets the real reply in the end.
        starts_silent: whether the client waits before the first byte or the end of the
            connection. Webhooks of the call do not wait for that.
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
        """Read the mapping in a scenario.

        Args:
            plain: the mapping, valid by `SCHEMA`.
            is_read: whether the operation of the rule changes nothing.
        """

    @abstractmethod
    def fields(self) -> dict[str, object]:
        """The mapping that `parse` reads, without `commit`."""

    @classmethod
    @abstractmethod
    def from_journal(cls, record: JournalRecord) -> "Fault":
        """Make the fault that a call has met, as far as the journal describes it."""

    @abstractmethod
    def plan(self, reply: RealReply) -> Iterator[PlanStep]:
        """Yield what the client meets instead of the reply, step by step.

        A plan reads no clock and draws no random numbers: whatever varies comes from `reply`.
        """

    def source(self, *, is_read: bool) -> dict[str, object]:
        """The mapping in a scenario from which `parse` makes an equal fault."""
        if is_read or not self.may_commit():
            return self.fields()
        if self.needs_commit:
            return {"commit": self.commit, **self.fields()}
        return {**self.fields(), "commit": True} if self.commit else self.fields()

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read a step with the fault's key."""
        return cls.parse(step[cls.name], is_read=is_read)

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write a step with the fault's key."""
        return {self.name: self.source(is_read=is_read)}

    def step_plan(self, rule: str) -> StepPlan:
        """Perform the operation if the fault commits; the reply is replaced when it is sent."""
        return StepPlan(DEFAULT if self.commit else None)

    def may_have_answered(self, error: str | None) -> bool:
        """Return False: a call that met a fault has its name in the journal."""
        return False
