"""Owns deliveries: one event on its way to one endpoint, its attempts, and what came of them."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.delays import draw
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import DeliveryOrder

GONE: Final = 410
"""The answer that disables an endpoint."""

SUCCESS: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)


class DeliveryStatus(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class Answer(NamedTuple):
    """What a receiver said: the body is cut, and `retry_after` is its header."""

    status: int
    headers: dict[str, str]
    body: str
    retry_after: str | None = None


class Outcome(NamedTuple):
    """What came of a request to a receiver.

    Attributes:
        headers: what was really sent.
        answer: None when there was none.
        error: why it counts as failed, in words; None for a success.
        duration_ms: in wall time.
    """

    headers: Mapping[str, str]
    answer: Answer | None
    error: str | None
    duration_ms: float


def verdict_on(answer: Answer) -> str | None:
    """Why an answer counts as failed, in words; None when it does not."""
    if answer.status in SUCCESS:
        return None
    if answer.status in _REDIRECTS:
        names = {name.lower(): value for name, value in answer.headers.items()}
        where = names.get("location", "nowhere")[:200]
        return f"answered {answer.status}, a redirect to {where}, which is not followed"
    return f"answered {answer.status}"


class Request(NamedTuple):
    """What a receiver is sent.

    Attributes:
        at: when, on the world's clock; `sent_at` is the real time.
        headers: ours; the client adds what HTTP wants.
        is_forged: its signature is not the endpoint's.
        is_stale: its signed timestamp is off by more than receivers allow.
        dropped_by: the rules that let it never arrive; None where it is sent.
    """

    at: Instant
    sent_at: Instant
    headers: dict[str, str]
    body: bytes
    is_forged: bool = False
    is_stale: bool = False
    dropped_by: str | None = None


class Attempt(NamedTuple):
    """One attempt of a delivery."""

    request: Request
    outcome: Outcome


class Told(NamedTuple):
    """What receivers are told: an event's id and type, its payment if any, and the body's bytes."""

    event_id: str
    type: str
    payment_id: str | None
    body: bytes


class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        applied: the webhook rules that treat it.
        order: how it goes out among those that are held with it; None when it is not held.
        is_before_reply: it is attempted before the API call that caused it is answered.
    """

    __slots__ = (
        "applied",
        "attempts",
        "endpoint_id",
        "is_before_reply",
        "is_resend",
        "next_at",
        "number",
        "order",
        "status",
        "told",
    )

    def __init__(self, number: int, told: Told, endpoint_id: str, *, is_resend: bool) -> None:
        self.number = number
        self.told = told
        self.endpoint_id = endpoint_id
        self.is_resend = is_resend
        self.status = DeliveryStatus.PENDING
        self.attempts: list[Attempt] = []
        self.next_at: Instant | None = None
        self.applied: tuple[AppliedRule, ...] = ()
        self.order: DeliveryOrder | None = None
        self.is_before_reply = False

    @property
    def is_pending(self) -> bool:
        """Whether attempts are still to come."""
        return self.status is DeliveryStatus.PENDING


def arranged(deliveries: Iterable[Delivery], seed: int) -> Iterator[Delivery]:
    """The deliveries as they go out: those that were held come last, in the order they are to."""

    def place(delivery: Delivery) -> float:
        if delivery.order is DeliveryOrder.REVERSE:
            return -delivery.number
        return draw(seed, "shuffle", delivery.told.event_id, delivery.number)

    held = []
    for delivery in deliveries:
        if delivery.order is None:
            yield delivery
        else:
            held.append(delivery)
    yield from sorted(held, key=place)
