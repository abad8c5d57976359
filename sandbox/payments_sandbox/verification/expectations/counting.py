"""Owns how expectations count: an exact number or bounds, and the words for what was seen."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.verification.expectations.expectation import ExpectationResult

MAX_IDS_SHOWN: Final = 10
"""Ids that one result names; the journal has the rest."""


class Count(NamedTuple):
    """How many there may be; None leaves that end open."""

    least: int | None = None
    most: int | None = None

    def admits(self, count: int) -> bool:
        """Whether so many may be."""
        return (self.least or 0) <= count and (self.most is None or count <= self.most)

    def is_exceeded_by(self, count: int) -> bool:
        """Whether there are too many already."""
        return self.most is not None and count > self.most

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.least}"
        if self.most is None:
            return f"at least {self.least}"
        return f"at most {self.most}" if self.least is None else f"{self.least} to {self.most}"


def parse_count(value: object) -> Count | None:
    """The count of a whole number or of `{min, max}`; None where none is written."""
    match value:
        case None:
            return None
        case int():
            return Count(value, value)
        case _:
            bounds = dict[str, int](value)  # type: ignore[call-overload]  # the schema has seen to it
            return Count(bounds.get("min"), bounds.get("max"))


def records_schema(key: str, description: str, example: str) -> Json:
    """The schema of an expectation that counts records and adds their amounts up.

    Args:
        key: of the matchers, which is what the records are called.
        description: a sentence for editors.
        example: of matchers, such as `{status: completed}`.
    """
    return {
        "description": description,
        "x-hint": f"{key} has count or total",
        "properties": {
            key: {
                "description": "Which.",
                "x-expected": f"a mapping of matchers such as {example}",
            },
            "count": {"description": "How many.", "$ref": "#/$defs/count"},
            "total": {
                "description": "The sum of their amounts, in minor units.",
                "$ref": "#/$defs/count",
            },
        },
        "anyOf": [{"required": ["count"]}, {"required": ["total"]}],
    }


class Tally:
    """Records that were found, and the sum of their amounts in minor units."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._amount = self._staying = self._staying_amount = 0

    def add(self, record_id: str, amount: int, *, may_leave: bool = False) -> None:
        """Count a record; `may_leave` says that it can still change and stop counting."""
        self._ids.append(record_id)
        self._amount += amount
        if not may_leave:
            self._staying += 1
            self._staying_amount += amount

    def result(self, count: Count | None, total: Count | None) -> ExpectationResult:
        """Hold the records against what may be.

        Args:
            count: how many there may be; None for any number.
            total: what they may add up to, in minor units; None for any sum.
        """
        met = count is None or count.admits(len(self._ids))
        met = met and (total is None or total.admits(self._amount))
        too_many = count is not None and count.is_exceeded_by(self._staying)
        too_much = total is not None and total.is_exceeded_by(self._staying_amount)
        wanted = [] if count is None else [str(count)]
        wanted += [] if total is None else [f"a total of {total}"]
        observed = f"expected {' and '.join(wanted)}, {saw(self._ids)}"
        observed += "" if total is None else f"; their total is {self._amount}"
        return ExpectationResult(met, observed, is_final=too_many or too_much)


def saw(ids: Sequence[str]) -> str:
    """How many there were, and which."""
    return f"saw {len(ids)}: {listed(ids)}" if ids else "saw none"


def listed(ids: Iterable[str]) -> str:
    """The first ids, with an ellipsis for those left out."""
    found = list(ids)
    return ", ".join(found[:MAX_IDS_SHOWN]) + (", …" if len(found) > MAX_IDS_SHOWN else "")
