"""Owns the search for the step that answers a call, and the reasons why other rules did not.

Rules are tried in order; each counts the call and draws if necessary. During the call, only the
facts behind the reasons are kept: the masked values of fields, and the results of the rules whose
conditions held. They are put into words when the explanation is read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Final, NamedTuple, assert_never

from payments_sandbox.rules.active_rule import ActiveRule, Counters, RuleSet
from payments_sandbox.rules.conditions import compile_condition, why_not
from payments_sandbox.rules.fields import Fields
from payments_sandbox.rules.model import Condition, Per, RequestRule, Step, Then
from payments_sandbox.rules.outcomes import Respond

PlacedRule = tuple[int, ActiveRule[RequestRule]]
"""A request rule with its position among all request rules."""

MOST: Final = 100
"""How many rules the explanation of a request lists."""


class SelectedStep(NamedTuple):
    """The step that answers a call.

    Attributes:
        rule: the name of its rule.
        position: its position among the rule's steps, counted from 1.
        delay: how many wall milliseconds the reply is delayed, already sampled.
        scenario: the name of the scenario; None for the rule of a magic card.
    """

    rule: str
    position: int
    step: Step
    delay: int = 0
    scenario: str | None = None

    @property
    def full_name(self) -> str:
        """The rule's name, after that of its scenario if it has one."""
        return self.rule if self.scenario is None else f"{self.scenario}/{self.rule}"


class WrongCall(NamedTuple):
    """The conditions held, except the one on the number of the call."""

    condition: Condition
    call: int


class LostDraw(NamedTuple):
    """The draw was not below the rule's chance."""

    draw: float
    chance: float


class UsedUp(NamedTuple):
    """All steps of the rule had been served."""

    answers: int


NoMatch = WrongCall | LostDraw | UsedUp


class StepSearch(NamedTuple):
    """The result of the search for the step that answers a call.

    Attributes:
        selected: the step; None if no rule answers.
        answered: the position of its rule.
        not_matched: by position, why rules whose conditions held did not answer.
    """

    selected: SelectedStep | None
    answered: int | None
    not_matched: Mapping[int, NoMatch]


def search_step(
    rules: Iterable[PlacedRule],
    fields: Fields,
    counters: Counters,
) -> StepSearch:
    """Find the first rule with a step for a call; all rules that count calls count it.

    Args:
        rules: the rules whose conditions hold, except those on the number of the call.
        fields: the fields of the call.
        counters: the counters of the world.
    """
    selected: SelectedStep | None = None
    answered: int | None = None
    not_matched: dict[int, NoMatch] = {}
    for position, active in rules:
        if active.fired == active.max_answers:
            not_matched[position] = UsedUp(active.fired)
        elif selected is None or active.counts_calls:
            key = active.key(fields)
            call = active.count_call(counters, key)
            if selected is not None:
                continue
            outcome = _next_step(active, key, call, counters)
            if isinstance(outcome, SelectedStep):
                selected, answered = outcome, position
            else:
                not_matched[position] = outcome
    return StepSearch(selected, answered, not_matched)


def _next_step(
    active: ActiveRule[RequestRule], key: str, call: int, counters: Counters
) -> SelectedStep | NoMatch:
    if (condition := active.unmet_call_condition(call)) is not None:
        return WrongCall(condition, call)
    rule, counter = active.rule, _answers_counter(active, key)
    answered = active.fired if counter is None else counters.get(counter)
    active.matched += 1
    if (drawn_value := active.missed_draw(key, call)) is not None:
        return LostDraw(drawn_value, rule.chance)
    if (position := step_at(rule, answered)) is None:
        return UsedUp(answered)
    if counter is not None:
        counters.count(counter)
    active.fired += 1
    is_exhausted = position > len(rule.steps)
    active.failed += is_exhausted
    step = _exhausted_step(rule.name) if is_exhausted else rule.steps[position - 1]
    delay = active.delay(step.delay, key, call)
    return SelectedStep(rule.name, position, step, delay, active.scenario)


def _exhausted_step(rule: str) -> Step:
    """The step with which `then: fail` answers."""
    details = f"The rule {rule} has no steps left (then: fail)."
    return Step(Respond("internal_error", details=details))


def step_at(rule: RequestRule, answered: int) -> int | None:
    """The position of the next step after a number of answers, by `times` and `then`.

    Returns:
        The position from 1; one beyond the last for `then: fail`, None if the rule is used up.
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


def _answers_counter(active: ActiveRule[RequestRule], key: str) -> str | None:
    """The name of the counter of a rule's answers to calls with a key; None if its tally does.

    Tallies of cards' rules are not in snapshots, so these always have a counter.
    """
    is_tallied = active.rule.per is Per.WORLD and active.scenario is not None
    if is_tallied or active.rule.has_one_step:
        return None
    return f"{active.name}\0answer\0{key}"


class RuleExplanations:
    """The rules that did not answer a call; iterates over (scenario, rule, reason).

    Args:
        rule_set: all rules of scenarios.
        operation: the operation of the call.
        masked_values: the masked values of the fields in conditions of the operation's rules.
        found: the result of the search.
    """

    __slots__ = ("_found", "_masked_values", "_operation", "_rule_set")

    def __init__(
        self, rule_set: RuleSet, operation: str, masked_values: Sequence[object], found: StepSearch
    ) -> None:
        self._rule_set = rule_set
        self._operation = operation
        self._masked_values = masked_values
        self._found = found

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return islice(self._explanations(), MOST)

    def _explanations(self) -> Iterator[tuple[str, str, str]]:
        masked_values = dict(
            zip(self._rule_set.fields[self._operation], self._masked_values, strict=True)
        )
        for position, active in enumerate(self._rule_set.requests):
            if position != self._found.answered:
                why = self._why_not(position, active.rule, masked_values)
                yield active.scenario or "", active.rule.name, why

    def _why_not(
        self, position: int, rule: RequestRule, masked_values: Mapping[str, object]
    ) -> str:
        if rule.operation not in ("*", self._operation):
            return f"it is for {rule.operation}"
        if (no_match := self._found.not_matched.get(position)) is not None:
            return _reason_text(no_match)
        for condition in rule.when:
            value = masked_values.get(condition.field)
            if condition.field != "call" and not compile_condition(condition)(value):
                return why_not(condition, value)
        answered = self._found.answered
        if answered is not None and answered < position:
            return f"'{self._rule_set.requests[answered].rule.name}' answered before it"
        return "a value that is masked here does not match"


def _reason_text(no_match: NoMatch) -> str:
    match no_match:
        case WrongCall(condition, call):
            return why_not(condition, call)
        case LostDraw(draw, chance):
            return f"draw {_shown_draw(draw, chance)} ≥ chance {chance:g}"
        case UsedUp(answers):
            return f"its steps are used up after {answers} answer{'s' if answers > 1 else ''}"
        case _:
            assert_never(no_match)


def _shown_draw(draw: float, chance: float) -> str:
    """The draw with two decimals, or with as many as show that it is not below the chance."""
    shown = (f"{draw:.{digits}f}" for digits in range(2, 18))
    return next((text for text in shown if float(text) >= chance), f"{draw}")
