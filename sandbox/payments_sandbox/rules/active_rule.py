"""Owns rules at work: compiled conditions, counts of calls, draws and tallies."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Final, Generic, TypeVar, assert_never

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.rules.conditions import Predicate, compile_condition
from payments_sandbox.rules.delays import Delay, draw, sample_delay
from payments_sandbox.rules.fields import ATTEMPT, CALL, Fields
from payments_sandbox.rules.model import AtRule, Condition, EventRule, Per, RequestRule, Then
from payments_sandbox.rules.scenario import Rule, Scenario, WebhookRule

COUNTERS_KEPT: Final = 10_000
"""How many counters a world has; beyond that, the least recently used one is forgotten."""

_WHOLE_NUMBER_OPERATORS: Final = frozenset({"eq", "ne", "in", "not_in"})
"""Operators whose operand is a whole card number."""

RuleT = TypeVar("RuleT", RequestRule, EventRule, AtRule, WebhookRule)


Tally = tuple[int, int, int, int, str]
"""The counts of a rule: matched, fired, failed, skipped, and the reason of the last skip."""


class Counters:
    """Counts by name; the least recently used name is forgotten first."""

    __slots__ = ("_changed", "_counts")

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._changed: dict[str, int] | None = None

    def count(self, name: str) -> int:
        """Add one to a count, and return the new count."""
        count = self._counts.pop(name, 0) + 1
        self._counts[name] = count
        if self._changed is not None:
            self._changed.pop(name, None)  # the most recently used is last
            self._changed[name] = count
        if len(self._counts) > COUNTERS_KEPT:
            self._counts.popitem(last=False)
        return count

    def get(self, name: str) -> int:
        """Return a count; this does not make it recently used."""
        return self._counts.get(name, 0)

    def clear(self) -> None:
        """Forget every count."""
        self._counts.clear()
        self._changed = None

    def forget(self, prefix: str) -> None:
        """Forget the counts of all names that start with the prefix."""
        for name in [name for name in self._counts if name.startswith(prefix)]:
            del self._counts[name]
        self._changed = None

    def take_changes(self) -> list[tuple[str, int]] | None:
        """Return the names that were counted since the last call, the least recently used first.

        Returns:
            Pairs of a name and its count; None if all may have changed.
        """
        changed, self._changed = self._changed, {}
        return None if changed is None else list(changed.items())

    def snapshot(self) -> dict[str, int]:
        """Return every count by name, the least recently used first."""
        return dict(self._counts)

    def restore(self, counts_calls: Mapping[str, int]) -> None:
        """Restore a snapshot."""
        self._counts = OrderedDict(counts_calls)
        self._changed = None


class ActiveRule(Generic[RuleT]):
    """A rule of an active scenario, or of a magic card.

    Attributes:
        scenario: the name of its scenario; None for the rule of a magic card.
        name: the rule's name, after that of its scenario if it has one.
        counts_calls: whether its decisions depend on the number of the call.
        max_answers: how many answers use it up permanently; None if no number does.
        matched: how many calls, events, payments or deliveries met its conditions.
        fired: how often it answered or acted.
        failed: how often it had no step left, with `then: fail`.
        skipped: how many of its actions were no longer possible; `why_skipped` is the last reason.
    """

    __slots__ = (
        "_call_tests",
        "_seed",
        "_tests",
        "counts_calls",
        "failed",
        "fired",
        "matched",
        "max_answers",
        "name",
        "rule",
        "scenario",
        "skipped",
        "why_skipped",
    )  # fmt: skip

    def __init__(self, scenario: str | None, rule: RuleT, seed: int) -> None:
        self.scenario = scenario
        self.rule: RuleT = rule
        self.name = rule.name if scenario is None else f"{scenario}/{rule.name}"
        self._seed = seed
        tests = [(each, compile_condition(each)) for each in rule.when if each.field != ATTEMPT]
        self._tests: tuple[tuple[str, Predicate], ...] = tuple(
            (each.field, test) for each, test in tests if each.field != CALL
        )
        self._call_tests = tuple((each, test) for each, test in tests if each.field == CALL)
        self.counts_calls = bool(self._call_tests) or rule.chance < 1 or _has_sampled_delay(rule)
        self.max_answers = None if scenario is None or self.counts_calls else _max_answers(rule)
        self.reset()

    def reset(self) -> None:
        """Start the tally again."""
        self.matched = self.fired = self.failed = self.skipped = 0
        self.why_skipped = ""

    def matches(self, fields: Fields) -> bool:
        """Whether all conditions hold, except those on the numbers of the call and the attempt."""
        return all(test(fields.get(field)) for field, test in self._tests)

    def key(self, fields: Fields) -> str:
        """The key by which a call is counted, with cards hashed; empty if the call has no value."""
        per = self.rule.per
        match per:
            case Per.WORLD:
                return ""
            case Per.CUSTOMER:
                return _masked_text(fields.get("customer_id"))
            case Per.PAYMENT:
                return _masked_text(fields.get("payment_id"))
            case Per.CARD:
                return self._hash(fields.get("card"))
            case _:
                assert_never(per)

    def count_call(self, counters: Counters, key: str) -> int:
        """Count a call with a key, and return its number from 1, or 0 if no decision needs it."""
        return counters.count(f"{self.name}\0call\0{key}") if self.counts_calls else 0

    def unmet_call_condition(self, call: int) -> Condition | None:
        """The condition on the number of the call that does not hold, or None."""
        return next((each for each, test in self._call_tests if not test(call)), None)

    def missed_draw(self, key: str, call: int) -> float | None:
        """Draw for a call by its number; return the draw if it misses the chance, else None."""
        if self.rule.chance >= 1:
            return None
        found = draw(self._seed, self.name, key, call)
        return found if found >= self.rule.chance else None

    def count_and_draw(self, fields: Fields, counters: Counters) -> tuple[str, int] | None:
        """Decide whether a rule that is not a request rule acts on something, and count it.

        Returns:
            The key and the number of the call, or None if the rule does not act.
        """
        if not self.matches(fields):
            return None
        key = self.key(fields)
        call = self.count_call(counters, key)
        if self.unmet_call_condition(call) is not None:
            return None
        self.matched += 1
        if self.missed_draw(key, call) is not None:
            return None
        self.fired += 1
        return key, call

    def count_firing(self) -> None:
        """Count an action of a rule without conditions."""
        self.matched += 1
        self.fired += 1

    def count_skip(self, why: str) -> None:
        """Count an action that was no longer possible when it was due."""
        self.skipped += 1
        self.why_skipped = why

    def delay(self, delay: Delay, key: str, call: int) -> int:
        """Return the delay of a call in milliseconds, sampled if it is a distribution."""
        if isinstance(delay, int):
            return delay
        return sample_delay(delay, draw(self._seed, f"{self.name}\0delay", key, call))

    def tally(self) -> Tally:
        """The counts, as arguments of `restore`."""
        return (self.matched, self.fired, self.failed, self.skipped, self.why_skipped)

    def restore(self, matched: int, fired: int, failed: int, skipped: int, why: str) -> None:
        """Restore the counts of a snapshot."""
        self.matched, self.fired, self.failed = matched, fired, failed
        self.skipped, self.why_skipped = skipped, why

    def _hash(self, number: object) -> str:
        if not isinstance(number, str):
            return ""
        key = str(self._seed).encode()
        return blake2b(number.encode("utf-8", "replace"), digest_size=8, key=key).hexdigest()


AnyActiveRule = (
    ActiveRule[RequestRule] | ActiveRule[EventRule] | ActiveRule[AtRule] | ActiveRule[WebhookRule]
)


class RuleSet:
    """Active rules in their order, by kind.

    Attributes:
        all: the rules of all kinds, in order.
        requests, events, timed, webhooks: those of one kind; `timed` are the `at` rules.
        fields: for each operation, the fields in conditions of its request rules, except `call`.
    """

    __slots__ = ("all", "events", "fields", "requests", "timed", "webhooks")

    def __init__(self, rules: Iterable[tuple[str | None, Rule, int]]) -> None:
        self.all: list[AnyActiveRule] = []
        self.requests: list[ActiveRule[RequestRule]] = []
        self.events: list[ActiveRule[EventRule]] = []
        self.timed: list[ActiveRule[AtRule]] = []
        self.webhooks: list[ActiveRule[WebhookRule]] = []
        for scenario, rule, seed in rules:
            self.all.append(self._add(scenario, rule, seed))
        self.fields = {name: self._fields_of_conditions(name) for name in BY_NAME}

    def for_operation(self, operation: str) -> list[tuple[int, ActiveRule[RequestRule]]]:
        """The request rules for an operation, each with its position among all request rules."""
        about = ("*", operation)
        return [pair for pair in enumerate(self.requests) if pair[1].rule.operation in about]

    def _add(self, scenario: str | None, rule: Rule, seed: int) -> AnyActiveRule:
        match rule:
            case RequestRule():
                self.requests.append(request := ActiveRule(scenario, rule, seed))
                return request
            case EventRule():
                self.events.append(event := ActiveRule(scenario, rule, seed))
                return event
            case AtRule():
                self.timed.append(timed := ActiveRule(scenario, rule, seed))
                return timed
            case WebhookRule():
                self.webhooks.append(webhook := ActiveRule(scenario, rule, seed))
                return webhook
            case _:
                assert_never(rule)

    def _fields_of_conditions(self, operation: str) -> tuple[str, ...]:
        rules = self.for_operation(operation)
        fields = (each.field for _, active in rules for each in active.rule.when)
        return tuple(dict.fromkeys(field for field in fields if field != CALL))


def rules_of(scenarios: Sequence[Scenario], seed: int) -> Iterator[tuple[str | None, Rule, int]]:
    """Yield the rules of scenarios in order, each with the scenario's name and the seed."""
    for each in scenarios:
        for rule in each.rules:
            yield each.name, rule, seed if each.seed is None else each.seed


