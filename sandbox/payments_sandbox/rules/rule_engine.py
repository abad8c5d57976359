"""Owns the active scenarios of one world: which rule answers, reacts or treats, and its counts.

All rules of all scenarios stand in one row, in the order of activation and then of the file. A call
is counted by every rule whose conditions it meets, whichever answers; only the answer uses up a
step.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.core.masking import mask_number, mask_text
from payments_sandbox.rules.active_rule import ATTEMPT, Cue
from payments_sandbox.rules.conditions import LONGEST_SHOWN, Facts, compiled
from payments_sandbox.rules.counters import Counters
from payments_sandbox.rules.explanations import Considered, LostDraw, Miss, UsedUp, WrongCall
from payments_sandbox.rules.model import Action, AtRule, Per, RequestRule, RunOut, Step, Then
from payments_sandbox.rules.rule_set import Cast
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.selected_step import Verdict, step_at
from payments_sandbox.rules.webhook_effects import Treatment, WebhookRule, combined

RUN_OUT: Final = Step(RunOut())

Applied = tuple[str, str, int]
"""A webhook rule that applies to a delivery, by its name, with the key and number of its call."""


Ruling = tuple[Verdict | None, Considered]
"""What the rules say to a call: who answers it, if anybody, and why the others do not."""


class Reaction(NamedTuple):
    """An action that an event has set off, and how many virtual milliseconds after the event."""

    rule: str
    after: int
    action: Action


class Play:
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
        self.cast = Cast(self.scenarios, seed)
        self._seed = seed
        self._counters = counters or Counters()
        self._spent: Mapping[int, UsedUp] = {}
        self._by_name = {cue.name: cue for cue in self.cast.all}
        self._marks = {cue.name: cue for cue in self.cast.marks}
        self._webhooks = {cue.name: cue for cue in self.cast.webhooks}

    # Calls

    def judge(self, operation: str, facts: Facts) -> Ruling:
        """Who answers a call of an operation; every rule that it meets counts it."""
        missed: Mapping[int, Miss] = self._spent
        verdict, answered = None, None
        for position in self.cast.index[operation].candidates(facts):
            cue = self.cast.requests[position]
            if (verdict is not None and not cue.counts) or not cue.meets(facts):
                continue
            key = cue.key(facts)
            call = cue.next_call(self._counters, key)
            if verdict is not None:
                continue
            outcome = self._answer(cue, key, call)
            if isinstance(outcome, Verdict):
                verdict, answered = outcome, position
                self._retire(position, cue)
            else:
                missed = {**missed, position: outcome}
        kept = [_kept(field, facts.look(field)) for field in self.cast.fields[operation]]
        return verdict, Considered(self.cast, operation, kept, missed, answered)

    def _answer(self, cue: Cue[RequestRule], key: str, call: int) -> Verdict | Miss:
        if (condition := cue.wrong_call(call)) is not None:
            return WrongCall(condition, call)
        cue.matched += 1
        if (lost := cue.lost_draw(key, call)) is not None:
            return LostDraw(lost, cue.rule.chance)
        rule, counter = cue.rule, f"{cue.name}\0answer\0{key}"
        answered = 0 if rule.answers_alike else self._counters.of(counter)
        if (position := step_at(rule, answered)) is None:
            return UsedUp(answered)
        if not rule.answers_alike:
            self._counters.bump(counter)
        cue.fired += 1
        is_out = position > len(rule.steps)
        cue.failed += is_out
        step = RUN_OUT if is_out else rule.steps[position - 1]
        return Verdict(rule.name, position, step, cue.delay(step.delay, key, call), cue.scenario)

    def _retire(self, position: int, cue: Cue[RequestRule]) -> None:
        """Look at a rule no more that has served its last step for good."""
        rule = cue.rule
        if rule.per is Per.WORLD and rule.then is Then.PASS and not cue.counts:
            answers = self._counters.of(f"{cue.name}\0answer\0")
            if answers == sum(step.times for step in rule.steps):
                self._spend(position, answers)

    def _spend(self, position: int, answers: int) -> None:
        self._spent = {**self._spent, position: UsedUp(answers)}  # calls before this keep theirs
        for index in self.cast.index.values():
            index.drop(position)

    # Events, payments, deliveries

    def reactions(self, event: str, facts: Facts) -> Iterator[Reaction]:
        """What an event sets off."""
        for cue in self.cast.events:
            is_about = fits(cue.rule.event, event)
            if is_about and cue.applies(facts, self._counters) is not None:
                yield Reaction(cue.name, cue.rule.after, cue.rule.action)

    def mark(self, name: str) -> AtRule | None:
        """The `at` rule of a name; None when its scenario is not active any more."""
        cue = self._marks.get(name)
        return None if cue is None else cue.rule

    def acts_on(self, name: str, facts: Facts) -> bool:
        """Whether the `at` rule of a name acts on a payment, counted and drawn."""
        return self._marks[name].applies(facts, self._counters) is not None

    def fire(self, name: str) -> None:
        """Note that the `at` rule of a name acts on the world, not on a payment."""
        self._marks[name].fire()

    def treating(self, event: str, facts: Facts) -> tuple[Applied, ...]:
        """The webhook rules that apply to a delivery, counted and drawn: ask once, and keep it."""
        return tuple(
            (cue.name, *call)
            for cue in self.cast.webhooks
            if fits(cue.rule.webhook, event)
            and (call := cue.applies(facts, self._counters)) is not None
        )

    def treatment(self, applied: Iterable[Applied], attempt: int) -> Treatment:
        """What the rules that apply to a delivery do to one of its attempts, counted from 1."""
        parts = []
        for name, key, call in applied:
            cue = self._webhooks.get(name)
            if cue is not None and _is_attempt(cue.rule, attempt):
                parts.append((cue.rule, cue.delay(cue.rule.modifiers.delay, key, call)))
        return combined(parts)

    # Cards and the report

    def names(self, card: int) -> bool:
        """Whether some rule names the card of this fingerprint."""
        return card in self.cast.numbers

    def number_of(self, card: int) -> str | None:
        """The number of the card of this fingerprint, when some rule names it."""
        return self.cast.numbers.get(card)

    def skip(self, rule: str, why: str) -> None:
        """Note that a move of a rule had become illegal when it was due."""
        if (cue := self._by_name.get(rule)) is not None:
            cue.skip(why)

    # Life

    def changed(self, scenarios: Sequence[Scenario]) -> "Play":
        """A play of these scenarios, in which those that stay go on where they are."""
        staying = {each.name for each in self.scenarios if each in scenarios}
        for each in self.scenarios:
            if each.name not in staying:
                self._counters.forget(f"{each.name}/")
        found = Play(scenarios, self._seed, self._counters)
        for cue in found.cast.all:
            if cue.scenario in staying:
                cue.restore(*self._by_name[cue.name].tally())
        spent = {self.cast.requests[position].name: each for position, each in self._spent.items()}
        for position, request in enumerate(found.cast.requests):
            if request.scenario in staying and request.name in spent:
                found._spend(position, spent[request.name].answers)
        return found

    def reset(self) -> None:
        """Start every rule again."""
        self._counters.clear()
        self._spent = {}
        self.cast.find()
        for cue in self.cast.all:
            cue.start()

    def snapshot(self) -> dict[str, object]:
        """The scenarios as they were written, every counter and every tally."""
        return {
            "scenarios": [scenario.source for scenario in self.scenarios],
            "counters": self._counters.snapshot(),
            "tallies": [cue.tally() for cue in self.cast.all],
            "spent": [[position, each.answers] for position, each in self._spent.items()],
        }

    def restore(
        self, counters: Mapping[str, int], tallies: Sequence[Any], spent: Sequence[Any]
    ) -> None:
        """Take over the counters and tallies of a snapshot of the same scenarios.

        Raises:
            ValueError, TypeError: they are of others.
        """
        self._counters.restore({mask_text(key): count for key, count in counters.items()})
        for cue, tally in zip(self.cast.all, tallies, strict=True):
            cue.restore(*tally)
        for position, answers in spent:
            if not 0 <= position < len(self.cast.requests):
                raise ValueError("a rule that is used up is none")
            self._spend(position, int(answers))


def fits(wanted: str, event: str) -> bool:
    """Whether an event is the wanted one, or of the wanted family."""
    return wanted in ("*", event) or (
        wanted.endswith(".*") and event.startswith(wanted.removesuffix("*"))
    )


def _is_attempt(rule: WebhookRule, attempt: int) -> bool:
    return all(compiled(each)(attempt) for each in rule.when if each.field == ATTEMPT)


def _kept(field: str, value: object) -> object:
    """A value fit to be kept: without a card number, and not longer than it is shown."""
    if value is None or isinstance(value, int):
        return value
    if field == "card":
        return mask_number(str(value))
    return mask_text(str(value))[:LONGEST_SHOWN]
