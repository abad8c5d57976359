"""Owns events and what they report: facts about payments, refunds and chargebacks."""

from dataclasses import dataclass
from enum import StrEnum

from sandbox.domain.ids import ChargebackId, EventId, PaymentId, RefundId
from sandbox.domain.instants import Instant


class EventType(StrEnum):
    """The documented events (section "WEBHOOKS")."""

    PAYMENT_COMPLETED = "payment.completed"
    PAYMENT_FAILED = "payment.failed"
    REFUND_CREATED = "refund.created"
    CHARGEBACK_CREATED = "chargeback.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back; `amount` in minor units of the payment's currency."""

    id: RefundId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chargeback:
    """Money taken back by the card's issuer; `amount` in minor units."""

    id: ChargebackId
    payment_id: PaymentId
    amount: int
    created: Instant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact; `amount` is the payment's, the refund's or the chargeback's."""

    id: EventId
    type: EventType
    created: Instant
    payment_id: PaymentId
    amount: int
    currency: str
    reversal: Refund | Chargeback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEvent:
    """An event that somebody made by hand: nothing in the ledger has changed with it."""

    id: EventId
    type: str
    created: Instant
    data: dict[str, object]


AnyEvent = Event | MadeEvent
