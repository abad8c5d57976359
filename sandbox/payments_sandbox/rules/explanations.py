"""Owns the answer to "why did this rule not answer", put into words when it is asked for.

At the call only what the words need is kept: the values that rules look at, card numbers masked,
and what became of the rules whose conditions held.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, assert_never

from payments_sandbox.rules.active_rule import ActiveRule, RuleSet
from payments_sandbox.rules.conditions import compile_condition, why_not
from payments_sandbox.rules.model import Condition, RequestRule

MOST: Final = 100
"""Rules that one request explains."""


class WrongCall(NamedTuple):
    """The conditions held, but it was not the turn of this call."""

    condition: Condition
    call: int


class LostDraw(NamedTuple):
    """The draw was not below the chance."""

    draw: float
    chance: float


class UsedUp(NamedTuple):
    """Every step had been served."""

    answers: int


NoMatch = WrongCall | LostDraw | UsedUp


class RuleExplanations:
    """The rules that did not answer one call; iterates over (scenario, rule, why not).

    Args:
        rule_set: all rules.
        operation: of the call.
        kept: the values of the fields that rules of the operation look at.
        not_matched: what became of rules whose conditions held.
        answered: which rule did.
    """

    __slots__ = ("_answered", "_kept", "_not_matched", "_operation", "_rule_set")

    def __init__(
        self,
        rule_set: RuleSet,
        operation: str,
        kept: Sequence[object],
        not_matched: Mapping[int, NoMatch],
        answered: int | None,
    ) -> None:
        self._rule_set = rule_set
        self._operation = operation
        self._kept = kept
        self._not_matched = not_matched
        self._answered = answered

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return islice(self._explained(), MOST)

    def _explained(self) -> Iterator[tuple[str, str, str]]:
        kept = dict(zip(self._rule_set.fields[self._operation], self._kept, strict=True))
        for position, active_rule in enumerate(self._rule_set.requests):
            if position != self._answered:
                yield (
                    active_rule.scenario or "",
                    active_rule.rule.name,
                    self._why_not(position, active_rule, kept),
                )

    def _why_not(
        self, position: int, active_rule: ActiveRule[RequestRule], kept: Mapping[str, object]
    ) -> str:
        if active_rule.rule.operation not in ("*", self._operation):
            return f"it is about {active_rule.rule.operation}"
        if (no_match := self._not_matched.get(position)) is not None:
            return _worded(no_match)
        for condition in active_rule.rule.when:
            value = kept.get(condition.field)
            if condition.field != "call" and not compile_condition(condition)(value):
                return why_not(condition, value)
        if self._answered is not None and self._answered < position:
            return f"'{self._rule_set.requests[self._answered].rule.name}' answered before it"
        return "a value that is masked here does not fit"


def _worded(no_match: NoMatch) -> str:
    match no_match:
        case WrongCall(condition, call):
            return why_not(condition, call)
        case LostDraw(draw, chance):
            return f"draw {_short(draw, chance)} ≥ chance {chance:g}"
        case UsedUp(answers):
            return f"its steps are used up after {answers} answer{'s' if answers > 1 else ''}"
        case _:
            assert_never(no_match)


def _short(draw: float, chance: float) -> str:
    """Two digits of the draw, or as many as show that it is not below the chance."""
    shown = (f"{draw:.{digits}f}" for digits in range(2, 18))
    return next((text for text in shown if float(text) >= chance), f"{draw}")
