"""Owns the active scenarios of one world: which rule answers, reacts or treats, and its counts.

All rules of all scenarios stand in one row, in the order of activation and then of the file. A call
is counted by every rule whose conditions it matches, whichever answers; only the answer uses up a
step.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.payments.cards import mask, mask_in
from payments_sandbox.rules.active_rule import ATTEMPT, ActiveRule
from payments_sandbox.rules.conditions import LONGEST_SHOWN, Fields, compile_condition
from payments_sandbox.rules.counters import Counters
from payments_sandbox.rules.explanations import (
    LostDraw,
    NoMatch,
    RuleExplanations,
    UsedUp,
    WrongCall,
)
from payments_sandbox.rules.model import (
    Action,
    AtRule,
    Per,
    RequestRule,
    Step,
    StepsExhausted,
    Then,
)
from payments_sandbox.rules.rule_set import RuleSet
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.selected_step import SelectedStep, step_at
from payments_sandbox.rules.webhook_effects import WebhookEffects, WebhookRule, combine_effects

STEPS_EXHAUSTED: Final = Step(StepsExhausted())

AppliedRule = tuple[str, str, int]
"""A webhook rule that applies to a delivery, by its name, with the key and number of its call."""


Decision = tuple[SelectedStep | None, RuleExplanations]
"""What the rules say to a call: who answers it, if anybody, and why the others do not."""


class Reaction(NamedTuple):
    """An action that an event has set off, and how many virtual milliseconds after the event."""

    rule: str
    after: int
    action: Action


class RuleEngine:
    """The active scenarios, in the order of activation.

    Args:
        scenarios: no two of one name.
        seed: what those draw from that have no seed of their own.
        counters: of an earlier play that this one goes on with.
    """

    def __init__(
        self, scenarios: Iterable[Scenario], seed: int, counters: Counters | None = None
    ) -> None:
        self.scenarios: tuple[Scenario, ...] = tuple(scenarios)
        self.rule_set = RuleSet(self.scenarios, seed)
        self._seed = seed
        self._counters = counters or Counters()
        self._spent: Mapping[int, UsedUp] = {}
        self._by_name = {active_rule.name: active_rule for active_rule in self.rule_set.all}
        self._marks = {active_rule.name: active_rule for active_rule in self.rule_set.marks}
        self._webhooks = {active_rule.name: active_rule for active_rule in self.rule_set.webhooks}

    # Calls

    def decide(self, operation: str, fields: Fields) -> Decision:
        """Who answers a call of an operation; every rule that it matches counts it."""
        not_matched: Mapping[int, NoMatch] = self._spent
        selected, answered = None, None
        for position in self.rule_set.index[operation].candidates(fields):
            active_rule = self.rule_set.requests[position]
            if (selected is not None and not active_rule.counts) or not active_rule.matches(fields):
                continue
            key = active_rule.key(fields)
            call = active_rule.next_call(self._counters, key)
            if selected is not None:
                continue
            outcome = self._answer(active_rule, key, call)
            if isinstance(outcome, SelectedStep):
                selected, answered = outcome, position
                self._retire(position, active_rule)
            else:
                not_matched = {**not_matched, position: outcome}
        kept = [_kept(field, fields.get(field)) for field in self.rule_set.fields[operation]]
        return selected, RuleExplanations(self.rule_set, operation, kept, not_matched, answered)

    def _answer(
        self, active_rule: ActiveRule[RequestRule], key: str, call: int
    ) -> SelectedStep | NoMatch:
        if (condition := active_rule.wrong_call(call)) is not None:
            return WrongCall(condition, call)
        active_rule.matched += 1
        if (lost := active_rule.chance_missed(key, call)) is not None:
            return LostDraw(lost, active_rule.rule.chance)
        rule, counter = active_rule.rule, f"{active_rule.name}\0answer\0{key}"
        answered = 0 if rule.answers_alike else self._counters.of(counter)
        if (position := step_at(rule, answered)) is None:
            return UsedUp(answered)
        if not rule.answers_alike:
            self._counters.bump(counter)
        active_rule.fired += 1
        is_out = position > len(rule.steps)
        active_rule.failed += is_out
        step = STEPS_EXHAUSTED if is_out else rule.steps[position - 1]
        return SelectedStep(
            rule.name,
            position,
            step,
            active_rule.delay(step.delay, key, call),
            active_rule.scenario,
        )

    def _retire(self, position: int, active_rule: ActiveRule[RequestRule]) -> None:
        """Look at a rule no more that has served its last step for good."""
        rule = active_rule.rule
        if rule.per is Per.WORLD and rule.then is Then.PASS and not active_rule.counts:
            answers = self._counters.of(f"{active_rule.name}\0answer\0")
            if answers == sum(step.times for step in rule.steps):
                self._spend(position, answers)

    def _spend(self, position: int, answers: int) -> None:
        self._spent = {**self._spent, position: UsedUp(answers)}  # calls before this keep theirs
        for index in self.rule_set.index.values():
            index.drop(position)

    # Events, payments, deliveries

    def reactions(self, event: str, fields: Fields) -> Iterator[Reaction]:
        """What an event sets off."""
        for active_rule in self.rule_set.events:
            is_about = event_matches(active_rule.rule.event, event)
            if is_about and active_rule.applies(fields, self._counters) is not None:
                yield Reaction(active_rule.name, active_rule.rule.after, active_rule.rule.action)

    def mark(self, name: str) -> AtRule | None:
        """The `at` rule of a name; None when its scenario is not active any more."""
        active_rule = self._marks.get(name)
        return None if active_rule is None else active_rule.rule

    def acts_on(self, name: str, fields: Fields) -> bool:
        """Whether the `at` rule of a name acts on a payment, counted and drawn."""
        return self._marks[name].applies(fields, self._counters) is not None

    def fire(self, name: str) -> None:
        """Note that the `at` rule of a name acts on the world, not on a payment."""
        self._marks[name].fire()

    def select_webhook_rules(self, event: str, fields: Fields) -> tuple[AppliedRule, ...]:
        """The webhook rules that apply to a delivery, counted and drawn: ask once, and keep it."""
        return tuple(
            (active_rule.name, *call)
            for active_rule in self.rule_set.webhooks
            if event_matches(active_rule.rule.webhook, event)
            and (call := active_rule.applies(fields, self._counters)) is not None
        )

    def effects(self, applied: Iterable[AppliedRule], attempt: int) -> WebhookEffects:
        """What the rules that apply to a delivery do to one of its attempts, counted from 1."""
        parts = []
        for name, key, call in applied:
            active_rule = self._webhooks.get(name)
            if active_rule is not None and _is_attempt(active_rule.rule, attempt):
                parts.append(
                    (active_rule.rule, active_rule.delay(active_rule.rule.delay, key, call))
                )
        return combine_effects(parts)

    # Cards and the report

    def names(self, card: int) -> bool:
        """Whether some rule names the card of this fingerprint."""
        return card in self.rule_set.numbers

    def number_of(self, card: int) -> str | None:
        """The number of the card of this fingerprint, when some rule names it."""
        return self.rule_set.numbers.get(card)

    def skip(self, rule: str, why: str) -> None:
        """Note that a move of a rule had become illegal when it was due."""
        if (active_rule := self._by_name.get(rule)) is not None:
            active_rule.skip(why)

    # Life

    def changed(self, scenarios: Sequence[Scenario]) -> "RuleEngine":
        """A play of these scenarios, in which those that stay go on where they are."""
        staying = {each.name for each in self.scenarios if each in scenarios}
        for each in self.scenarios:
            if each.name not in staying:
                self._counters.forget(f"{each.name}/")
        found = RuleEngine(scenarios, self._seed, self._counters)
        for active_rule in found.rule_set.all:
            if active_rule.scenario in staying:
                active_rule.restore(*self._by_name[active_rule.name].tally())
        spent = {
            self.rule_set.requests[position].name: each for position, each in self._spent.items()
        }
        for position, request in enumerate(found.rule_set.requests):
            if request.scenario in staying and request.name in spent:
                found._spend(position, spent[request.name].answers)
        return found

    def reset(self) -> None:
        """Start every rule again."""
        self._counters.clear()
        self._spent = {}
        self.rule_set.find()
        for active_rule in self.rule_set.all:
            active_rule.start()

    def snapshot(self) -> dict[str, object]:
        """The scenarios as they were written, every counter and every tally."""
        return {
            "scenarios": [scenario.source for scenario in self.scenarios],
            "counters": self._counters.snapshot(),
            "tallies": [active_rule.tally() for active_rule in self.rule_set.all],
            "spent": [[position, each.answers] for position, each in self._spent.items()],
        }

    def restore(
        self, counters: Mapping[str, int], tallies: Sequence[Any], spent: Sequence[Any]
    ) -> None:
        """Take over the counters and tallies of a snapshot of the same scenarios.

        Raises:
            ValueError, TypeError: they are of others.
        """
        self._counters.restore({mask_in(key): count for key, count in counters.items()})
        for active_rule, tally in zip(self.rule_set.all, tallies, strict=True):
            active_rule.restore(*tally)
        for position, answers in spent:
            if not 0 <= position < len(self.rule_set.requests):
                raise ValueError("a rule that is used up is none")
            self._spend(position, int(answers))


def event_matches(wanted: str, event: str) -> bool:
    """Whether an event is the wanted one, or of the wanted family."""
    return wanted in ("*", event) or (
        wanted.endswith(".*") and event.startswith(wanted.removesuffix("*"))
    )


def _is_attempt(rule: WebhookRule, attempt: int) -> bool:
    return all(compile_condition(each)(attempt) for each in rule.when if each.field == ATTEMPT)


def _kept(field: str, value: object) -> object:
    """A value fit to be kept: without a card number, and not longer than it is shown."""
    if value is None or isinstance(value, int):
        return value
    if field == "card":
        return mask(str(value))
    return mask_in(str(value))[:LONGEST_SHOWN]
