"""Owns the question whether an earlier request rule leaves nothing for a later one."""

from collections import defaultdict
from collections.abc import Iterator
from math import inf
from typing import Final, NamedTuple

from payments_sandbox.rules.conditions import Predicate, compile_condition, equals_one_of
from payments_sandbox.rules.model import Condition, RequestRule, Then

_LOWER: Final = frozenset({"gt", "gte"})
_UPPER: Final = frozenset({"lt", "lte"})


class _Endless(NamedTuple):
    """A rule that never stops answering, its conditions made ready."""

    rule: RequestRule
    tests: tuple[tuple[Condition, Predicate], ...]


class _Given(NamedTuple):
    """A condition of the later rule, and the values that decide what it implies.

    `values` are all that meet it, or the one nearest to its bound; None where neither is known.
    """

    condition: Condition
    side: frozenset[str] | None
    values: tuple[object, ...] | None


class _Span(NamedTuple):
    """The whole numbers that a rule's bounds on one field leave."""

    low: float
    high: float


class Shadows:
    """The request rules so far that never stop answering.

    Each is filed once, by the condition that tells it from most others, so that a thousand rules
    are not compared with a thousand.
    """

    def __init__(self) -> None:
        self._of_any_call: list[_Endless] = []
        self._by_value: dict[tuple[str, object], list[_Endless]] = defaultdict(list)
        self._by_field: dict[str, list[_Endless]] = defaultdict(list)
        self._by_span: dict[str, list[tuple[_Span, _Endless]]] = defaultdict(list)
        self._by_condition: dict[Condition, list[_Endless]] = defaultdict(list)

    def add(self, rule: RequestRule) -> None:
        """Let a rule stand before those to come."""
        is_of_calls = any(condition.field == "call" for condition in rule.when)
        if rule.then is Then.PASS or rule.chance < 1 or is_of_calls:
            return
        endless = _Endless(rule, tuple((each, compile_condition(each)) for each in rule.when))
        for condition in rule.when:
            if values := equals_one_of(condition):
                for value in values:
                    self._by_value[condition.field, value].append(endless)
                return
        if not rule.when:
            self._of_any_call.append(endless)
            return
        first = rule.when[0]
        self._by_field[first.field].append(endless)
        if first.operator in _LOWER | _UPPER:
            self._by_span[first.field].append((_span(rule, first.field), endless))
        else:
            self._by_condition[first].append(endless)

    def over(self, rule: RequestRule) -> RequestRule | None:
        """The rule that answers each call that this one would, or None."""
        given: dict[str, list[_Given]] = defaultdict(list)
        for condition in rule.when:
            given[condition.field].append(_given(condition))
        for endless in self._candidates(rule):
            is_about = endless.rule.operation in ("*", rule.operation)
            if is_about and all(_is_implied(*test, given) for test in endless.tests):
                return endless.rule
        return None

    def _candidates(self, rule: RequestRule) -> Iterator[_Endless]:
        """All that may be over the rule, and few that are not."""
        yield from self._of_any_call
        for condition in rule.when:
            if values := equals_one_of(condition):
                yield from self._by_value.get((condition.field, values[0]), ())
                yield from self._by_field.get(condition.field, ())
            elif condition.operator in _LOWER | _UPPER:
                low, high = _span(rule, condition.field)
                for span, endless in self._by_span.get(condition.field, ()):
                    if span.low <= low and high <= span.high:
                        yield endless
            else:
                yield from self._by_condition.get(condition, ())


def _span(rule: RequestRule, field: str) -> _Span:
    bounds = [condition for condition in rule.when if condition.field == field]
    lower = [int(str(_edge(each))) for each in bounds if each.operator in _LOWER]
    upper = [int(str(_edge(each))) for each in bounds if each.operator in _UPPER]
    return _Span(max(lower, default=-inf), min(upper, default=inf))


def _is_implied(wanted: Condition, test: Predicate, given: dict[str, list[_Given]]) -> bool:
    """Whether each call that meets the later rule's conditions meets this one too."""
    return any(
        each.condition == wanted
        or (
            each.values is not None
            and (each.side is None or wanted.operator in each.side)
            and all(test(value) for value in each.values)
        )
        for each in given.get(wanted.field, ())
    )


def _given(condition: Condition) -> _Given:
    if (values := equals_one_of(condition)) is not None:
        return _Given(condition, None, values)
    side = next((each for each in (_LOWER, _UPPER) if condition.operator in each), None)
    return _Given(condition, side, None if side is None else (_edge(condition),))


def _edge(condition: Condition) -> object:
    """The value nearest to the bound that still meets the condition."""
    edge = int(str(condition.operand)) + {"gt": 1, "lt": -1}.get(condition.operator, 0)
    return str(edge) if condition.field.startswith(("header.", "query.")) else edge
