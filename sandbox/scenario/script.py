"""Owns the verdict on a call: which rule's which step answers it, and the counters behind that."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, assert_never

from sandbox.contract.codes import CODES
from sandbox.domain.cards import fingerprint
from sandbox.domain.events import EventType
from sandbox.scenario.model import EventRule, Per, RequestRule, Respond, Rule, Step, Then

COUNTERS_KEPT: Final = 10_000
"""Counters of one world; beyond it the longest unused one starts again."""


class Subject(NamedTuple):
    """What of a call rules may look at and count by."""

    card: int
    customer_id: str | None
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The step that answers, with its rule's name and its position, counted from 1."""

    rule: str
    position: int
    step: Step


class Rules:
    """A fixed set of rules, found by operation or event and the card's fingerprint."""

    __slots__ = ("_cards", "_events", "_requests")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._requests: dict[tuple[str, int], RequestRule] = {}
        self._events: dict[tuple[str, int], EventRule] = {}
        self._cards: set[int] = set()
        for rule in rules:
            card = fingerprint(rule.when.card)
            self._cards.add(card)
            match rule:
                case RequestRule():
                    _check_documented(rule)
                    self._requests[rule.operation, card] = rule
                case EventRule():
                    self._events[rule.event, card] = rule
                case _:
                    assert_never(rule)

    def names(self, card: int) -> bool:
        """Whether some rule names the card of this fingerprint."""
        return card in self._cards

    def for_request(self, operation: str, card: int) -> RequestRule | None:
        """The rule that answers this operation with this card."""
        return self._requests.get((operation, card))

    def for_event(self, event: EventType, card: int) -> EventRule | None:
        """The rule that follows this event of a payment with this card."""
        return self._events.get((event.value, card))


class Script:
    """The rules of one world, and how far each of their counters has come."""

    __slots__ = ("_counts", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._counts: OrderedDict[str, int] = OrderedDict()

    def verdict(self, operation: str, subject: Subject) -> Verdict | None:
        """The step for this call, counted; None when the call behaves normally."""
        rule = self._rules.for_request(operation, subject.card)
        if rule is None:
            return None
        if rule.answers_alike:
            return Verdict(rule.name, 1, rule.steps[0])
        key = f"{rule.name}\0{_counted_by(rule.per, subject)}"
        call = self._counts.pop(key, 0)
        self._counts[key] = call + 1
        if len(self._counts) > COUNTERS_KEPT:
            self._counts.popitem(last=False)
        return _step_at(rule, call)

    def reaction(self, event: EventType, card: int) -> EventRule | None:
        """The rule that follows this event of a payment with this card."""
        return self._rules.for_event(event, card)

    def names(self, card: int) -> bool:
        """Whether some rule names the card of this fingerprint."""
        return self._rules.names(card)

    def reset(self) -> None:
        """Start every rule again."""
        self._counts.clear()

    def snapshot(self) -> dict[str, int]:
        """The counters, least recently used first."""
        return dict(self._counts)

    def restore(self, counts: Mapping[str, int]) -> None:
        """Take over the counters of a snapshot."""
        self._counts = OrderedDict((key, int(count)) for key, count in counts.items())


def _check_documented(rule: RequestRule) -> None:
    """Refuse an answer that the operation does not document.

    Raises:
        ValueError: naming the rule, the code and the operation.
    """
    for step in rule.steps:
        match step.outcome:
            case Respond(code) if rule.operation not in CODES[code].operations:
                raise ValueError(f"{rule.name}: {code} is not an error of {rule.operation}")


def _counted_by(per: Per, subject: Subject) -> str:
    match per:
        case Per.WORLD:
            return ""
        case Per.CUSTOMER:
            return subject.customer_id or ""
        case Per.PAYMENT:
            return subject.payment_id or ""
        case Per.CARD:
            return f"{subject.card:08x}"
        case _:
            assert_never(per)


def _step_at(rule: RequestRule, call: int) -> Verdict | None:
    """The step of the nth call, counted from 0, after `times` and `then`."""
    for position, step in enumerate(rule.steps, start=1):
        if call < step.times:
            return Verdict(rule.name, position, step)
        call -= step.times
    if rule.then is Then.REPEAT_LAST:
        return Verdict(rule.name, len(rule.steps), rule.steps[-1])
    return None
