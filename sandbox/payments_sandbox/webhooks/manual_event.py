"""Owns what an event tells of a payment when somebody has asked for it."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import Ledger

_REVERSALS: Final = (EventType.REFUND_CREATED, EventType.CHARGEBACK_CREATED)


def data_of(ledger: Ledger, type_: EventType, number: int) -> dict[str, object]:
    """What an event of a type tells of a payment.

    Raises:
        InvalidRequest: nothing of it has happened to the payment.
    """
    payment = ledger.payments.get(number)
    if type_ not in _REVERSALS:
        return {"payment_id": payment.id, "amount": payment.amount, "currency": payment.currency}
    event = ledger.last_event(type_, number)
    if event is None:
        what = type_.partition(".")[0]
        raise InvalidRequest(f"/payment_id: expected a payment with a {what}; this one has none.")
    return representations.event_data(event)