def cards_in_conditions(scenarios: Sequence[Scenario]) -> dict[int, str]:
    """The card numbers in conditions of scenarios' rules and expectations, by fingerprint."""
    rules = (rule.when for scenario in scenarios for rule in scenario.rules)
    expected = (each.conditions for scenario in scenarios for each in scenario.expectations)
    return {
        fingerprint(number): number
        for when in chain(rules, expected)
        for condition in when
        for number in _card_numbers_in(condition)
    }


def _card_numbers_in(condition: Condition) -> Iterator[str]:
    field, operator, operand = condition
    if field == "card" and operator in _WHOLE_NUMBER_OPERATORS:
        yield from map(str, operand if isinstance(operand, tuple) else (operand,))


def _max_answers(rule: Rule) -> int | None:
    """The number of a rule's answers, if it counts per world and leaves later calls to others."""
    match rule:
        case RequestRule(steps=steps, per=Per.WORLD, then=Then.PASS):
            return sum(step.times for step in steps)
        case _:
            return None


def _has_sampled_delay(rule: Rule) -> bool:
    match rule:
        case RequestRule(steps=steps):
            return any(not isinstance(step.delay, int) for step in steps)
        case WebhookRule(delay=delay):
            return not isinstance(delay, int)
        case EventRule() | AtRule():
            return False
        case _:
            assert_never(rule)


def _masked_text(value: object) -> str:
    return "" if value is None else mask_text(str(value))
