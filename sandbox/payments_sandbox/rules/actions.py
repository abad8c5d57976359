"""Owns the actions of event and `at` rules: one class each, with everything about it.

To add an action, add a class here and list it in `ACTIONS`. tests/rules/test_actions.py checks that
every action does what it promises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.core.errors import IllegalMove
from payments_sandbox.core.masking import mask_object, mask_text
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.payment import Move
from payments_sandbox.rules.action import Action, ActionTarget
from payments_sandbox.rules.outcomes import MoveRateLimit
from payments_sandbox.rules.schema_parts import Json, flag, mapping, text, whole, without_none, word
from payments_sandbox.rules.step_outcome import EntryProblem

_AMOUNT: Final = whole("How much; default: what is left.", 1, 99_999_999)


@dataclass(frozen=True, slots=True)
class ChargeBack(Action):
    """The card's issuer takes an amount (minor units) back, or what is left."""

    name: ClassVar = "chargeback"
    payment_move: ClassVar = Move.CHARGE_BACK
    SCHEMA: ClassVar[Json] = mapping(
        "The issuer takes money back.",
        "{reason: fraudulent}",
        {
            "reason": text("The reason.", 255, hint="a reason is text such as fraudulent"),
            "amount": _AMOUNT,
        },
        ["reason"],
    )
    EXAMPLES: ClassVar = ({"reason": "fraudulent"}, {"reason": "fraudulent", "amount": 500})
    ROW: ClassVar = "the issuer takes back an amount, or what is left"

    reason: str
    amount: int | None = None

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{reason, amount}`."""
        return cls(value["reason"], value.get("amount"))

    def value(self) -> dict[str, object]:
        """Write `{reason, amount}`."""
        return without_none({"reason": self.reason, "amount": self.amount})

    def act(self, target: ActionTarget) -> None:
        """Charge the payment back."""
        reason = mask_text(self.reason)
        target.ledger.charge_back(target.payment, self.amount, reason, at=target.at)


@dataclass(frozen=True, slots=True)
class Complete(Action):
    """A pending payment completes."""

    name: ClassVar = "complete"
    payment_move: ClassVar = Move.COMPLETE
    SCHEMA: ClassVar[Json] = flag("A pending payment completes.")
    EXAMPLES: ClassVar = (True,)
    ROW: ClassVar = "a pending payment completes"

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `true`."""
        return cls()

    def value(self) -> bool:
        """Write `true`."""
        return True

    def act(self, target: ActionTarget) -> None:
        """Complete the payment."""
        target.ledger.complete(target.payment, at=target.at)


@dataclass(frozen=True, slots=True)
class Fail(Action):
    """A pending payment fails with a decline."""

    name: ClassVar = "fail"
    payment_move: ClassVar = Move.FAIL
    SCHEMA: ClassVar[Json] = mapping(
        "A pending payment fails.",
        "{error: card_declined}",
        {
            "error": word(
                "Which decline.",
                "a decline",
                [code for code, each in CODES.items() if each.is_decline],
                "error is a decline such as card_declined",
            )
        },
        ["error"],
    )
    EXAMPLES: ClassVar = ({"error": "card_declined"},)
    ROW: ClassVar = "a pending payment fails, with a decline"

    error: str

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{error}`."""
        return cls(value["error"])

    def value(self) -> dict[str, object]:
        """Write `{error}`."""
        return {"error": self.error}

    def act(self, target: ActionTarget) -> None:
        """Fail the payment."""
        target.ledger.fail(target.payment, self.error, at=target.at)


@dataclass(frozen=True, slots=True)
class RefundPayment(Action):
    """Refunds an amount (minor units), or what is left, as if a user did so in a dashboard."""

    name: ClassVar = "refund"
    payment_move: ClassVar = Move.REFUND
    SCHEMA: ClassVar[Json] = mapping(
        "A refund, as if made in a dashboard.",
        "{amount: 500}, or {} for what is left",
        {"amount": _AMOUNT, "reason": text("The reason.", 255, least=0)},
    )
    EXAMPLES: ClassVar = ({}, {"amount": 500, "reason": "late"})
    ROW: ClassVar = "an amount, or what is left, is refunded, as if in a dashboard"

    amount: int | None = None
    reason: str | None = None

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{amount, reason}`."""
        return cls(value.get("amount"), value.get("reason"))

    def value(self) -> dict[str, object]:
        """Write `{amount, reason}`."""
        return without_none({"amount": self.amount, "reason": self.reason})

    def act(self, target: ActionTarget) -> None:
        """Refund the payment."""
        reason = None if self.reason is None else mask_text(self.reason)
        target.ledger.refund(target.payment, self.amount, at=target.at, reason=reason)


@dataclass(frozen=True, slots=True)
class Emit(Action):
    """Sends an event although nothing has changed; without data it reports the payment."""

    name: ClassVar = "emit"
    SCHEMA: ClassVar[Json] = mapping(
        "An event without a change.",
        "{type: payment.completed}",
        {
            "type": {
                **text("Its type; without data one of the four documented ones.", 64),
                "pattern": "^[a-z0-9_.]+$",
                "x-expected": "an event's type such as payment.completed",
            },
            "data": {
                "description": "Its data; default: that of the payment.",
                "type": "object",
                "maxProperties": 100,
                "x-expected": "a mapping",
            },
        },
        ["type"],
    )
    EXAMPLES: ClassVar = ({"type": "payment.completed"}, {"type": "made.up", "data": {"a": 1}})
    ROW: ClassVar = (
        "an event without a change; without `data` it describes the payment, and with `data` any"
        " type is possible, such as `payout.paid`"
    )

    type: str
    data: Mapping[str, object] | None = None

    @classmethod
    def parse(cls, value: Json) -> Self:
        """Read `{type, data}`."""
        return cls(value["type"], value.get("data"))

    def value(self) -> dict[str, object]:
        """Write `{type, data}`."""
        return without_none({"type": self.type, "data": self.data})

    def act(self, target: ActionTarget) -> None:
        """Make the event."""
        if self.data is not None:
            data = mask_object(self.data)
        elif target.number is None:
            raise IllegalMove("It has no payment to describe.")
        else:
            data = target.event_data(target.ledger, EventType(self.type), target.number)
        target.ledger.make_event(mask_text(self.type), data, at=target.at)

    @property
    def describes(self) -> str:
        """The event's type."""
        return self.type

    def problem(self) -> EntryProblem | None:
        """Without data, the event has to be a documented one."""
        if self.data is not None or self.type in tuple(EventType):
            return None
        message = f"'{self.type}' is not a documented event, so its data cannot come from a payment"
        hint = f"add data, or use one of {', '.join(EventType)}"
        return EntryProblem((self.name, "type"), message, hint)

    def problem_without_payment(self) -> EntryProblem | None:
        """Without data, the event needs a payment to report."""
        if self.data is not None:
            return None
        hint = "add data, or when for payments"
        return EntryProblem((), f"'{self.name}' has no payment to describe", hint)


ACTIONS: Final[tuple[type[Action], ...]] = (
    ChargeBack, Complete, Fail, RefundPayment, Emit, MoveRateLimit,
)  # fmt: skip
"""Every action of rules, in the order of the documentation."""

_ACTION_NAMED: Final = {action.name: action for action in ACTIONS}


def parse_action(source: Json) -> Action:
    """Read an action from a scenario: a mapping with one key, valid by the schema."""
    [(name, value)] = source.items()
    return _ACTION_NAMED[name].parse(value)
