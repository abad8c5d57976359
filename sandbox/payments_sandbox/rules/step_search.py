"""Owns the search for the step that answers a call: one rule after the other, counted and drawn."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, NamedTuple, assert_never

from payments_sandbox.rules.active_rule import ActiveRule, Counters
from payments_sandbox.rules.explanations import LostDraw, NoMatch, UsedUp, WrongCall
from payments_sandbox.rules.fields import Fields
from payments_sandbox.rules.model import RequestRule, Step, Then
from payments_sandbox.rules.outcomes import StepsExhausted

PlacedRule = tuple[int, ActiveRule[RequestRule]]
"""A request rule with its position among all of them."""

STEPS_EXHAUSTED: Final = Step(StepsExhausted())


class SelectedStep(NamedTuple):
    """The step that answers a call.

    Attributes:
        rule: its rule's name.
        position: its place among the rule's steps, counted from 1.
        delay: wall milliseconds that the reply is held, as sampled.
        scenario: the scenario's name; None for the rule of a magic card.
    """

    rule: str
    position: int
    step: Step
    delay: int = 0
    scenario: str | None = None

    @property
    def known_as(self) -> str:
        """The rule's name, within its scenario where it has one."""
        return self.rule if self.scenario is None else f"{self.scenario}/{self.rule}"


class StepSearch:
    """The search for the step that answers one call.

    Attributes:
        selected: the step; None where no rule answers.
        answered: the position of its rule.
        not_matched: what became of the rules whose conditions held and that did not answer.
    """

    __slots__ = ("_counters", "answered", "not_matched", "selected")

    def __init__(self, counters: Counters, used_up: Mapping[int, UsedUp]) -> None:
        self._counters = counters
        self.selected: SelectedStep | None = None
        self.answered: int | None = None
        self.not_matched: Mapping[int, NoMatch] = used_up

    def search(self, rules: Iterable[PlacedRule], fields: Fields) -> None:
        """Ask rules in their order.

        Args:
            rules: those whose conditions hold, but for the ones on the number of the call.
            fields: of the call.
        """
        for position, active in rules:
            if self.selected is None or active.counts:
                key = active.key(fields)
                call = active.count_call(self._counters, key)
                if self.selected is None:
                    self._answer(position, active, key, call)

    def _answer(self, position: int, active: ActiveRule[RequestRule], key: str, call: int) -> None:
        outcome = self._step_of(active, key, call)
        if isinstance(outcome, SelectedStep):
            self.selected, self.answered = outcome, position
        else:
            self.not_matched = {**self.not_matched, position: outcome}

    def _step_of(
        self, active: ActiveRule[RequestRule], key: str, call: int
    ) -> SelectedStep | NoMatch:
        if (condition := active.wrong_call(call)) is not None:
            return WrongCall(condition, call)
        active.matched += 1
        if (drawn_value := active.chance_missed(key, call)) is not None:
            return LostDraw(drawn_value, active.rule.chance)
        rule, counter = active.rule, answers_counter(active, key)
        answered = 0 if rule.answers_alike else self._counters.get(counter)
        if (position := step_at(rule, answered)) is None:
            return UsedUp(answered)
        if not rule.answers_alike:
            self._counters.count(counter)
        active.fired += 1
        is_exhausted = position > len(rule.steps)
        active.failed += is_exhausted
        step = STEPS_EXHAUSTED if is_exhausted else rule.steps[position - 1]
        delay = active.delay(step.delay, key, call)
        return SelectedStep(rule.name, position, step, delay, active.scenario)


def step_at(rule: RequestRule, answered: int) -> int | None:
    """The position of the step after so many answers, by `times` and `then`.

    Returns:
        Counted from 1; one beyond the last when `then: fail` is due, None when the rule is used up.
    """
    served = list(accumulate(step.times for step in rule.steps))
    total = served[-1]
    if answered >= total:
        match rule.then:
            case Then.PASS:
                return None
            case Then.FAIL:
                return len(rule.steps) + 1
            case Then.REPEAT_LAST:
                return len(rule.steps)
            case Then.CYCLE:
                answered %= total
            case _:
                assert_never(rule.then)
    return bisect_right(served, answered) + 1


def answers_counter(active: ActiveRule[RequestRule], key: str) -> str:
    """The name of the counter of a rule's answers to the calls of a key."""
    return f"{active.name}\0answer\0{key}"
