"""Owns how values look on the wire; below `/v3` with exactly the documented keys."""

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.contract.error_codes import code_of
from payments_sandbox.contract.operations import BASE_PATH
from payments_sandbox.core.errors import InvalidRequest, SandboxError
from payments_sandbox.core.instants import show_instant
from payments_sandbox.payments.events import (
    AnyEvent,
    Chargeback,
    Event,
    EventType,
    MadeEvent,
    Refund,
)
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.payments.payment import Payment

_MAKES: Final = {
    EventType.REFUND_CREATED: f"{BASE_PATH}/payments/{{payment_id}}/refunds",
    EventType.CHARGEBACK_CREATED: f"{CONTROL_PATH}/payments/{{payment_id}}/chargeback",
}
"""For events about a refund or a chargeback: the route that makes one."""

_AFTER_SUMMARY: Final = b',"payment_method":'
_LAST: Final = b',"customer_id":'
_CREATED_LENGTH: Final = len(b',"created_at":"2022-01-15T10:30:00Z"')


def payment(payment: Payment) -> dict[str, object]:
    """The reply of RETRIEVE PAYMENT."""
    return {
        "id": payment.id,
        "status": str(payment.status),
        "amount": payment.amount,
        "currency": payment.currency,
        "payment_method": {
            "type": "card",
            "last4": payment.card.last4,
            "brand": str(payment.card.brand),
        },
        "created_at": show_instant(payment.created),
        "description": payment.description,
        "customer_id": payment.customer_id,
    }


def created_payment(stored: bytes) -> bytes:
    """The reply of CREATE PAYMENT as JSON: that of RETRIEVE PAYMENT without its card and customer.

    Args:
        stored: the JSON of the payment as RETRIEVE PAYMENT shows it, from the ledger.
    """
    summary, _, rest = stored.partition(_AFTER_SUMMARY)
    # The description comes in between. Its quotation marks are escaped, so it has no such key.
    return summary + rest[rest.index(b"}") + 1 : rest.rindex(_LAST)] + b"}"


def payments_page(stored: Sequence[bytes], *, has_more: bool) -> bytes:
    """The reply of LIST PAYMENTS as JSON; the cursor is the id of the last item.

    Args:
        stored: the JSON of each payment as RETRIEVE PAYMENT shows it, from the ledger.
        has_more: whether more payments follow.
    """
    cursor = b'"%b"' % _id_in(stored[-1]) if has_more else b"null"
    more = b"true" if has_more else b"false"
    data = b",".join(map(_summary, stored))
    return b'{"data":[%b],"has_more":%b,"next_cursor":%b}' % (data, more, cursor)


def _summary(stored: bytes) -> bytes:
    """One item of LIST PAYMENTS: five fields, cut out of the JSON of RETRIEVE PAYMENT.

    No text from a client precedes them. So the first occurrence of a key is the right one, and the
    date follows the first closing brace.
    """
    summary, _, rest = stored.partition(_AFTER_SUMMARY)
    created = rest.index(b"}") + 1
    return summary + rest[created : created + _CREATED_LENGTH] + b"}"


def _id_in(stored: bytes) -> bytes:
    start = len(b'{"id":"')
    return stored[start : stored.index(b'"', start)]


def page(items: Sequence[Mapping[str, object]], *, has_more: bool) -> dict[str, object]:
    """A page of a list in the control API; the cursor is the id of the last item."""
    return {
        "data": items,
        "has_more": has_more,
        "next_cursor": items[-1]["id"] if has_more else None,
    }


def refund(refund: Refund) -> dict[str, object]:
    """The reply of REFUND PAYMENT."""
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "amount": refund.amount,
        "status": "completed",
        "created_at": show_instant(refund.created),
        "reason": refund.reason,
    }


def chargeback(chargeback: Chargeback) -> dict[str, object]:
    """A chargeback, as the control API shows it."""
    return {
        "id": chargeback.id,
        "payment_id": chargeback.payment_id,
        "amount": chargeback.amount,
        "reason": chargeback.reason,
        "created_at": show_instant(chargeback.created),
    }


def event(event: AnyEvent) -> dict[str, object]:
    """The body of a webhook (section "WEBHOOKS")."""
    return {
        "id": event.id,
        "type": str(event.type),
        "created_at": show_instant(event.created),
        "data": event.data if isinstance(event, MadeEvent) else event_data(event),
    }


def event_data(event: Event) -> dict[str, object]:
    """The `data` of an event: its payment, and its refund or chargeback."""
    facts: dict[str, object] = {
        "payment_id": event.payment_id,
        "amount": event.amount,
        "currency": event.currency,
    }
    match event.reversal:
        case Refund(id=refund_id):
            facts["refund_id"] = refund_id
        case Chargeback(id=chargeback_id, reason=reason):
            facts["chargeback_id"] = chargeback_id
            facts["reason"] = reason
        case None:
            pass
        case _:
            assert_never(event.reversal)
    return facts


def error(error: SandboxError) -> dict[str, object]:
    """The body of an error (section "ERROR HANDLING"); `details` is left out if there are none."""
    envelope = {"code": error.code, "message": error.message or code_of(error.code).message}
    if error.details:
        envelope["details"] = error.details
    return {"error": envelope}


def payment_event_data(ledger: Ledger, type_: EventType, number: int) -> dict[str, object]:
    """Return the `data` of an event of a type about a payment.

    Args:
        ledger: the ledger with the payment.
        type_: the type of the event.
        number: the number of the payment in the ledger.

    Raises:
        InvalidRequest: the payment has no refund or chargeback for the event to report.
    """
    payment = ledger.payments.get(number)
    if type_ not in _MAKES:
        return {"payment_id": payment.id, "amount": payment.amount, "currency": payment.currency}
    event = ledger.last_event(type_, number)
    if event is None:
        what = type_.partition(".")[0]
        route = _MAKES[type_].format(payment_id=payment.id)
        raise InvalidRequest(
            f"/payment_id: expected a payment with a {what}; this one has none. POST {route}"
            " creates one."
        )
    return event_data(event)
