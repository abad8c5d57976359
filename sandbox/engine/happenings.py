"""Owns what is said of a job of the timeline: when, what, and about which payment or delivery."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from sandbox.domain.events import EventType
from sandbox.domain.instants import Instant
from sandbox.engine.timeline import ChargeBackPayment, SettlePayment

if TYPE_CHECKING:
    from sandbox.engine.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened, or will, at an instant: an event's type and the payment it is about.

    Attributes:
        delivery_id: the webhook that is attempted, where that is what it is about.
        error: why the attempt failed, if it did.
    """

    at: Instant
    what: str
    payment_id: str | None
    event_id: str | None = None
    delivery_id: str | None = None
    error: str | None = None


def attempt_due(due: Instant, delivery: "Delivery", delivery_id: str) -> Happening:
    """A failed delivery is tried again."""
    told = delivery.told
    return Happening(due, "webhook.attempt", told.payment_id, told.event_id, delivery_id)


def event_type_of(job: SettlePayment | ChargeBackPayment) -> EventType:
    """The event that a job ends in."""
    match job:
        case SettlePayment(_, None):
            return EventType.PAYMENT_COMPLETED
        case SettlePayment():
            return EventType.PAYMENT_FAILED
        case ChargeBackPayment():
            return EventType.CHARGEBACK_CREATED
        case _:
            assert_never(job)
