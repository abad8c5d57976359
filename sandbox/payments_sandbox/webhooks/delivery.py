"""Owns deliveries: one event for one endpoint, its attempts, and their results."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import mask_content, mask_headers, mask_text
from payments_sandbox.rules.delays import draw
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import DeliveryOrder

GONE: Final = 410
"""The status of an answer that disables the endpoint."""

SUCCESS: Final = range(200, 300)
KEPT_HEAD: Final = 8 * 1024
"""How many bytes of header lines are kept of an answer, or of a message to an inbox."""

KEPT_BODY: Final = 20 * 1024
"""How many bytes of an answer's body are kept."""

_REDIRECTS: Final = range(300, 400)


class DeliveryStatus(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class EventMessage(NamedTuple):
    """What is sent to receivers about an event.

    Attributes:
        event_id: its `evt_…` id, the same in every attempt.
        type: its type, such as `payment.completed`.
        payment_id: the payment that the event is about, or None.
        body: the bytes of its JSON, serialised once.
    """

    event_id: str
    type: str
    payment_id: str | None
    body: bytes


class WebhookRequest(NamedTuple):
    """One request to a receiver.

    Attributes:
        at: the instant on the world's clock; `sent_at` is the real time.
        headers: our headers; the HTTP client adds those that HTTP requires.
        is_forged: whether its signature is not that of the endpoint.
        is_stale: whether its signed timestamp is wrong by more than receivers should allow.
        dropped_by: the rules that drop it; None if it is sent.
    """

    at: Instant
    sent_at: Instant
    headers: dict[str, str]
    body: bytes
    is_forged: bool = False
    is_stale: bool = False
    dropped_by: str | None = None


class ReceiverResponse(NamedTuple):
    """The answer of a receiver, its body cut; `retry_after` is the header of that name."""

    status: int
    headers: dict[str, str]
    body: str
    retry_after: str | None = None


@lru_cache(maxsize=32)  # a busy receiver gives the same answer many times a second
def receiver_response(
    status: int, lines: tuple[tuple[bytes, bytes], ...], body: bytes
) -> ReceiverResponse:
    """Make a masked and shortened copy of an answer, which may be kept.

    Args:
        status: the status of the answer.
        lines: its header lines, of which `KEPT_HEAD` bytes are kept.
        body: its body, of which `KEPT_BODY` bytes are kept.
    """
    retry_after = next((value for name, value in lines if name.lower() == b"retry-after"), None)
    return ReceiverResponse(
        status,
        mask_headers(head_start(lines)),
        mask_content(body[:KEPT_BODY]).decode(),
        None
        if retry_after is None
        else mask_text(retry_after[:KEPT_HEAD].decode("utf-8", "replace")),
    )


def head_start(lines: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the first lines of a head, up to `KEPT_HEAD` bytes."""
    kept, room = [], KEPT_HEAD
    for name, value in lines:
        if (room := room - len(name) - len(value)) < 0:
            break
        kept.append((name, value))
    return kept


class AttemptResult(NamedTuple):
    """The result of a request to a receiver.

    Attributes:
        headers: the headers that were really sent.
        response: the answer; None if there was none.
        error: why the attempt counts as failed, in words; None for a success.
        duration_ms: how long it took in wall time.
    """

    headers: Mapping[str, str]
    response: ReceiverResponse | None
    error: str | None
    duration_ms: float


class DeliveryAttempt(NamedTuple):
    """One attempt of a delivery: what was sent, and the result."""

    request: WebhookRequest
    result: AttemptResult


def why_failed(response: ReceiverResponse) -> str | None:
    """Say why a response counts as failed; None for a success."""
    if response.status in SUCCESS:
        return None
    if response.status in _REDIRECTS:
        names = {name.lower(): value for name, value in response.headers.items()}
        where = names.get("location", "nowhere")[:200]
        return f"answered {response.status}, a redirect to {where}, which is not followed"
    return f"answered {response.status}"


class Delivery:
    """The delivery of one event to one endpoint.

    Attributes:
        number: its number in the world, from 0, from which its `dlv_…` id is made.
        is_resend: whether a user has requested it by hand, so that it is attempted once.
        next_at: when the next attempt is due, while that is in the future.
        applied: the webhook rules that apply to it.
        order: its order among the deliveries that a rule holds together; None if none does.
        is_before_reply: whether it is attempted before the reply to the call that caused it.
    """

    __slots__ = (
        "applied",
        "attempts",
        "endpoint_id",
        "is_before_reply",
        "is_resend",
        "message",
        "next_at",
        "number",
        "order",
        "status",
    )

    def __init__(
        self, number: int, message: EventMessage, endpoint_id: str, *, is_resend: bool = False
    ) -> None:
        self.number = number
        self.message = message
        self.endpoint_id = endpoint_id
        self.is_resend = is_resend
        self.status = DeliveryStatus.PENDING
        self.attempts: list[DeliveryAttempt] = []
        self.next_at: Instant | None = None
        self.applied: tuple[AppliedRule, ...] = ()
        self.order: DeliveryOrder | None = None
        self.is_before_reply = False

    @property
    def is_pending(self) -> bool:
        """Whether there will be further attempts."""
        return self.status is DeliveryStatus.PENDING


def in_sending_order(deliveries: Iterable[Delivery], seed: int) -> list[Delivery]:
    """Sort deliveries for sending: those that a rule held come last, in the order that it sets."""

    def place(delivery: Delivery) -> float:
        if delivery.order is DeliveryOrder.REVERSE:
            return -delivery.number
        return draw(seed, "shuffle", delivery.message.event_id, delivery.number)

    free: list[Delivery] = []
    held: list[Delivery] = []
    for delivery in deliveries:
        (free if delivery.order is None else held).append(delivery)
    return free + sorted(held, key=place)
