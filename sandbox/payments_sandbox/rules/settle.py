"""Owns the outcome `settle`: the payment is pending, and completes or fails later."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.payments.payment import TRANSITIONS, Status
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.rules.step_outcome import (
    EntryProblem,
    Outcome,
    PaymentOptions,
    Settlement,
    StepPlan,
)


@dataclass(frozen=True, slots=True)
class Settle(Outcome):
    """The payment starts as pending and takes these turns; without any it stays pending."""

    name: ClassVar = "settle"
    SCHEMA: ClassVar[Json] = {
        "description": "How this payment settles; the first entry is pending.",
        "type": "array",
        "minItems": 1,
        "maxItems": 10,
        "items": {"$ref": "#/$defs/turn"},
        "x-expected": "a list such as [{to: pending}, {to: completed, after: 2h}]",
    }
    EXAMPLES: ClassVar = (
        [{"to": "pending"}],
        [{"to": "pending"}, {"to": "completed", "after": "2h"}],
        [{"to": "pending"}, {"to": "failed", "after_reads": 3}],
    )
    ROW: ClassVar = "how the payment that is being created settles"

    turns: tuple[Settlement, ...]

    @classmethod
    def parse_step(cls, step: Json, *, is_read: bool) -> Self:
        """Read `settle`: each `after` counts from the entry before."""
        found: list[Settlement] = []
        since = 0
        for turn in step[cls.name]:
            # None stands for an entry that the lint has removed.
            if turn is not None and (to := Status(turn["to"])) is not Status.PENDING:
                since += read_duration(turn.get("after", "0s"))
                reads = turn.get("after_reads")
                found.append(Settlement(to, since if reads is None else None, reads))
        return cls(tuple(found))

    @classmethod
    def problems(cls, step: Json, operation: str, contract: Contract) -> Iterator[EntryProblem]:
        """Find turns that are impossible, and an operation that creates no payment."""
        if operation != "create_payment":
            message = f"'{cls.name}' needs a payment that is being created"
            hint = "use it with request: create_payment"
            yield EntryProblem((cls.name,), message, hint, is_key=True)
        before: Status | None = None
        for position, turn in enumerate(step[cls.name]):
            if turn is not None:
                place = (cls.name, position)
                yield from _turn_problems(before, turn, place)
                before = Status(turn["to"])

    def step_source(self, *, is_read: bool) -> dict[str, Any]:
        """Write `pending` and the turns; each `after` counts from the entry before."""
        entries: list[dict[str, object]] = [{"to": Status.PENDING.value}]
        since = 0
        for turn in self.turns:
            wait: dict[str, object] = {"after_reads": turn.reads}
            if turn.after is not None:
                wait = {"after": show_duration(turn.after - since)}
                since = turn.after
            entries.append({"to": turn.to.value} | wait)
        return {self.name: entries}

    def step_plan(self, rule: str) -> StepPlan:
        """Make the payment pending."""
        return StepPlan(PaymentOptions(turns=self.turns, rule=rule))


def _turn_problems(
    before: Status | None, turn: Json, place: tuple[str | int, ...]
) -> Iterator[EntryProblem]:
    """Find what is wrong with a turn after a status, which is None for the first turn."""
    to = Status(turn["to"])
    waits = [key for key in ("after", "after_reads") if key in turn]
    if before is None:
        if to is not Status.PENDING or waits:
            message, hint = "the first entry is {to: pending}", "add it before this one"
            yield EntryProblem(place, message, hint)
    elif to not in TRANSITIONS[before].values() or to is before:
        message = f"a payment that is {before} cannot become {to}"
        hint = "a payment settles once: completed or failed"
        yield EntryProblem((*place, "to"), message, hint)
    elif len(waits) != 1:
        message = "an entry has after or after_reads, not both"
        yield EntryProblem(place, message, "such as {to: completed, after: 2h}")
