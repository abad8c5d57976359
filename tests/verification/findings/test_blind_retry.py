"""The finding `blind_retry`: a payment or refund that was retried without a lookup."""

from dataclasses import replace

import pytest

from payments_sandbox.core.instants import HOUR, MINUTE
from tests.support.in_process import History, rules_of
from tests.support.tables import for_each

DOWN = rules_of("- {request: create_payment, do: [{respond: {error: internal_error}, times: 2}]}")


def test_a_retry_of_an_uncommitted_payment_without_a_lookup_is_blind() -> None:
    """The client could not know that it failed; a failed list is no lookup."""
    history = History(DOWN, rules_of("- {request: list_payments, do: [{drop: {}}]}", name="lists"))
    first = history.pay()
    second = history.pay()
    history.look()
    third = history.pay()

    assert history.found() == [("blind_retry", (first, second, third))]


def test_a_blind_retry_names_the_call_whose_reply_was_lost_and_no_equal_one_before_it() -> None:
    """An earlier call that was answered, or one that was looked for, has nothing to do with it."""
    down = rules_of(
        "- {request: create_payment, do: [pass, {respond: {error: internal_error}, times: 2}]}"
    )
    history = History(down)
    history.pay()
    history.pay()
    history.look()
    lost = history.pay()
    again = history.pay()

    assert history.found() == [("blind_retry", (lost, again))]


def test_a_retry_after_a_400_or_429_is_not_blind() -> None:
    """These answers say that nothing happened."""
    history = History()
    history.pay(amount=0)
    history.pay(amount=0)
    history.world.limiter.set(limit=None, remaining=0)
    history.pay()
    history.wait(HOUR)
    history.pay()

    assert history.found() == []


REFUND_LOST = rules_of("- {request: create_refund, do: [{drop: {commit: false}, times: 2}]}")


def test_a_refund_retried_without_a_lookup_is_blind() -> None:
    """It does not matter whether the first refund happened."""
    history = History(REFUND_LOST)
    history.pay()
    ids = (history.refund(amount=500), history.refund(amount=500))

    assert history.found() == [("blind_retry", ids)]
    [finding] = history.findings()
    assert finding.message == (
        f"The refund of 500 of {history.payment()} was sent again"
        " without waiting for refund.created first."
    )


@pytest.mark.parametrize("body", [{}, {"amount": 2500}], ids=str)
def test_retrying_a_full_refund_is_not_blind(body: dict[str, object]) -> None:
    """It cannot happen twice, and the second answer shows whether it happened."""
    history = History(REFUND_LOST)
    history.pay()
    history.refund(**body)
    history.refund(**body)

    assert history.found() == []


def test_a_retried_refund_of_an_unknown_payment_is_blind() -> None:
    history = History(REFUND_LOST)
    ids = tuple(
        history.call("create_refund", {"amount": 5}, payment_id="pay_unknown") for _ in range(2)
    )

    assert history.found() == [("blind_retry", ids)]


@pytest.mark.parametrize("wait", [10 * MINUTE + 1, 0], ids=["after a while", "after a look"])
def test_a_refund_retried_after_a_lookup_or_ten_minutes_is_not_blind(wait: int) -> None:
    """A lookup is a read of the payment; after ten minutes it is not a retry."""
    history = History(REFUND_LOST)
    history.pay()
    history.refund(amount=500)
    if wait:
        history.wait(wait)
    else:
        history.call("retrieve_payment", payment_id=history.payment())
    history.refund(amount=500)

    assert history.found() == []


def test_a_refund_counts_as_a_retry_for_exactly_ten_minutes() -> None:
    """One millisecond later it is another refund."""
    found = []
    for wait in (10 * MINUTE, 10 * MINUTE + 1):
        history = History(REFUND_LOST)
        history.pay()
        history.refund(amount=500)
        history.wait(wait)
        history.refund(amount=500)
        found.append([kind for kind, _ in history.found()])

    assert found == [["blind_retry"], []]


@for_each("clock", ["wall", "world", "both"])
@for_each("events", [("*",), ("refund.created",), ("payment.*",)])
def test_a_refund_retried_one_second_after_its_webhook_is_not_blind(
    clock: str, events: tuple[str, ...]
) -> None:
    """This needs an endpoint that gets refund events, and either clock may have moved."""
    found = []
    for wait in (999, 1_000):
        history = History(REFUND_LOST, frozen=clock != "both")
        webhooks = history.world.open_webhooks()
        webhooks.put(replace(webhooks.new_endpoint("http://localhost:1/"), events=events))
        history.pay()
        history.refund(amount=500)
        if clock == "world":
            history.advance(wait)
        else:
            history.wait(wait)
        history.refund(amount=500)
        found.append([kind for kind, _ in history.found()])

    assert found == [["blind_retry"], ["blind_retry"] if events == ("payment.*",) else []]
