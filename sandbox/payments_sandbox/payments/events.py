"""Owns events and what they report: changes of payments, refunds and chargebacks."""

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
"""Patterns that stand for all events about one kind of object, such as `payment.*`."""


class Refund(NamedTuple):
    """Money that the merchant gives back; `amount` is in minor units of the payment's currency."""

    id: RefundId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str | None = None
    description: str | None = None


class Chargeback(NamedTuple):
    """Money that the card's issuer takes back; `amount` is in minor units."""

    id: ChargebackId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str


class Event(NamedTuple):
    """One change; `amount` is that of the refund or chargeback, else that of the payment."""

    id: EventId
    type: EventType
    created: Instant
    payment_id: PaymentId
    amount: int
    currency: str
    reversal: Refund | Chargeback | None = None


class MadeEvent(NamedTuple):
    """An event that a user made by hand, without any change in the ledger."""

    id: EventId
    type: str
    created: Instant
    data: dict[str, object]


AnyEvent = Event | MadeEvent
