"""Owns what is said of a job of the timeline: when, what, and about which payment or delivery."""

from typing import TYPE_CHECKING, NamedTuple, assert_never

from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.world.timeline import (
    ActOnPayment,
    AttemptDelivery,
    Job,
    RunTimedRule,
    SettlePayment,
)

if TYPE_CHECKING:
    from payments_sandbox.webhooks.outbox import Outbox


class TimelineEntry(NamedTuple):
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


def upcoming_entry(
    due: Instant, job: Job, ledger: Ledger, outbox: "Outbox | None"
) -> TimelineEntry:
    """Describe a job of the timeline that is due later."""
    match job:
        case AttemptDelivery(number):
            if outbox is None or (delivery := outbox.get(number)) is None:
                raise LookupError("a delivery is planned that is not there")
            message, delivery_id = delivery.message, outbox.id_of(number)
            about = message.payment_id, message.event_id
            return TimelineEntry(due, "webhook.attempt", *about, delivery_id)
        case SettlePayment(int(number)) | ActOnPayment(int(number)):
            return TimelineEntry(due, describe_job(job), ledger.payments.id_of(number))
        case _:
            return TimelineEntry(due, describe_job(job), None)


def describe_job(job: SettlePayment | ActOnPayment | RunTimedRule) -> str:
    """The event that a job ends in, or what else it does."""
    match job:
        case SettlePayment():
            failed = EventType.PAYMENT_FAILED
            return EventType.PAYMENT_COMPLETED.value if job.failure is None else failed.value
        case ActOnPayment(action=action):
            return action.describes
        case RunTimedRule(rule):
            return f"rule {rule}"
        case _:
            assert_never(job)
