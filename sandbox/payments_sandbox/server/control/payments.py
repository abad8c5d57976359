"""Owns the routes that show payments in full and move them by hand."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from payments_sandbox.api.payments import read_created_after
from payments_sandbox.contract import representations
from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.contract.operations import BASE_PATH
from payments_sandbox.core.errors import IllegalMove
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.payment import TRANSITIONS, Move, Payment, Status
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.world.world import SETTLED_AS_FAILED

T = TypeVar("T")

MOVED_BY: Final = {
    Move.COMPLETE: f"{CONTROL_PATH}/payments/{{payment_id}}/complete",
    Move.FAIL: f"{CONTROL_PATH}/payments/{{payment_id}}/fail",
    Move.REFUND: f"{BASE_PATH}/payments/{{payment_id}}/refunds",
    Move.CHARGE_BACK: f"{CONTROL_PATH}/payments/{{payment_id}}/chargeback",
}
"""The route of each move that a payment can make."""

CHARGEBACK_REASON: Final = "fraudulent"
"""The default reason of a chargeback."""


def list_payments(request: ControlRequest) -> dict[str, object]:
    """List payments in full, newest first, with the filters of the emulated API."""
    payments, wanted = request.world.ledger.payments, request.query
    customer_id, status = wanted.get("customer_id"), wanted.get("status")
    created_after = read_created_after(wanted.get("created_after"))

    def older_than(number: int | None) -> Iterator[Payment]:
        numbers = payments.newest_first(
            below=number,
            customer_id=None if customer_id is None else mask_text(customer_id),
            status=None if status is None else Status(status),
            created_after=created_after,
        )
        return map(payments.get, numbers)

    listing = Listing(
        noun="a payment",
        position_of=payments.number_of,
        items_after=older_than,
        show=_payment_json,
    )
    return page(request, listing)


def retrieve_payment(request: ControlRequest) -> dict[str, object]:
    """Return one payment in full."""
    ledger = request.world.ledger
    return _payment_json(ledger.payments.get(ledger.number_of(request.path_parameter)))


def complete_payment(request: ControlRequest) -> dict[str, object]:
    """Settle a pending payment."""
    return _payment_json(_move(request, request.world.complete))


def fail_payment(request: ControlRequest) -> dict[str, object]:
    """Fail a pending payment."""
    code = request.body.get("code", SETTLED_AS_FAILED)
    return _payment_json(_move(request, lambda number: request.world.fail(number, code)))


def charge_back_payment(request: ControlRequest) -> dict[str, object]:
    """Charge back what is left of a completed payment, or less."""
    amount, reason = request.body.get("amount"), request.body.get("reason", CHARGEBACK_REASON)
    made = _move(
        request, lambda number: request.world.charge_back(number, amount, mask_text(reason))
    )
    return representations.chargeback(made)


def _move(request: ControlRequest, move: Callable[[int], T]) -> T:
    """Move the payment in the path; an error names the moves that are possible."""
    number = request.world.ledger.number_of(request.path_parameter)
    try:
        return move(number)
    except IllegalMove as error:
        possible = _possible_moves(request.world.ledger.payments.get(number))
        raise IllegalMove(f"{error.details} {possible}") from None


def _possible_moves(payment: Payment) -> str:
    moves = TRANSITIONS[payment.status] if payment.refundable else {}
    routes = [f"POST {MOVED_BY[move].format(payment_id=payment.id)}" for move in moves]
    if not routes:
        return f"It can no longer change; POST {BASE_PATH}/payments creates another."
    return f"{' and '.join(routes)} would work."


def _payment_json(payment: Payment) -> dict[str, object]:
    return representations.payment(payment) | {
        "refunded": payment.refunded,
        "charged_back": payment.charged_back,
        "failure_code": payment.failure,
    }
