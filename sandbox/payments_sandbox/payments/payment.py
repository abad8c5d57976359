"""Owns the payment and its state machine: immutable values, one table of moves.

Refunds and chargebacks do not change the status, because the documentation has only three of them
(LIST PAYMENTS). The amounts taken are added up, and never exceed the payment's amount.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from payments_sandbox.core.errors import IllegalMove, RefundRefused
from payments_sandbox.core.ids import PaymentId
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.cards import Card


class Status(StrEnum):
    """The documented statuses of a payment."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class Move(StrEnum):
    """What can happen to a payment once it exists; error texts contain the value as a verb."""

    COMPLETE = "complete"
    FAIL = "fail"
    REFUND = "refund"
    CHARGE_BACK = "charge back"


TRANSITIONS: Final[dict[Status, dict[Move, Status]]] = {
    Status.PENDING: {Move.COMPLETE: Status.COMPLETED, Move.FAIL: Status.FAILED},
    Status.COMPLETED: {Move.REFUND: Status.COMPLETED, Move.CHARGE_BACK: Status.COMPLETED},
    Status.FAILED: {},
}


class Payment(NamedTuple):
    """One payment in its current state.

    Attributes:
        amount, refunded, charged_back: integer minor units of `currency`.
        failure: the error code it failed with, or None.
    """

    id: PaymentId
    amount: int
    currency: str
    card: Card
    created: Instant
    status: Status
    description: str | None = None
    customer_id: str | None = None
    refunded: int = 0
    charged_back: int = 0
    failure: str | None = None

    @property
    def refundable(self) -> int:
        """Minor units that neither refunds nor chargebacks have taken."""
        return self.amount - self.refunded - self.charged_back


def complete(payment: Payment) -> Payment:
    """Settle a pending payment.

    Raises:
        IllegalMove: it is not pending.
    """
    return payment._replace(status=_after(payment, Move.COMPLETE))


def fail(payment: Payment, code: str) -> Payment:
    """Fail a pending payment with one of the decline codes.

    Raises:
        IllegalMove: it is not pending.
    """
    return payment._replace(status=_after(payment, Move.FAIL), failure=code)


def refund(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """Give back an amount, or what is left if it is None.

    Returns:
        The changed payment, and the amount that was taken from it.

    Raises:
        RefundRefused: `payment_not_refundable`, or `refund_exceeds_payment` with what is left.
    """
    try:
        status = _after(payment, Move.REFUND)
    except IllegalMove as error:
        raise RefundRefused("payment_not_refundable", error.details) from None
    if payment.charged_back == payment.amount:
        raise RefundRefused("payment_not_refundable", "It has been charged back in full.")
    wanted = payment.refundable if amount is None else amount
    if not 0 < wanted <= payment.refundable:
        details = f"{payment.refundable} of {payment.amount} is left to refund."
        raise RefundRefused("refund_exceeds_payment", details)
    return payment._replace(status=status, refunded=payment.refunded + wanted), wanted


def charge_back(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """Take back an amount, or what is left if it is None.

    Returns:
        The changed payment, and the amount that was taken from it.

    Raises:
        IllegalMove: it is not completed, or less than the amount is left.
    """
    status = _after(payment, Move.CHARGE_BACK)
    wanted = payment.refundable if amount is None else amount
    if not 0 < wanted <= payment.refundable:
        raise IllegalMove(f"{payment.refundable} of {payment.amount} is left to charge back.")
    return payment._replace(status=status, charged_back=payment.charged_back + wanted), wanted


def _after(payment: Payment, move: Move) -> Status:
    try:
        return TRANSITIONS[payment.status][move]
    except KeyError:
        raise IllegalMove(f"You cannot {move} a payment that is {payment.status}.") from None
