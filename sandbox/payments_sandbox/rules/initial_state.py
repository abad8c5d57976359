"""Owns the values of `given`: the state that a scenario starts from."""

from collections.abc import Mapping
from typing import NamedTuple

from payments_sandbox.payments.payment import Status


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
