"""Owns the routes that show payments in full and move them by hand."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.payment import Payment
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.world.world import SETTLED_AS_FAILED

CHARGEBACK_REASON: Final = "fraudulent"
"""Why a payment is charged back when nothing says otherwise."""


def list_payments(request: ControlRequest) -> dict[str, object]:
    """Payments with what has become of them, newest first."""
    payments = request.world.ledger.payments

    def older_than(number: int | None) -> Iterator[Payment]:
        newest = len(payments) if number is None else number
        return (payments.get(each) for each in range(newest - 1, -1, -1))

    listing = Listing(
        noun="a payment",
        position_of=payments.number_of,
        items_after=older_than,
        show=_payment_json,
    )
    return page(request, listing)


def complete_payment(request: ControlRequest) -> dict[str, object]:
    """Settle a pending payment."""
    return _payment_json(request.world.complete(_number(request)))


def fail_payment(request: ControlRequest) -> dict[str, object]:
    """Fail a pending payment."""
    return _payment_json(
        request.world.fail(_number(request), request.body.get("code", SETTLED_AS_FAILED))
    )


def charge_back_payment(request: ControlRequest) -> dict[str, object]:
    """Take back what is left of a completed payment, or less."""
    reason = mask_text(request.body.get("reason", CHARGEBACK_REASON))
    return representations.chargeback(
        request.world.charge_back(_number(request), request.body.get("amount"), reason)
    )


def _number(request: ControlRequest) -> int:
    return request.world.ledger.number_of(request.path_parameter)


def _payment_json(payment: Payment) -> dict[str, object]:
    return representations.payment(payment) | {
        "refunded": payment.refunded,
        "charged_back": payment.charged_back,
        "failure_code": payment.failure,
    }
