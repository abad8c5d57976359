"""Owns which rule answers a call, acts on an event or changes a delivery, and the rules' counts.

How it works:

1. The rules of all active scenarios form one list, in the order of activation and then of the file.
   The rules of the magic cards come after them: a built-in set, decided by the same code, and used
   only for calls with such a card.
2. A scenario decides before a call is validated, a magic card after the card (for a refund: the
   ledger) has been checked. So a scenario's step wraps whatever the card would have done.
3. The first request rule that answers wins. A rule that is used up (`then: pass`), or whose draw
   misses its chance, leaves the call to the next rule. Rules of other kinds all act if they apply.
4. Every rule whose conditions hold counts the call by its `per` key, whichever rule answers. Only
   an answer uses up a step. Calls are not counted if no decision depends on their number.
5. A draw is a hash of seed, rule, key and number of the call. Nothing else enters a decision, so
   equal calls of one client get equal answers, however the calls of clients interleave.
6. Conditions depend on a call's values alone, so the matching rules are cached by these values.
   A hundred rules therefore cost little more than one.
7. `RuleExplanations` keep masked values, and are put into words only when they are read. The
   report, the journal's explanations and headers mention scenarios only, never a card's rule.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.masking import mask_number, mask_text
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.events import Event
from payments_sandbox.payments.payment import Payment
from payments_sandbox.rules.action import Action
from payments_sandbox.rules.active_rule import (
    Counters,
    RuleSet,
    Tally,
    cards_in_conditions,
    rules_of,
)
from payments_sandbox.rules.conditions import LONGEST_SHOWN, compile_condition
from payments_sandbox.rules.fields import ATTEMPT, Fields, PaymentFields, PaymentLike
from payments_sandbox.rules.magic_cards import CARD_RULES
from payments_sandbox.rules.model import AtRule, CardRule
from payments_sandbox.rules.scenario import Scenario, WebhookRule
from payments_sandbox.rules.step_search import (
    PlacedRule,
    RuleExplanations,
    SelectedStep,
    search_step,
)
from payments_sandbox.rules.webhook_effects import WebhookEffects, combine_effects

MATCHES_KEPT: Final = 1_000
"""For how many combinations of values the matching rules are cached."""


class Decision(NamedTuple):
    """What scenarios decide about a call: the step that answers it, and why other rules do not."""

    selected: SelectedStep | None
    explanations: RuleExplanations


class AppliedRule(NamedTuple):
    """A webhook rule that applies to a delivery, with the key and the number it was counted by."""

    name: str
    key: str
    call: int


class Reaction(NamedTuple):
    """An action to carry out `after` virtual milliseconds, as a reaction to an event."""

    rule: str
    after: int
    action: Action


class CardRules(NamedTuple):
    """The rules of magic cards; each has one condition, on the number of its card.

    Attributes:
        numbers: the numbers of the cards, by fingerprint.
    """

    rules: tuple[CardRule, ...]
    numbers: Mapping[int, str]


def index_card_rules(rules: Iterable[CardRule]) -> CardRules:
    """Index the rules of magic cards by card, once for all worlds."""
    found = tuple(rules)
    numbers = [str(condition.operand) for rule in found for condition in rule.when]
    return CardRules(found, {fingerprint(number): number for number in numbers})


MAGIC_CARD_RULES: Final = index_card_rules(CARD_RULES)


class RuleEngine:
    """The rules of one world: those of its active scenarios, and those of the magic cards.

    Args:
        seed: the seed of draws for scenarios without one.
        card_rules: the rules of the magic cards; None stands for those of `magic_cards.py`.

    Attributes:
        scenarios: the active scenarios, in the order of activation.
        rule_set: their rules.
        named_cards: the fingerprints of cards that any rule names.
    """

    __slots__ = (
        "_by_name", "_card_rule_set", "_card_rules", "_counters", "_matches", "_numbers",
        "_reported", "_requests", "_seed", "_webhooks",
        "named_cards", "rule_set", "scenarios",
    )  # fmt: skip

    def __init__(self, seed: int, card_rules: CardRules | None = None) -> None:
        self._seed = seed
        self._card_rules = card_rules or MAGIC_CARD_RULES
        self._card_rule_set: RuleSet | None = None
        self._counters = Counters()
        self._load(())

    def _load(self, scenarios: Sequence[Scenario]) -> None:
        self._reported: list[Tally] | None = None
        self.scenarios = tuple(scenarios)
        self.rule_set = RuleSet(rules_of(self.scenarios, self._seed))
        self._by_name = {rule.name: rule for rule in self.rule_set.all}
        self._webhooks = {rule.name: rule for rule in self.rule_set.webhooks}
        self._numbers = cards_in_conditions(self.scenarios)
        self.named_cards = self._numbers.keys() | self._card_rules.numbers.keys()
        self._matches: dict[tuple[object, ...], list[PlacedRule]] = {}
        self._requests = {name: self.rule_set.for_operation(name) for name in BY_NAME}

    # Calls

    def decide(self, operation: str, fields: Fields) -> Decision:
        """Decide which scenario's rule answers a call; every matching rule counts it."""
        values = {name: fields.get(name) for name in self.rule_set.fields[operation]}
        matching = self._matching(operation, values)
        found = search_step(matching, fields, self._counters)
        masked_values = tuple(_masked_value(name, value) for name, value in values.items())
        return Decision(
            found.selected, RuleExplanations(self.rule_set, operation, masked_values, found)
        )

    def _matching(self, operation: str, values: Mapping[str, object]) -> list[PlacedRule]:
        """The rules whose conditions hold, cached by the values of the call."""
        if (key := _cache_key(operation, values.values())) is None:
            return _all_matching(self._requests[operation], values)
        if (found := self._matches.get(key)) is None:
            found = _all_matching(self._requests[operation], values)
            if len(self._matches) >= MATCHES_KEPT:
                # Clearing the cache now and then costs less than tracking the use of each entry.
                self._matches.clear()
            self._matches[key] = found
        return found

    def decide_by_card(self, operation: str, payment: PaymentLike) -> SelectedStep | None:
        """Decide which step of a payment's magic card answers a call; the payment may be new."""
        if payment.card.fingerprint not in self._card_rules.numbers:
            return None
        fields = PaymentFields(payment, self._card_rules.numbers.get)
        rules = _all_matching(self._built_in.for_operation(operation), fields)
        return search_step(rules, fields, self._counters).selected

    @property
    def _built_in(self) -> RuleSet:
        """The rules of the magic cards, compiled when the first such card is used."""
        if self._card_rule_set is None:
            rules = ((None, rule, self._seed) for rule in self._card_rules.rules)
            self._card_rule_set = RuleSet(rules)
        return self._card_rule_set

    # Events, payments, deliveries

    def may_react(self, card: int) -> bool:
        """Whether any rule may act on events of a payment whose card has this fingerprint."""
        return bool(self.rule_set.events) or card in self._card_rules.numbers

    def reactions(self, event: Event, payment: Payment) -> Iterator[Reaction]:
        """Yield the reactions to an event, the magic card's first, and count it."""
        if payment.card.fingerprint in self._card_rules.numbers:
            fields = PaymentFields(payment, self._card_rules.numbers.get, event)
            yield from self._reactions(self._built_in, event, fields)
        fields = PaymentFields(payment, self.number_of, event)
        yield from self._reactions(self.rule_set, event, fields)

    def _reactions(self, rules: RuleSet, event: Event, fields: Fields) -> Iterator[Reaction]:
        for each in rules.events:
            is_about = event_matches(each.rule.event, event.type)
            if is_about and each.count_and_draw(fields, self._counters) is not None:
                yield Reaction(each.name, each.rule.after, each.rule.action)

    def timed_rule(self, name: str) -> AtRule | None:
        """The `at` rule with a name; None if its scenario is no longer active."""
        return next((each.rule for each in self.rule_set.timed if each.name == name), None)

    def count_and_draw(self, name: str, fields: Fields) -> bool:
        """Decide whether the rule with a name acts on a payment, and count that."""
        return self._by_name[name].count_and_draw(fields, self._counters) is not None

    def count_firing(self, name: str) -> None:
        """Count an action of the rule with a name that concerns no payment."""
        self._by_name[name].count_firing()

    def select_webhook_rules(self, event: str, fields: Fields) -> tuple[AppliedRule, ...]:
        """Select the webhook rules for a delivery; this counts, so call it once for each."""
        return tuple(
            AppliedRule(each.name, *call)
            for each in self.rule_set.webhooks
            if event_matches(each.rule.webhook, event)
            and (call := each.count_and_draw(fields, self._counters)) is not None
        )

    def effects(self, applied: Iterable[AppliedRule], attempt: int) -> WebhookEffects:
        """The combined effects of applied rules on one attempt of a delivery, counted from 1."""
        return combine_effects(
            (active.rule.name, active.rule.effects, active.delay(active.rule.delay, key, call))
            for name, key, call in applied
            if (active := self._webhooks.get(name)) is not None
            and _is_attempt(active.rule, attempt)
        )

    # Cards and the report

    def number_of(self, card: int) -> str | None:
        """The card number for a fingerprint, if an active scenario names it, else None."""
        return self._numbers.get(card)

    def count_skip(self, rule: str, why: str) -> None:
        """Count an action of the rule with a name that was no longer possible when due."""
        if (active := self._by_name.get(rule)) is not None:
            active.count_skip(why)

    # Activation, resets, snapshots

    def set_scenarios(self, scenarios: Sequence[Scenario]) -> None:
        """Make exactly these scenarios active, in this order; those that stay keep their state."""
        before = self._by_name
        # Compared by value: an edited scenario with the same name starts from the beginning.
        staying = {each.name for each in self.scenarios if each in scenarios}
        for each in self.scenarios:
            if each.name not in staying:
                self._counters.forget(f"{each.name}/")
        self._load(scenarios)
        for rule in self.rule_set.all:
            if rule.scenario in staying:
                rule.restore(*before[rule.name].tally())

    def reset(self) -> None:
        """Start every rule again, including those of magic cards."""
        self._counters.clear()
        for rule in self.rule_set.all:
            rule.reset()

    def take_changes(self) -> dict[str, object] | None:
        """Return the counters and tallies changed since the last call; None if all may have."""
        counters, reported = self._counters.take_changes(), self._reported
        tallies = [rule.tally() for rule in self.rule_set.all]
        self._reported = tallies
        if counters is None or reported is None:
            return None
        pairs = zip(tallies, reported, strict=True)
        changed = [(place, tally) for place, (tally, old) in enumerate(pairs) if tally != old]
        return {"counters": counters, "tallies": changed} if counters or changed else {}

    def snapshot(self) -> dict[str, object]:
        """Return the sources of the active scenarios, every counter and every tally."""
        return {
            "scenarios": [scenario.source for scenario in self.scenarios],
            "counters": self._counters.snapshot(),
            "tallies": [rule.tally() for rule in self.rule_set.all],
        }

    def restore(
        self,
        scenarios: Sequence[Scenario],
        counters: Mapping[str, int],
        tallies: Sequence[Any],
    ) -> None:
        """Restore a snapshot.

        Args:
            scenarios: the active scenarios, parsed from their sources.
            counters: the counts by name.
            tallies: the tally of each rule, in order.

        Raises:
            ValueError, TypeError: the tallies do not fit the scenarios.
        """
        self._load(scenarios)
        self._counters.restore(counters)
        for rule, tally in zip(self.rule_set.all, tallies, strict=True):
            rule.restore(*tally)


