"""Owns the search for the rules that may apply, without a look at all the others.

A rule with an equality among its conditions is found by that value, one with a bound by the bound,
and one that is used up for good is not looked at any more. So a call costs what its own rules
cost, and not what a thousand others would.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from sandbox.scenario.matching import Facts, equals_one_of, is_number
from sandbox.scenario.model import When

_TELLING: Final = (
    "card", "customer_id", "payment_id", "amount", "description", "reason", "currency", "status",
    "brand",
)  # fmt: skip
"""Fields from the most telling to the least; headers and parameters come before the last four."""

_MIDDLING: Final = 5
_COUNTED: Final = ("call", "attempt")
_BOUNDS: Final = ("gt", "gte", "lt", "lte")
_AMOUNT: Final = "amount"
"""The field whose bounds rules are found by; the others are text."""


class _Bounds(NamedTuple):
    """Rules by a bound on the amount, in the order of the bounds."""

    lower: list[tuple[int, int]]
    upper: list[tuple[int, int]]

    def within(self, amount: object) -> Iterator[int]:
        """The rules whose bound leaves room for an amount, or is at it."""
        if is_number(amount):
            end = bisect_right(self.lower, amount, key=_bound)
            yield from (position for _, position in self.lower[:end])
            start = bisect_left(self.upper, amount, key=_bound)
            yield from (position for _, position in self.upper[start:])


class Index:
    """Positions of rules, by what tells most of each."""

    __slots__ = ("_bounds", "_by_field", "_open")

    def __init__(self, rules: Iterable[tuple[int, When]]) -> None:
        self._open: list[int] = []
        self._by_field: dict[str, dict[object, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._bounds = _Bounds([], [])
        for position, when in rules:
            self._add(position, when)

    def candidates(self, facts: Facts) -> Sequence[int]:
        """The positions of all rules that may apply, in their order."""
        found = self._open
        for field, by_value in self._by_field.items():
            value = facts.look(field)
            if isinstance(value, str | int) and (more := by_value.get(value)):
                found = [*found, *more]
        if self._bounds.lower or self._bounds.upper:
            found = [*found, *self._bounds.within(facts.look(_AMOUNT))]
        return found if found is self._open else sorted(found)

    def drop(self, position: int) -> None:
        """Look at a rule no more."""
        lists = [
            self._open,
            *(found for each in self._by_field.values() for found in each.values()),
        ]
        for found in lists:
            if position in found:
                found.remove(position)
        for bounds in self._bounds:
            bounds[:] = [each for each in bounds if each[1] != position]

    def _add(self, position: int, when: When) -> None:
        if (key := _key_of(when)) is not None:
            field, values = key
            for value in dict.fromkeys(values):
                self._by_field[field][value].append(position)
        elif (bound := _bound_of(when)) is not None:
            operator, value = bound
            bounds = self._bounds.lower if operator.startswith("g") else self._bounds.upper
            insort(bounds, (value, position))
        else:
            self._open.append(position)


def _bound(item: tuple[int, int]) -> int:
    return item[0]


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
