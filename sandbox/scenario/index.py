"""Owns the search for the rules that may apply, without a look at all the others.

A rule with an equality among its conditions is found by that value; so a call costs what its own
rules cost, and not what a thousand others would.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from sandbox.scenario.matching import Facts, equals_one_of
from sandbox.scenario.model import When

_TELLING: Final = (
    "card", "customer_id", "payment_id", "amount", "description", "reason", "currency", "status",
    "brand",
)  # fmt: skip
"""Fields from the most telling to the least; headers and parameters come before the last four."""

_MIDDLING: Final = 5


class Index:
    """Positions of rules, by the one equality of each that tells most."""

    __slots__ = ("_by_field", "_open")

    def __init__(self, rules: Iterable[tuple[int, When]]) -> None:
        self._open: list[int] = []
        self._by_field: dict[str, dict[object, list[int]]] = defaultdict(lambda: defaultdict(list))
        for position, when in rules:
            if (key := _key_of(when)) is None:
                self._open.append(position)
            else:
                field, values = key
                for value in dict.fromkeys(values):
                    self._by_field[field][value].append(position)

    def candidates(self, facts: Facts) -> Sequence[int]:
        """The positions of all rules that may apply, in their order."""
        found = self._open
        for field, by_value in self._by_field.items():
            value = facts.look(field)
            if isinstance(value, str | int) and (more := by_value.get(value)):
                found = [*found, *more]
        return found if found is self._open else sorted(found)


def _key_of(when: When) -> tuple[str, tuple[object, ...]] | None:
    """The most telling field that has to equal something, and what."""
    best: tuple[int, str, tuple[object, ...]] | None = None
    for condition in when:
        values = equals_one_of(condition)
        if values is None or condition.field in ("call", "attempt"):
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