def event_matches(wanted: str, event: str) -> bool:
    """Whether an event is the wanted one, or in the wanted family such as `payment.*`."""
    return wanted in ("*", event) or (
        wanted.endswith(".*") and event.startswith(wanted.removesuffix("*"))
    )


def _cache_key(operation: str, values: Iterable[object]) -> tuple[object, ...] | None:
    """A cache key for values; None if one is neither a text nor a whole number.

    Texts are hashed, because they may contain a card number, which is never kept.
    """
    key: list[object] = [operation]
    for value in values:
        kind = type(value)
        if kind is str:
            key.append((hash(value),))
        elif value is None or kind is int:  # but neither true nor 1.0, which equal 1
            key.append(value)
        else:
            return None
    return tuple(key)


def _all_matching(rules: Iterable[PlacedRule], fields: Fields) -> list[PlacedRule]:
    return [pair for pair in rules if pair[1].matches(fields)]


def _is_attempt(rule: WebhookRule, attempt: int) -> bool:
    return all(compile_condition(each)(attempt) for each in rule.when if each.field == ATTEMPT)


def _masked_value(field: str, value: object) -> object:
    """A value that may be kept: masked, and cut to the length that is shown."""
    if value is None or isinstance(value, int):
        return value
    if field == "card":
        return mask_number(str(value))
    return mask_text(str(value))[:LONGEST_SHOWN]
