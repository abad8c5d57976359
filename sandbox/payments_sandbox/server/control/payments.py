"""Owns the routes that show payments in full and move them by hand."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.payment import Payment
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.world.world import SETTLED_AS_FAILED

CHARGEBACK_REASON: Final = "fraudulent"
"""Why a payment is charged back when nothing says otherwise."""


def list_payments(request: ControlRequest) -> dict[str, object]:
    """Payments with what has become of them, newest first."""
    payments = request.world.ledger.payments
    start, limit = request.query.get("starting_after"), request.query["limit"]
    below = len(payments) if start is None else payments.number_of(start)
    if below is None:
        raise InvalidRequest("/starting_after: expected the id of a payment.")
    numbers = range(below - 1, max(below - limit, 0) - 1, -1)
    items = [_shown(payments.get(number)) for number in numbers]
    return representations.page(items, has_more=below > limit)


def complete_payment(request: ControlRequest) -> dict[str, object]:
    """Settle a pending payment."""
    return _shown(request.world.complete(_number(request)))


def fail_payment(request: ControlRequest) -> dict[str, object]:
    """Fail a pending payment."""
    return _shown(request.world.fail(_number(request), request.body.get("code", SETTLED_AS_FAILED)))


def charge_back_payment(request: ControlRequest) -> dict[str, object]:
    """Take back what is left of a completed payment, or less."""
    reason = mask_text(request.body.get("reason", CHARGEBACK_REASON))
    return representations.chargeback(
        request.world.charge_back(_number(request), request.body.get("amount"), reason)
    )


def _number(request: ControlRequest) -> int:
    return request.world.ledger.number_of(request.path_parameter)


def _shown(payment: Payment) -> dict[str, object]:
    return representations.payment(payment) | {
        "refunded": payment.refunded,
        "charged_back": payment.charged_back,
        "failure_code": payment.failure,
    }
