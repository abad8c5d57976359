"""Owns the reading of `given`: payments by hand and by number, endpoints, the rate limit."""

from typing import Final

from payments_sandbox.core.instants import DAY
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.initial_state import Generated, Given, GivenPayment
from payments_sandbox.rules.matchers import CARD_NUMBERS
from payments_sandbox.scenarios.parser.values import Plain, duration, items

_CUSTOMERS: Final = 10
"""Payments per customer, where nothing says how many customers there are."""

_OVER: Final = 30 * DAY
_CARD: Final = "visa_2"


def parse_given(plain: Plain) -> Given:
    """Parse the state to start from."""
    limits, endpoints = plain.get("rate_limit", {}), items(plain, "webhook_endpoints")
    return Given(
        payments=tuple(_payment(each) for _, each in items(plain, "payments")),
        generate=parse_generated(plain["generate"]) if "generate" in plain else None,
        webhook_endpoints=tuple(each for _, each in endpoints),
        limit=limits.get("limit"),
        remaining=limits.get("remaining"),
    )


def _payment(plain: Plain) -> GivenPayment:
    card = str(plain.get("card", _CARD))
    return GivenPayment(
        amount=plain["amount"],
        currency=plain["currency"],
        id=plain.get("id"),
        customer_id=plain.get("customer_id"),
        description=plain.get("description"),
        status=Status(plain.get("status", Status.COMPLETED)),
        created=plain.get("created"),
        card=CARD_NUMBERS.get(card, card),
    )


def parse_generated(plain: Plain) -> Generated:
    """Parse a number of payments: ten per customer over thirty days, unless told otherwise."""
    payments: int = plain["payments"]
    customers = plain.get("customers", max(1, payments // _CUSTOMERS))
    return Generated(payments, customers, duration(plain, "over") or _OVER)
