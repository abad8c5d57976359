"""Owns the search for the rules that may apply, without a look at all the others.

A rule with an equality among its conditions is found by that value, one with a bound by the bound,
and one that is used up for good is not looked at any more. So a call costs what its own rules
cost, and not what a thousand others would.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from payments_sandbox.rules.conditions import Fields, equals_one_of, is_number
from payments_sandbox.rules.model import When

_TELLING: Final = (
    "card", "customer_id", "payment_id", "amount", "description", "reason", "currency", "status",
    "brand",
)  # fmt: skip
"""Fields from the most telling to the least; headers and parameters come before the last four."""

_MIDDLING: Final = 5
_COUNTED: Final = ("call", "attempt")
_BOUNDS: Final = ("gt", "gte", "lt", "lte")
_PLAIN: Final = (str, int)
"""What rules are found by, a status included: nothing else equals what a scenario can say."""

_AMOUNT: Final = "amount"
"""The field whose bounds rules are found by; the others are text."""


class _Bounds:
    """Positions of rules by a bound on the amount, in the order of the bounds: two equal rows."""

    __slots__ = ("positions", "values")

    def __init__(self) -> None:
        self.values: list[int] = []
        self.positions: list[int] = []

    def add(self, value: int, position: int) -> None:
        """Put a rule behind those whose bound is as large."""
        place = bisect_right(self.values, value)
        self.values.insert(place, value)
        self.positions.insert(place, position)

    def drop(self, position: int) -> None:
        """Take a rule out, if it is here."""
        if position in self.positions:
            place = self.positions.index(position)
            del self.values[place], self.positions[place]


class Index:
    """Positions of rules, by what tells most of each."""

    __slots__ = ("_by_field", "_is_bounded", "_lower", "_open", "_upper")

    def __init__(self, rules: Iterable[tuple[int, When]]) -> None:
        self._open: list[int] = []
        self._by_field: dict[str, dict[object, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._lower, self._upper = _Bounds(), _Bounds()
        self._is_bounded = False
        for position, when in rules:
            self._add(position, when)

    def candidates(self, fields: Fields) -> Sequence[int]:
        """The positions of all rules that may apply, in their order."""
        found = self._open
        for field, by_value in self._by_field.items():
            value = fields.get(field)
            if isinstance(value, _PLAIN) and value in by_value:
                found = [*found, *by_value[value]]
        if self._is_bounded and is_number(amount := fields.get(_AMOUNT)):
            if more := self._lower.positions[: bisect_right(self._lower.values, amount)]:
                found = [*found, *more]
            if more := self._upper.positions[bisect_left(self._upper.values, amount) :]:
                found = [*found, *more]
        return found if found is self._open else sorted(found)

    def drop(self, position: int) -> None:
        """Look at a rule no more; whoever goes through candidates has them as they were."""
        self._open = [each for each in self._open if each != position]
        for by_value in self._by_field.values():
            for found in by_value.values():
                if position in found:
                    found.remove(position)
        self._lower.drop(position)
        self._upper.drop(position)

    def _add(self, position: int, when: When) -> None:
        if (key := _key_of(when)) is not None:
            field, values = key
            for value in dict.fromkeys(values):
                self._by_field[field][value].append(position)
        elif (bound := _bound_of(when)) is not None:
            operator, value = bound
            self._is_bounded = True
            (self._lower if operator.startswith("g") else self._upper).add(value, position)
        else:
            self._open.append(position)


def _bound_of(when: When) -> tuple[str, int] | None:
    """The first bound on the amount."""
    for field, operator, operand in when:
        if field == _AMOUNT and operator in _BOUNDS and isinstance(operand, int):
            return operator, operand
    return None


def _key_of(when: When) -> tuple[str, tuple[object, ...]] | None:
    """The most telling field that has to equal something, and what."""
    best: tuple[int, str, tuple[object, ...]] | None = None
    for condition in when:
        values = equals_one_of(condition)
        if values is None or condition.field in _COUNTED:
            continue
        rank = _rank(condition.field)
        if best is None or rank < best[0]:
            best = rank, condition.field, values
    return None if best is None else best[1:]


def _rank(field: str) -> int:
    if field in _TELLING:
        place = _TELLING.index(field)
        return place if place < _MIDDLING else place + 1
    return _MIDDLING
