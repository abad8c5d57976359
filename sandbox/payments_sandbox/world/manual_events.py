"""Owns events that users send by hand, with real payments behind them."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.wording import nearest
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import AnyEvent, EventType
from payments_sandbox.payments.ledger import NewPayment
from payments_sandbox.world.world import SETTLED_AS_FAILED, World

_TYPO: Final = 0.8
"""How similar a misspelt type has to be: `payment.complete` is one, `payout.paid` is not."""

_ORDER: Final = NewPayment(
    amount=2_500,
    currency="USD",
    card=Card(Brand.VISA, "1111", 0),
    description="Created for an event that was sent by hand",
    customer_id=None,
)


def trigger(world: World, type_: str, payment_id: str | None) -> AnyEvent:
    """Send an event about a payment, or about a new one that is made for it.

    Raises:
        InvalidRequest: there is no such type, or the payment has no refund or chargeback to report.
        NotFound: the world has no such payment.
    """
    try:
        documented = EventType(type_)
    except ValueError:
        close = nearest(type_, EventType, _TYPO)
        hint = f"did you mean {close}? With" if close else "with"
        known = ", ".join(EventType)
        raise InvalidRequest(
            f"/type: expected one of {known}; {hint} data it can be any other."
        ) from None
    if payment_id is None:
        return _event_of_new_payment(world, documented)
    number = world.ledger.number_of(payment_id)
    data = representations.payment_event_data(world.ledger, documented, number)
    return world.make_event(type_, data)


def _event_of_new_payment(world: World, type_: EventType) -> AnyEvent:
    """Make a payment, and do to it what the event reports, which creates the event."""
    failure = SETTLED_AS_FAILED if type_ is EventType.PAYMENT_FAILED else None
    payment = world.create_payment(_ORDER, failure=failure)
    number = world.ledger.number_of(payment.id)
    if type_ is EventType.REFUND_CREATED:
        world.create_refund(number, None)
    elif type_ is EventType.CHARGEBACK_CREATED:
        world.charge_back(number, None, "fraudulent")
    return world.ledger.any_event(world.ledger.events - 1)
