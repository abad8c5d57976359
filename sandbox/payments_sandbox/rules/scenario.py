"""Owns the scenario as a value: what one file, or one JSON object, says.

It is apart from `model.py`, which magic cards are written in: a plain server starts without it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.delays import Delay
from payments_sandbox.rules.model import AtRule, EventRule, Per, RequestRule, When
from payments_sandbox.rules.webhook_effects import WebhookEffects


class WebhookRule(NamedTuple):
    """Changes the deliveries of an event, or of a family of events such as `payment.*`."""

    name: str
    webhook: str
    when: When
    effects: WebhookEffects
    per: Per = Per.WORLD
    chance: float = 1.0
    delay: Delay = 0


Rule = RequestRule | EventRule | AtRule | WebhookRule


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


class Expectation(NamedTuple):
    """One thing that must be true afterwards.

    Attributes:
        check: what it says, a `Check` of `payments_sandbox.verification`, which alone asks it.
        source: as it was written.
        within: wall milliseconds that may be waited for it.
        conditions: what the calls, payments or refunds that it counts have to be.
    """

    check: Any
    source: Mapping[str, object]
    within: int = 0
    conditions: When = ()


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
    expectations: tuple[Expectation, ...] = ()
