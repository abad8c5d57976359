"""Owns the verdict on a call: which rule's which step answers it, and the counters behind that.

The rules of a world are those of its active scenarios, then those of the magic cards. The former
are the `Play`, which is there only when a scenario is active; a call asks it first, before anything
is checked. The cards are asked once the card has passed its checks.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.events import EventType
from payments_sandbox.rules.counters import Counters
from payments_sandbox.rules.model import CardRule, EventRule, Per, RequestRule, Respond
from payments_sandbox.rules.selected_step import Verdict, step_at

if TYPE_CHECKING:
    from payments_sandbox.rules.rule_engine import Play


class Subject(NamedTuple):
    """What of a call the rules of cards look at and count by."""

    card: int
    customer_id: str | None
    payment_id: str | None


class Rules:
    """The rules of cards, found by operation or event and the card's fingerprint."""

    __slots__ = ("_cards", "_events", "_requests")

    def __init__(self, rules: Iterable[CardRule]) -> None:
        self._requests: dict[tuple[str, int], RequestRule] = {}
        self._events: dict[tuple[str, int], EventRule] = {}
        self._cards: set[int] = set()
        for rule in rules:
            [condition] = rule.when
            card = fingerprint(str(condition.operand))
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
    """The rules of one world, and how far each of their counters has come.

    Attributes:
        play: the active scenarios; None while there are none.
    """

    __slots__ = ("_counters", "_rules", "play")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._counters = Counters()
        self.play: Play | None = None

    def verdict(self, operation: str, subject: Subject) -> Verdict | None:
        """The step of a magic card for this call, counted; None when it behaves normally."""
        rule = self._rules.for_request(operation, subject.card)
        if rule is None:
            return None
        if rule.answers_alike:
            return _verdict(rule, 1)
        call = self._counters.bump(f"{rule.name}\0{_counted_by(rule.per, subject)}")
        position = step_at(rule, call)
        return None if position is None else _verdict(rule, position)

    def reaction(self, event: EventType, card: int) -> EventRule | None:
        """The magic card's rule that follows this event of a payment with this card."""
        return self._rules.for_event(event, card)

    def names(self, card: int) -> bool:
        """Whether some rule names the card of this fingerprint."""
        return self._rules.names(card) or (self.play is not None and self.play.names(card))

    def skip(self, rule: str, why: str) -> None:
        """Note for the report that a move of a rule had become illegal when it was due."""
        if self.play is not None:
            self.play.skip(rule, why)

    def reset(self) -> None:
        """Start every rule again."""
        self._counters.clear()
        if self.play is not None:
            self.play.reset()

    def snapshot(self) -> dict[str, object]:
        """The counters of the cards, least recently used first, and the active scenarios."""
        play = None if self.play is None else self.play.snapshot()
        return {"counters": self._counters.snapshot(), "play": play}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Take over the counters of a snapshot; the play is restored by who can read scenarios."""
        self._counters.restore({mask_text(key): n for key, n in kept["counters"].items()})


def _verdict(rule: RequestRule, position: int) -> Verdict:
    step = rule.steps[position - 1]
    return Verdict(rule.name, position, step, step.delay if isinstance(step.delay, int) else 0)


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
    """Whose calls are counted together; calls of nobody are."""
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
