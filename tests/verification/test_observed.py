"""Calls and deliveries as they are observed in a world."""

from payments_sandbox.rules.model import Condition
from payments_sandbox.verification.observed import (
    ObservedAttempt,
    ObservedCall,
    ObservedDelivery,
    describe_refund,
    masked_conditions,
    observe,
)
from tests.support.in_process import NOON, History, rules_of

DRIPS = rules_of("- {request: create_payment, do: [{drip: {over: 1s, chunks: 2}}]}")
LOST = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")


def call_of(history: History, request_id: str) -> ObservedCall:
    """Return an observed call."""
    [found] = [each for each in observe(history.world).calls if each.id == request_id]
    return found


def test_the_outcome_is_unknown_without_a_reply_or_after_a_server_error() -> None:
    """A dripped reply arrives, so its outcome is known."""
    lost, slow, plain = History(LOST), History(DRIPS), History()
    calls = [call_of(each, each.pay()) for each in (lost, slow, plain)]
    calls[1].entry.status = 201  # as the server notes after the last chunk
    refused = call_of(plain, plain.pay(amount=0))

    assert [each.outcome_unknown for each in calls] == [True, False, False]
    assert [each.is_success for each in [*calls, refused]] == [False, True, True, False]
    for status, is_unknown in ((499, False), (500, True), (None, True)):
        calls[2].entry.status = status
        assert calls[2].outcome_unknown is is_unknown


def test_a_rejection_that_a_rule_makes_up_is_one_unless_the_call_took_effect() -> None:
    """Its body may be anything, but the client sees its status."""
    history = History(LOST)
    call = call_of(history, history.pay())
    call.entry.fault = "respond_raw"
    for status, committed, is_unknown in (
        (429, False, False),
        (400, None, False),
        (499, True, True),
        (399, False, True),
        (500, False, True),
    ):
        call.entry.status, call.entry.committed = status, committed
        assert call.outcome_unknown is is_unknown


def test_only_a_2xx_status_is_a_success() -> None:
    history = History()
    call = call_of(history, history.pay())
    found = []
    for status in (199, 200, 299, 300):
        call.entry.status = status
        found.append(call.is_success)

    assert found == [False, True, True, False]


def test_the_payment_of_a_call_comes_from_its_path() -> None:
    """A list has no payment, whatever its query."""
    history = History()
    paid = call_of(history, history.pay())
    read = call_of(history, history.call("retrieve_payment", payment_id=history.payment()))
    listed = call_of(history, history.look("limit=5"))

    assert (paid.payment_id, paid.payment, listed.payment_id) == (None, None, None)
    assert read.payment_id == history.payment()
    assert read.payment == history.world.ledger.payments.get(0)


def test_a_failed_call_has_error_code_and_message() -> None:
    """A success has neither."""
    history = History()
    paid, refused = call_of(history, history.pay()), call_of(history, history.pay(amount=0))

    assert (paid.code, paid.message) == ("", "")
    assert (refused.code, refused.message) == ("invalid_request", "The request is invalid")


def test_a_refund_without_an_amount_is_described_as_what_is_left() -> None:
    history = History()
    history.pay()
    calls = [
        call_of(history, history.call("create_refund", body, payment_id=history.payment()))
        for body in ({"amount": 5}, {})
    ]

    assert [describe_refund(each) for each in calls] == [
        f"The refund of 5 of {history.payment()}",
        f"The refund of what is left of {history.payment()}",
    ]


def test_card_numbers_in_conditions_are_masked_like_the_journal() -> None:
    """Card names, booleans and other fields stay unchanged."""
    number, masked = "4242424242424242", "4242********4242"
    when = (
        Condition("card", "eq", number),
        Condition("card", "in", (number, "visa")),
        Condition("card", "exists", True),  # noqa: FBT003 - a value
        Condition("customer_id", "eq", number),
    )
    found = [each.operand for each in masked_conditions(when)]

    assert found[1:] == [(found[0], "visa"), True, number]
    assert str(found[0]).endswith("4242")
    assert number not in str(found[0])
    assert len(str(found[0])) == len(masked)


def test_an_attempt_is_accepted_only_by_a_2xx_answer() -> None:
    """No answer is no acceptance."""
    history = History()
    attempts = [ObservedAttempt(history.wall.at, status) for status in (None, 199, 200, 299, 300)]

    assert [each.is_accepted for each in attempts] == [False, False, True, True, False]


def test_defaults_of_observed_attempts_and_deliveries() -> None:
    """By default an attempt is neither forged nor stale, and a delivery is not pending."""
    attempt = ObservedAttempt(NOON, 204)
    delivery = ObservedDelivery("dlv_1", "evt_1", "payment.completed", None, "we_1", True)  # noqa: FBT003

    assert (attempt.is_forged, attempt.is_stale, attempt.is_accepted) == (False, False, True)
    assert (delivery.is_pending, delivery.attempts) == (False, ())
    assert [ObservedAttempt(NOON, each).is_accepted for each in (None, 199, 200, 299, 300)] == [
        False, False, True, True, False,
    ]  # fmt: skip
