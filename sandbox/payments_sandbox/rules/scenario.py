"""Owns the scenario as a value: what one file, or one JSON object, says."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule, When
from payments_sandbox.rules.webhook_effects import WebhookRule


class GivenPayment(NamedTuple):
    """A payment that is already there.

    Attributes:
        id: its id, for rules and expectations to name; None draws one.
        created: an instant as text, or a duration before the start such as `-40d`; None is now.
        card: its number.
    """

    amount: int
    currency: str
    id: str | None = None
    customer_id: str | None = None
    description: str | None = None
    status: Status = Status.COMPLETED
    created: str | None = None
    card: str = "4242424242424242"


class Generated(NamedTuple):
    """So many realistic payments, of so many customers, over so many milliseconds until now."""

    payments: int
    customers: int
    over: int


class Given(NamedTuple):
    """The state that a scenario starts from.

    Attributes:
        webhook_endpoints: as the control API takes them; a `url` may also be `inbox:NAME`.
        limit, remaining: how the rate limit stands.
    """

    payments: tuple[GivenPayment, ...] = ()
    generate: Generated | None = None
    webhook_endpoints: tuple[Mapping[str, object], ...] = ()
    limit: int | None = None
    remaining: int | None = None


Rule = RequestRule | EventRule | AtRule | WebhookRule


class ScenarioExpectation(Protocol):
    """What must be true afterwards; `payments_sandbox.verification` knows what it checks."""

    @property
    def source(self) -> Mapping[str, object]:
        """As it was written."""

    @property
    def within(self) -> int:
        """Wall milliseconds that may be waited for it."""

    @property
    def conditions(self) -> When:
        """What the calls, payments or refunds that it counts have to be."""


class Scenario(NamedTuple):
    """A short list of deviations from a working API, and what must be true afterwards.

    Attributes:
        source: as it was written, in plain values; a scenario is kept and sent as this.
        seed: what its draws come from; None is the world's.
        clock: where the world's clock starts, frozen; None leaves it alone.
    """

    name: str
    source: Mapping[str, object]
    about: str = ""
    tags: tuple[str, ...] = ()
    seed: int | None = None
    clock: Instant | None = None
    given: Given | None = None
    rules: tuple[Rule, ...] = ()
    expectations: tuple[ScenarioExpectation, ...] = ()
