"""A payment or refund that was sent again without a look."""

from dataclasses import replace

import pytest

from payments_sandbox.core.instants import HOUR, MINUTE
from tests.support.in_process import History, rules_of

DOWN = rules_of("- {request: create_payment, do: [{respond: {error: internal_error}, times: 2}]}")


def test_a_retry_of_what_never_happened_is_blind_all_the_same() -> None:
    """The client could not know; a list that failed tells nothing."""
    history = History(DOWN, rules_of("- {request: list_payments, do: [{drop: {}}]}", name="lists"))
    first = history.pay()
    second = history.pay()
    history.look()
    third = history.pay()

    assert history.found() == [("blind_retry", (first, second, third))]


def test_a_retry_after_a_refusal_is_not_blind() -> None:
    """400 and 429 say that nothing happened."""
    history = History()
    history.pay(amount=0)
    history.pay(amount=0)
    history.world.limiter.set(limit=None, remaining=0)
    history.pay()
    history.wait(HOUR)
    history.pay()

    assert history.found() == []


REFUND_LOST = rules_of("- {request: create_refund, do: [{drop: {commit: false}, times: 2}]}")


def test_a_refund_sent_again_without_a_look_is_blind() -> None:
    """Whether or not the first one was made."""
    history = History(REFUND_LOST)
    history.pay()
    ids = (history.refund(amount=500), history.refund(amount=500))

    assert history.found() == [("blind_retry", ids)]
    [finding] = history.findings()
    assert finding.message == (
        f"The refund of 500 of {history.payment()} was sent again although nobody had looked"
        " for it."
    )


@pytest.mark.parametrize("body", [{}, {"amount": 2500}], ids=str)
def test_a_refund_of_everything_may_be_sent_again(body: dict[str, object]) -> None:
    """It cannot be made twice, and its second answer says whether it was made."""
    history = History(REFUND_LOST)
    history.pay()
    history.refund(**body)
    history.refund(**body)

    assert history.found() == []


def test_a_refund_of_an_unknown_payment_sent_again_is_blind() -> None:
    """What it is of does not matter to who sends it."""
    history = History(REFUND_LOST)
    ids = tuple(
        history.call("create_refund", {"amount": 5}, payment_id="pay_unknown") for _ in range(2)
    )

    assert history.found() == [("blind_retry", ids)]


@pytest.mark.parametrize("wait", [10 * MINUTE + 1, 0], ids=["after a while", "after a look"])
def test_a_refund_sent_again_after_a_look_or_a_while_is_not_blind(wait: int) -> None:
    """A webhook would have told of it by then; or somebody has read the payment."""
    history = History(REFUND_LOST)
    history.pay()
    history.refund(amount=500)
    if wait:
        history.wait(wait)
    else:
        history.call("retrieve_payment", payment_id=history.payment())
    history.refund(amount=500)

    assert history.found() == []


def test_a_refund_is_a_repetition_for_ten_minutes_to_the_last() -> None:
    """On the world's clock; a millisecond later it is another one."""
    found = []
    for wait in (10 * MINUTE, 10 * MINUTE + 1):
        history = History(REFUND_LOST)
        history.pay()
        history.refund(amount=500)
        history.wait(wait)
        history.refund(amount=500)
        found.append([kind for kind, _ in history.found()])

    assert found == [["blind_retry"], []]


@pytest.mark.parametrize("clock", ["wall", "world", "both"])
@pytest.mark.parametrize("events", [("*",), ("refund.created",), ("payment.*",)])
def test_a_webhook_tells_of_a_refund_within_a_second_on_either_clock(
    clock: str, events: tuple[str, ...]
) -> None:
    """To the millisecond, where an endpoint gets it; elsewhere nobody would know."""
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
