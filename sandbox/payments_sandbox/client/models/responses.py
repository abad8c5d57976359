"""Owns the shapes of what the control API answers; `make client` makes them of the schemas."""

from typing import Any, Literal, TypedDict

from payments_sandbox.client.models.objects import (
    DueJob,
    HappenedJob,
    ScenarioProblem,
    StoredCard,
)


class LiveResponse(TypedDict):
    """The process is up."""

    live: bool
    version: str


class ReadyResponse(TypedDict):
    """Whether the server is ready to serve."""

    ready: bool
    version: str
    problems: list[str]


class ClockResponse(TypedDict):
    """A world's clock, and what waits for it."""

    now: str
    mode: Literal["live", "frozen"]
    due: list[DueJob]


class RateLimitResponse(TypedDict):
    """A world's rate limit."""

    limit: int
    remaining: int
    reset: int


class WorldPayments(TypedDict):
    """How many payments there are."""

    pending: int
    completed: int
    failed: int


class WorldRequests(TypedDict):
    """How many requests the journal has seen."""

    kept: int
    dropped: int


class WorldResponse(TypedDict):
    """One world, in summary."""

    api_key: str
    base_url: str
    sandbox_url: str
    webhook_secret: str
    seed: int
    created_at: str
    clock: ClockResponse
    rate_limit: RateLimitResponse
    payments: WorldPayments
    refunds: int
    chargebacks: int
    events: int
    requests: WorldRequests
    restarted: str | None


class AdvancedClockResponse(TypedDict):
    """What happened while the clock moved, in order."""

    now: str
    happened: list[HappenedJob]


class ControlledPaymentResponse(TypedDict):
    """One payment in full, with what the emulated API does not show."""

    id: str
    status: Literal["pending", "completed", "failed"]
    amount: int
    currency: str
    payment_method: StoredCard
    created_at: str
    description: str | None
    customer_id: str | None
    refunded: int
    charged_back: int
    failure_code: str | None


class ChargebackResponse(TypedDict):
    """The chargeback that was created."""

    id: str
    payment_id: str
    amount: int
    reason: str | None
    created_at: str


class Scenario(TypedDict):
    """A scenario."""

    name: str
    about: str
    tags: list[str]


class ActiveScenario(TypedDict):
    """A scenario that is active."""

    name: str
    about: str
    tags: list[str]
    scenario: str | dict[str, Any]


class ProblemsResponse(TypedDict):
    """What the lint has to say of a scenario that it does not refuse: warnings, if anything."""

    problems: list[ScenarioProblem]


class WrittenScenarioResponse(TypedDict):
    """A scenario that makes happen again what was seen."""

    scenario: str | dict[str, Any]
    yaml: str


class ReportExpectation(TypedDict):
    """One expectation."""

    expect: dict[str, Any]
    met: bool
    observed: str


class ReportRule(TypedDict):
    """One rule."""

    scenario: str
    rule: str
    matched: int
    fired: int
    why_not: str | None


class AuditFinding(TypedDict):
    """One finding."""

    kind: Literal[
        "possible_double_charge",
        "possible_double_refund",
        "blind_retry",
        "ignored_rate_limit",
        "card_number_leak",
        "forged_delivery_accepted",
        "stale_delivery_accepted",
        "duplicate_handled_twice",
        "paging_ignored",
        "polling_too_fast",
    ]
    message: str
    advice: str
    requests: list[str]


class AuditResponse(TypedDict):
    """What a real ledger would not forgive."""

    clean: bool
    findings: list[AuditFinding]


class ReportResponse(TypedDict):
    """What has become of the active scenarios."""

    passed: bool
    expectations: list[ReportExpectation]
    rules: list[ReportRule]
    audit: AuditResponse


class VerifiedExpectation(TypedDict):
    """One expectation."""

    expect: dict[str, Any]
    met: bool
    observed: str


class VerifiedResponse(TypedDict):
    """How expectations stand."""

    passed: bool
    expectations: list[VerifiedExpectation]


class ReceivedResponse(TypedDict):
    """What an inbox answers to whoever posts to it."""

    received: bool


class InboxItem(TypedDict):
    """One message."""

    headers: dict[str, str]
    body: Any
    raw: str
    verified: bool
    reason: str | None
    received_at: str


class InboxScriptResponse(TypedDict):
    """What an inbox will answer."""

    name: str
    respond: list[int]
