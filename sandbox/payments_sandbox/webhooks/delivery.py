"""Owns deliveries: one event on its way to one endpoint, its attempts, and what came of them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import mask_content, mask_headers, mask_text
from payments_sandbox.rules.delays import draw
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import DeliveryOrder

GONE: Final = 410
"""The status that disables an endpoint."""

SUCCESS: Final = range(200, 300)
KEPT_HEAD: Final = 8 * 1024
"""Bytes of header lines that are kept of an answer, or of a message to an inbox."""

KEPT_BODY: Final = 20 * 1024
"""Bytes of an answer's body that are kept."""

_REDIRECTS: Final = range(300, 400)


class DeliveryStatus(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class EventMessage(NamedTuple):
    """What receivers are sent of an event.

    Attributes:
        event_id: `evt_…`, the same on every attempt.
        type: such as `payment.completed`.
        payment_id: the payment that the event is about, if it is about one.
        body: the bytes of its JSON, serialised once.
    """

    event_id: str
    type: str
    payment_id: str | None
    body: bytes


class WebhookRequest(NamedTuple):
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


class ReceiverResponse(NamedTuple):
    """What a receiver answered: the body is cut, and `retry_after` is its header."""

    status: int
    headers: dict[str, str]
    body: str
    retry_after: str | None = None


def receiver_response(
    status: int, lines: Iterable[tuple[bytes, bytes]], body: bytes
) -> ReceiverResponse:
    """Make what is kept of an answer: its start, without card numbers and security codes.

    Args:
        status: of the answer.
        lines: its header lines, of which `KEPT_HEAD` bytes are kept.
        body: its body, of which `KEPT_BODY` bytes are kept.
    """
    lines = list(lines)
    asked = next((value for name, value in lines if name.lower() == b"retry-after"), None)
    return ReceiverResponse(
        status,
        mask_headers(head_start(lines)),
        mask_content(body[:KEPT_BODY]).decode(),
        None if asked is None else mask_text(asked[:KEPT_HEAD].decode("utf-8", "replace")),
    )


def head_start(lines: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the first lines of a head, as far as there is room for them."""
    kept, room = [], KEPT_HEAD
    for name, value in lines:
        if (room := room - len(name) - len(value)) < 0:
            break
        kept.append((name, value))
    return kept


class AttemptResult(NamedTuple):
    """What came of a request to a receiver.

    Attributes:
        headers: what was really sent.
        response: None when there was none.
        error: why it counts as failed, in words; None for a success.
        duration_ms: in wall time.
    """

    headers: Mapping[str, str]
    response: ReceiverResponse | None
    error: str | None
    duration_ms: float


class DeliveryAttempt(NamedTuple):
    """One attempt of a delivery: what was sent, and what came of it."""

    request: WebhookRequest
    result: AttemptResult


def why_failed(response: ReceiverResponse) -> str | None:
    """Say in words why a response counts as failed; None for a success."""
    if response.status in SUCCESS:
        return None
    if response.status in _REDIRECTS:
        names = {name.lower(): value for name, value in response.headers.items()}
        where = names.get("location", "nowhere")[:200]
        return f"answered {response.status}, a redirect to {where}, which is not followed"
    return f"answered {response.status}"


class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        number: counted from 0 in the world; the id `dlv_…` is made of it.
        is_resend: somebody asked for it by hand, so it is attempted once.
        next_at: when the next attempt is due, while that is in the future.
        applied: the webhook rules that apply to it.
        order: how it goes out among those that a rule holds with it; None when none does.
        is_before_reply: it is attempted before the API call that caused it is answered.
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
        """Whether attempts are still to come."""
        return self.status is DeliveryStatus.PENDING


def in_sending_order(deliveries: Iterable[Delivery], seed: int) -> list[Delivery]:
    """Sort deliveries as they go out: those that a rule held come last, in the order it wants."""

    def place(delivery: Delivery) -> tuple[bool, float]:
        if delivery.order is None:
            return False, 0  # sorting is stable: they keep the order that they are in
        if delivery.order is DeliveryOrder.REVERSE:
            return True, -delivery.number
        return True, draw(seed, "shuffle", delivery.message.event_id, delivery.number)

    return sorted(deliveries, key=place)
