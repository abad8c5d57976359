"""Owns deliveries as the judges see them: what was sent to whom, and what was answered."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.delivery import SUCCESS, DeliveryAttempt, DeliveryStatus
from payments_sandbox.world.world import World


class AttemptSeen(NamedTuple):
    """One attempt.

    Attributes:
        sent_at: the real time.
        status: the receiver's answer; None when there was none.
        is_forged: its signature was not the endpoint's.
        is_stale: its signed timestamp was off by more than receivers allow.
    """

    sent_at: Instant
    status: int | None
    is_forged: bool = False
    is_stale: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and self.status in SUCCESS


class DeliverySeen(NamedTuple):
    """One event on its way to one endpoint, once; a copy is another one."""

    id: str
    event_id: str
    type: str
    payment_id: str | None
    endpoint_id: str
    is_delivered: bool
    attempts: tuple[AttemptSeen, ...] = ()


Deliveries = Callable[[], Iterator[DeliverySeen]]
"""Looks up every delivery that is remembered, oldest first."""


def deliveries_seen(world: World) -> Iterator[DeliverySeen]:
    """The deliveries of a world, oldest first, without those that somebody has sent again."""
    if world.webhooks is None:
        return
    outbox = world.webhooks.outbox
    for delivery in outbox.oldest_first():
        if not delivery.is_resend:
            yield DeliverySeen(
                id=outbox.id_of(delivery.number),
                event_id=delivery.message.event_id,
                type=delivery.message.type,
                payment_id=delivery.message.payment_id,
                endpoint_id=delivery.endpoint_id,
                is_delivered=delivery.status is DeliveryStatus.DELIVERED,
                attempts=tuple(map(_seen, delivery.attempts)),
            )


def _seen(attempt: DeliveryAttempt) -> AttemptSeen:
    response = attempt.result.response
    request = attempt.request
    status = None if response is None else response.status
    return AttemptSeen(request.sent_at, status, request.is_forged, request.is_stale)
