"""Tests a payment's table of moves, and the arithmetic of its money."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.errors import IllegalMove, RefundRefused, SandboxError
from payments_sandbox.core.ids import PaymentId
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.payment import (
    TRANSITIONS,
    Move,
    Payment,
    Status,
    charge_back,
    complete,
    fail,
    refund,
)
from tests.support.tables import for_each

PAYMENT = Payment(
    id=PaymentId("pay_1"),
    amount=2_500,
    currency="USD",
    card=Card(Brand.VISA, "1111", 0),
    created=Instant(0),
    status=Status.PENDING,
)
MOVES: dict[Move, Callable[[Payment], Payment]] = {
    Move.COMPLETE: complete,
    Move.FAIL: lambda payment: fail(payment, "card_declined"),
    Move.REFUND: lambda payment: refund(payment, 1_000)[0],
    Move.CHARGE_BACK: lambda payment: charge_back(payment, 1_000)[0],
}
LEGAL = {
    (Status.PENDING, Move.COMPLETE): PAYMENT._replace(status=Status.COMPLETED),
    (Status.PENDING, Move.FAIL): PAYMENT._replace(status=Status.FAILED, failure="card_declined"),
    (Status.COMPLETED, Move.REFUND): PAYMENT._replace(status=Status.COMPLETED, refunded=1_000),
    (Status.COMPLETED, Move.CHARGE_BACK): PAYMENT._replace(
        status=Status.COMPLETED, charged_back=1_000
    ),
}
ILLEGAL = {
    (Status.PENDING, Move.REFUND): "You cannot refund a payment that is pending.",
    (Status.PENDING, Move.CHARGE_BACK): "You cannot charge back a payment that is pending.",
    (Status.COMPLETED, Move.COMPLETE): "You cannot complete a payment that is completed.",
    (Status.COMPLETED, Move.FAIL): "You cannot fail a payment that is completed.",
    (Status.FAILED, Move.COMPLETE): "You cannot complete a payment that is failed.",
    (Status.FAILED, Move.FAIL): "You cannot fail a payment that is failed.",
    (Status.FAILED, Move.REFUND): "You cannot refund a payment that is failed.",
    (Status.FAILED, Move.CHARGE_BACK): "You cannot charge back a payment that is failed.",
}
AMOUNTS = st.integers(1, 99_999_999)
WANTED = st.none() | st.integers(-2, 3_000)


def test_the_tests_cover_every_status_and_move_of_the_transition_table() -> None:
    """A new status or move needs its row here."""
    cells = {(status, move) for status in Status for move in Move}

    assert set(LEGAL) | set(ILLEGAL) == cells
    assert {(at, move) for at, moves in TRANSITIONS.items() for move in moves} == set(LEGAL)


@pytest.mark.parametrize(("status", "move"), LEGAL, ids=str)
def test_a_legal_move_returns_a_new_payment_and_leaves_the_old_one_unchanged(
    status: Status, move: Move
) -> None:
    before = PAYMENT._replace(status=status)
    kept = before._replace()

    assert MOVES[move](before) == LEGAL[status, move]
    assert TRANSITIONS[status][move] is LEGAL[status, move].status
    assert before == kept


@for_each(("status", "move"), ILLEGAL)
def test_an_illegal_move_is_rejected_with_a_reason_and_changes_nothing(
    status: Status, move: Move
) -> None:
    before = PAYMENT._replace(status=status)
    kept = before._replace()
    with pytest.raises(SandboxError) as caught:
        MOVES[move](before)

    kind, code = (
        (RefundRefused, "payment_not_refundable")
        if move is Move.REFUND
        else (IllegalMove, "illegal_move")
    )
    assert type(caught.value) is kind
    assert caught.value.args == (code, ILLEGAL[status, move], None)
    assert before == kept


@given(AMOUNTS, st.lists(st.tuples(st.booleans(), WANTED | AMOUNTS), max_size=12))
def test_refunds_and_chargebacks_together_never_exceed_the_payment(
    amount: int, attempts: list[tuple[bool, int | None]]
) -> None:
    """Whatever is requested, in whatever order."""
    payment = PAYMENT._replace(amount=amount, status=Status.COMPLETED)
    taken = {refund: 0, charge_back: 0}
    for is_refund, wanted in attempts:
        take = refund if is_refund else charge_back
        asked = payment.refundable if wanted is None else wanted
        if 0 < asked <= payment.refundable:
            payment, gone = take(payment, wanted)
            assert gone == asked
            taken[take] += gone
        else:
            with pytest.raises((RefundRefused, IllegalMove)):
                take(payment, wanted)

        assert (payment.refunded, payment.charged_back) == tuple(taken.values())
        assert payment.refundable == amount - sum(taken.values()) >= 0
    assert payment._replace(refunded=0, charged_back=0) == PAYMENT._replace(
        amount=amount, status=Status.COMPLETED
    )


REFUSED_REFUNDS = {  # refunded, charged back, wanted: code and details
    (0, 0, 2_501): ("refund_exceeds_payment", "2500 of 2500 is left to refund."),
    (0, 0, 0): ("refund_exceeds_payment", "2500 of 2500 is left to refund."),
    (0, 0, -1): ("refund_exceeds_payment", "2500 of 2500 is left to refund."),
    (1_000, 500, 1_001): ("refund_exceeds_payment", "1000 of 2500 is left to refund."),
    (2_500, 0, 1): ("refund_exceeds_payment", "0 of 2500 is left to refund."),
    (2_500, 0, None): ("refund_exceeds_payment", "0 of 2500 is left to refund."),
    (500, 2_000, None): ("refund_exceeds_payment", "0 of 2500 is left to refund."),
    (0, 2_500, 1): ("payment_not_refundable", "It has been charged back in full."),
    (0, 2_500, None): ("payment_not_refundable", "It has been charged back in full."),
}


@for_each("case", REFUSED_REFUNDS, show=str)
def test_a_refund_of_more_than_what_is_left_is_rejected(case: tuple[int, int, int | None]) -> None:
    """The error names what is left."""
    refunded, charged_back, wanted = case
    payment = PAYMENT._replace(
        status=Status.COMPLETED, refunded=refunded, charged_back=charged_back
    )
    with pytest.raises(RefundRefused) as caught:
        refund(payment, wanted)

    assert caught.value.args == (*REFUSED_REFUNDS[case], None)


@pytest.mark.parametrize("wanted", [-1, 0, 1_501, None])
def test_a_chargeback_of_more_than_what_is_left_is_rejected(wanted: int | None) -> None:
    """The error names what is left."""
    refunded = 2_500 if wanted is None else 1_000
    payment = PAYMENT._replace(status=Status.COMPLETED, refunded=refunded)
    with pytest.raises(IllegalMove) as caught:
        charge_back(payment, wanted)

    left = f"{2_500 - refunded} of 2500 is left to charge back."
    assert caught.value.args == ("illegal_move", left, None)


def test_a_refund_or_chargeback_without_an_amount_takes_what_is_left() -> None:
    payment = PAYMENT._replace(status=Status.COMPLETED, refunded=1_000, charged_back=500)

    assert refund(payment, None) == (payment._replace(refunded=2_000), 1_000)
    assert charge_back(payment, None) == (payment._replace(charged_back=1_500), 1_000)


@pytest.mark.parametrize("take", [refund, charge_back])
def test_one_minor_unit_and_the_full_amount_can_be_refunded_or_charged_back(
    take: Callable[[Payment, int | None], tuple[Payment, int]],
) -> None:
    """Zero and one more than the full amount cannot."""
    paid = PAYMENT._replace(status=Status.COMPLETED)

    assert [take(paid, each)[1] for each in (1, 2_500, None)] == [1, 2_500, 2_500]
    for amount in (0, 2_501):
        with pytest.raises(SandboxError):
            take(paid, amount)
