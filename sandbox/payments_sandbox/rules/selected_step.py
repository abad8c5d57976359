"""Owns the selected on a call, and which of a rule's steps it names."""

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple, assert_never

from payments_sandbox.rules.model import RequestRule, Step, Then


class SelectedStep(NamedTuple):
    """The step that answers.

    Attributes:
        rule: its rule's name.
        position: its place among the rule's steps, counted from 1.
        delay: wall milliseconds that the reply is held, as drawn.
        scenario: whose rule it is; None for a magic card's.
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


def step_at(rule: RequestRule, answered: int) -> int | None:
    """The position of the step after so many answers, by `times` and `then`.

    Counted from 1; one beyond the last when `then: fail` is due, None when the rule is used up.
    """
    total = sum(step.times for step in rule.steps)
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
    served = list(accumulate(step.times for step in rule.steps))
    return bisect_right(served, answered) + 1
