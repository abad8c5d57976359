"""Owns the scenario as a value: the content of one file or one JSON object.

It is separate from `model.py`, which magic cards need, so that a plain server need not import it.
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
    """A payment that exists from the start.

    Attributes:
        id: its id, for use in rules and expectations; None draws one.
        created: an instant as text, or a duration before the start such as `-40d`; None is now.
        card: its card number.
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
    """Realistic payments to generate: how many, of how many customers, over how many ms."""

    payments: int
    customers: int
    over: int


class Given(NamedTuple):
    """The state that a scenario starts from.

    Attributes:
        webhook_endpoints: bodies of the control API's requests; a `url` may also be `inbox:NAME`.
        limit, remaining: the state of the rate limit.
    """

    payments: tuple[GivenPayment, ...] = ()
    generate: Generated | None = None
    webhook_endpoints: tuple[Mapping[str, object], ...] = ()
    limit: int | None = None
    remaining: int | None = None


class Expectation(NamedTuple):
    """One thing that must be true afterwards.

    Attributes:
        check: a `Check` of `payments_sandbox.verification`, the only layer that evaluates it.
        source: the expectation as it was written.
        within: how many wall milliseconds to wait for it to be met.
        conditions: the conditions on the calls, payments or refunds that it counts.
    """

    check: Any
    source: Mapping[str, object]
    within: int = 0
    conditions: When = ()


class Scenario(NamedTuple):
    """A short list of deviations from a working API, and what must be true afterwards.

    Attributes:
        source: the scenario as it was written, in plain values; snapshots and replies have this.
        seed: the seed of its draws; None stands for the world's.
        clock: the instant at which the world's clock stands still; None leaves the clock alone.
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
