"""Owns events and what they report: facts about payments, refunds and chargebacks."""

from enum import StrEnum
from typing import Final, NamedTuple

from payments_sandbox.core.ids import ChargebackId, EventId, PaymentId, RefundId
from payments_sandbox.core.instants import Instant


class EventType(StrEnum):
    """The documented events (section "WEBHOOKS")."""

    PAYMENT_COMPLETED = "payment.completed"
    PAYMENT_FAILED = "payment.failed"
    REFUND_CREATED = "refund.created"
    CHARGEBACK_CREATED = "chargeback.created"


EVENT_FAMILIES: Final = tuple(dict.fromkeys(f"{each.partition('.')[0]}.*" for each in EventType))
"""What all events about one thing are called together, such as `payment.*`."""


class Refund(NamedTuple):
    """Money given back; `amount` in minor units of the payment's currency."""

    id: RefundId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str | None = None
    description: str | None = None


class Chargeback(NamedTuple):
    """Money taken back by the card's issuer; `amount` in minor units."""

    id: ChargebackId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str


class Event(NamedTuple):
    """One fact; `amount` is the payment's, the refund's or the chargeback's."""

    id: EventId
    type: EventType
    created: Instant
    payment_id: PaymentId
    amount: int
    currency: str
    reversal: Refund | Chargeback | None = None


class MadeEvent(NamedTuple):
    """An event that somebody made by hand: nothing in the ledger has changed with it."""

    id: EventId
    type: str
    created: Instant
    data: dict[str, object]


AnyEvent = Event | MadeEvent
