"""Owns how expectations count: an exact number or bounds, and the text of what was seen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from payments_sandbox.core.slices import SLICE, Slices
from payments_sandbox.rules.conditions import matches, parse_when
from payments_sandbox.rules.fields import Fields
from payments_sandbox.rules.model import When
from payments_sandbox.rules.schema_parts import Json, count_or_bounds
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)
from payments_sandbox.world.world import World

MAX_IDS_SHOWN: Final = 10
"""How many ids a result lists; the journal has the rest."""


class Count(NamedTuple):
    """Bounds of a count, both included; None stands for no bound."""

    least: int | None = None
    most: int | None = None

    def admits(self, count: int) -> bool:
        """Whether a count is within the bounds."""
        return (self.least or 0) <= count and (self.most is None or count <= self.most)

    def is_exceeded_by(self, count: int) -> bool:
        """Whether a count is above the upper bound."""
        return self.most is not None and count > self.most

    def with_noun(self, singular: str, plural: str) -> str:
        """Write the count with its noun: `at most 1 retry`, `2 retries`."""
        last = self.least if self.most is None else self.most
        return f"{self} {singular if last == 1 else plural}"

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.least}"
        if self.most is None:
            return f"at least {self.least}"
        return f"at most {self.most}" if self.least is None else f"{self.least} to {self.most}"


def parse_count(value: object) -> Count | None:
    """Parse a whole number or `{min, max}`; None stands for no count."""
    match value:
        case None:
            return None
        case int():
            return Count(value, value)
        case _:
            bounds = dict[str, int](value)  # type: ignore[call-overload]  # the schema has seen to it
            return Count(bounds.get("min"), bounds.get("max"))


class Record(NamedTuple):
    """A payment or a refund that an expectation may count.

    Attributes:
        amount: its amount in minor units.
        fields: its fields, for conditions.
        may_change: whether its status can still change.
    """

    id: str
    amount: int
    fields: Fields
    may_change: bool = False


FindRecords = Callable[[World], Iterator[Record | None]]
"""Yields the records of a world; None stands for something else among them."""


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many records meet the conditions, and the total of their amounts in minor units."""

    find: FindRecords
    conditions: When
    count: Count | None = None
    total: Count | None = None

    def evaluate(self, context: EvaluationContext) -> Slices[ExpectationResult]:
        """Count the records, and separately those that will certainly keep counting."""
        asks_for_status = any(each.field == "status" for each in self.conditions)
        ids: list[str] = []
        amount = certain = certain_amount = 0
        for number, each in enumerate(self.find(context.observed.world)):
            if number % SLICE == 0:
                yield
            if each is None or not matches(self.conditions, each.fields):
                continue
            ids.append(each.id)
            amount += each.amount
            if not (asks_for_status and each.may_change):
                certain += 1
                certain_amount += each.amount
        met, too_many = _compare(self.count, len(ids), certain)
        is_enough, too_much = _compare(self.total, amount, certain_amount)
        wanted = [] if self.count is None else [str(self.count)]
        wanted += [] if self.total is None else [f"a total of {self.total}"]
        observed = f"expected {' and '.join(wanted)}, {saw(ids)}"
        observed += "" if self.total is None else f"; their total is {amount}"
        return ExpectationResult(met and is_enough, observed, is_final=too_many or too_much)


def _compare(wanted: Count | None, found: int, certain: int) -> tuple[bool, bool]:
    """Whether a count is right, and whether those that stay are too many already."""
    if wanted is None:
        return True, False
    return wanted.admits(found), wanted.is_exceeded_by(certain)


def records_kind(  # noqa: PLR0913 - each by its name
    *,
    key: str,
    docs: str,
    description: str,
    hint: str,
    example: Json,
    fields: tuple[str, ...],
    find: FindRecords,
) -> ExpectationKind:
    """Make a kind of expectation that counts records and adds up their amounts.

    Args:
        key: the key of the matchers, which is also what the records are called.
        docs: when it is met.
        description: a sentence for editors.
        hint: an example of matchers, such as `{status: completed}`.
        example: an example of the whole expectation.
        fields: the fields that matchers may use.
        find: yields the records.
    """

    def parse(plain: Json) -> RecordCount:
        count, total = parse_count(plain.get("count")), parse_count(plain.get("total"))
        return RecordCount(find, parse_when(plain[key]), count, total)

    schema = {
        "description": description,
        "x-hint": f"{key} needs count or total",
        "properties": {
            key: {
                "description": "Which.",
                "x-expected": f"a mapping of matchers such as {hint}",
            },
            "count": count_or_bounds("How many."),
            "total": count_or_bounds("The sum of their amounts, in minor units."),
        },
        "anyOf": [{"required": ["count"]}, {"required": ["total"]}],
    }
    return ExpectationKind(key, docs, schema, (example,), parse, matchers=key, fields=fields)


def saw(ids: Sequence[str]) -> str:
    """Say how many there were, and which."""
    return f"saw {len(ids)}: {listed(ids)}" if ids else "saw none"


def listed(ids: Iterable[str]) -> str:
    """List the first ids, with an ellipsis for the others."""
    found = list(ids)
    return ", ".join(found[:MAX_IDS_SHOWN]) + (", …" if len(found) > MAX_IDS_SHOWN else "")
