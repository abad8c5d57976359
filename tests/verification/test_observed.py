"""What the journal tells of a client's calls."""

from payments_sandbox.rules.model import Condition
from payments_sandbox.verification.observed import (
    ObservedAttempt,
    ObservedCall,
    ObservedDelivery,
    in_journal,
    observe,
    refund_in_words,
)
from tests.support.in_process import NOON, History, rules_of

DRIPS = rules_of("- {request: create_payment, do: [{drip: {over: 1s, chunks: 2}}]}")
LOST = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")


def call_of(history: History, request_id: str) -> ObservedCall:
    """A call, as it was observed."""
    [found] = [each for each in observe(history.world).calls if each.id == request_id]
    return found


def test_what_became_of_a_call_is_unknown_without_a_reply_or_with_a_server_error() -> None:
    """A reply that comes drop by drop does come; 499 would be the client's own."""
    lost, slow, plain = History(LOST), History(DRIPS), History()
    calls = [call_of(each, each.pay()) for each in (lost, slow, plain)]
    calls[1].entry.status = 201  # as the server notes once the last drop has gone
    refused = call_of(plain, plain.pay(amount=0))

    assert [each.outcome_unknown for each in calls] == [True, False, False]
    assert [each.is_success for each in [*calls, refused]] == [False, True, True, False]
    for status, is_unknown in ((499, False), (500, True), (None, True)):
        calls[2].entry.status = status
        assert calls[2].outcome_unknown is is_unknown


def test_a_success_is_a_status_of_the_two_hundreds() -> None:
    """From 200 to 299."""
    history = History()
    call = call_of(history, history.pay())
    found = []
    for status in (199, 200, 299, 300):
        call.entry.status = status
        found.append(call.is_success)

    assert found == [False, True, True, False]


def test_the_payment_of_a_call_is_the_one_in_its_path() -> None:
    """A list names none, whatever its query is."""
    history = History()
    paid = call_of(history, history.pay())
    read = call_of(history, history.call("retrieve_payment", payment_id=history.payment()))
    listed = call_of(history, history.look("limit=5"))

    assert (paid.payment_id, paid.payment, listed.payment_id) == (None, None, None)
    assert read.payment_id == history.payment()
    assert read.payment == history.world.ledger.payments.get(0)


def test_an_error_has_its_code_and_its_sentence() -> None:
    """A success has neither."""
    history = History()
    paid, refused = call_of(history, history.pay()), call_of(history, history.pay(amount=0))

    assert (paid.code, paid.message) == ("", "")
    assert (refused.code, refused.message) == ("invalid_request", "The request is invalid")


def test_a_refund_without_an_amount_is_of_what_is_left() -> None:
    """As the API has it."""
    history = History()
    history.pay()
    calls = [
        call_of(history, history.call("create_refund", body, payment_id=history.payment()))
        for body in ({"amount": 5}, {})
    ]

    assert [refund_in_words(each) for each in calls] == [
        f"The refund of 5 of {history.payment()}",
        f"The refund of what is left of {history.payment()}",
    ]


def test_conditions_on_a_card_are_masked_like_the_journal() -> None:
    """Names of cards, truth values and other fields stay."""
    number, masked = "4242424242424242", "4242********4242"
    when = (
        Condition("card", "eq", number),
        Condition("card", "in", (number, "visa")),
        Condition("card", "exists", True),  # noqa: FBT003 - a value
        Condition("customer_id", "eq", number),
    )
    found = [each.operand for each in in_journal(when)]

    assert found[1:] == [(found[0], "visa"), True, number]
    assert str(found[0]).endswith("4242")
    assert number not in str(found[0])
    assert len(str(found[0])) == len(masked)


def test_an_attempt_is_taken_by_a_two_hundred_and_nothing_else() -> None:
    """Silence is no acceptance."""
    history = History()
    attempts = [ObservedAttempt(history.wall.at, status) for status in (None, 199, 200, 299, 300)]

    assert [each.is_accepted for each in attempts] == [False, False, True, True, False]


def test_what_nobody_said_of_a_delivery_is_not_so() -> None:
    """It was sent right and in time, and has ended."""
    attempt = ObservedAttempt(NOON, 204)
    delivery = ObservedDelivery("dlv_1", "evt_1", "payment.completed", None, "we_1", True)  # noqa: FBT003

    assert (attempt.is_forged, attempt.is_stale, attempt.is_accepted) == (False, False, True)
    assert (delivery.is_pending, delivery.attempts) == (False, ())
    assert [ObservedAttempt(NOON, each).is_accepted for each in (None, 199, 200, 299, 300)] == [
        False, False, True, True, False,
    ]  # fmt: skip
