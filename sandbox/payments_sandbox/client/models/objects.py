"""Owns the shapes of what the control API is about; `make client` makes them of the schemas."""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a list, and what to send as `starting_after` for the next one."""

    data: list[T]
    has_more: bool
    next_cursor: str | None


class MagicCard(TypedDict):
    """A card number with a meaning."""

    name: str
    number: str
    brand: Literal["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay"]
    operation: Literal["create_payment", "create_refund"]
    outcome: str
    description: str


class DueJob(TypedDict):
    """Something that waits for the world's clock."""

    at: str
    what: str
    payment_id: str | None
    delivery_id: NotRequired[str]


class HappenedJob(TypedDict):
    """Something that happened while the clock moved."""

    at: str
    what: str
    payment_id: str | None
    event_id: str | None
    delivery_id: NotRequired[str]
    error: NotRequired[str | None]


class StoredCard(TypedDict):
    """What is left of the card in answers: never the number, never the security code."""

    type: Literal["card"]
    last4: str
    brand: Literal["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay"]


class ScenarioProblem(TypedDict):
    """One thing that is wrong with a scenario."""

    line: int | None
    column: int | None
    path: str
    message: str
    hint: str | None


class WebhookEndpointSignature(TypedDict):
    """How it is signed."""

    scheme: Literal["standard", "timestamped", "hmac"]
    header: NotRequired[str]
    prefix: NotRequired[str]
    encoding: NotRequired[Literal["hex", "base64"]]


class WebhookEndpoint(TypedDict):
    """Where a world's events are sent."""

    id: str
    url: str
    events: list[
        Literal[
            "*",
            "payment.*",
            "payment.completed",
            "payment.failed",
            "refund.*",
            "refund.created",
            "chargeback.*",
            "chargeback.created",
        ]
    ]
    description: str | None
    enabled: bool
    secret: str
    signature: WebhookEndpointSignature
    headers: dict[str, str]
    retries: NotRequired[list[str]]
    timeout: NotRequired[str]


class DeliveryAttemptRequest(TypedDict):
    """What was sent."""

    headers: dict[str, str]
    body: str


class DeliveryAttemptResponse(TypedDict):
    """What came back; null when nothing did."""

    status: int
    headers: dict[str, str]
    body: str


class DeliveryAttempt(TypedDict):
    """One attempt."""

    at: str
    sent_at: str
    request: DeliveryAttemptRequest
    response: DeliveryAttemptResponse | None
    error: str | None
    duration_ms: float


class Delivery(TypedDict):
    """One event on its way to one endpoint."""

    id: str
    event_id: str
    endpoint_id: str
    type: str
    status: Literal["pending", "delivered", "failed", "disabled"]
    attempts: list[DeliveryAttempt]
    next_attempt_at: str | None


class Event(TypedDict):
    """One event, in the body its webhook is sent with."""

    id: str
    type: str
    created_at: str
    data: dict[str, Any]


class JournalEntryRequest(TypedDict):
    """What was sent."""

    headers: dict[str, str]
    body: Any


class JournalEntryResponse(TypedDict):
    """What was answered; null when nothing was, or not yet."""

    status: int
    headers: dict[str, str]
    body: Any


class JournalEntryConsidered(TypedDict):
    """One rule that did not answer."""

    rule: str
    why_not: str


class JournalEntry(TypedDict):
    """One request that the world has seen, and how it was answered."""

    id: str
    at: str
    operation: str | None
    method: str
    path: str
    request: JournalEntryRequest
    response: JournalEntryResponse | None
    fault: str | None
    rule: str | None
    step: int | None
    committed: bool | None
    considered: list[JournalEntryConsidered]
    duration_ms: float | None
