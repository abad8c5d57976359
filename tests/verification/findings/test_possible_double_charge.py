"""A payment that was made again after its reply was lost."""

import pytest

from payments_sandbox.core.instants import MINUTE, SECOND
from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import History, rules_of

LOST = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")
CHARGED = rules_of(
    "- {request: create_payment, do: [{respond: {error: internal_error, commit: true}}]}"
)
CREATE = "The payment of 2500 USD for cust_abc123"


@pytest.mark.parametrize("scene", [LOST, CHARGED], ids=["lost", "charged but 500"])
def test_a_payment_made_again_after_a_lost_reply_is_found(scene: Scenario) -> None:
    """Possible double charge, and blind too."""
    history = History(scene)
    first = history.pay()
    history.wait(SECOND)
    second = history.pay()

    assert history.found() == [
        ("possible_double_charge", (first, second)),
        ("blind_retry", (first, second)),
    ]
    assert [each.message for each in history.findings()] == [
        f"{CREATE} may have been charged 2 times.",
        f"{CREATE} was sent again although nobody had looked for it.",
    ]


def test_a_payment_without_a_customer_is_told_without_one() -> None:
    """It is told without a customer: a payment need not have one."""
    history = History(LOST)
    history.pay(customer_id=None)
    history.pay(customer_id=None)

    assert [each.message for each in history.findings()] == [
        "The payment of 2500 USD may have been charged 2 times.",
        "The payment of 2500 USD was sent again although nobody had looked for it.",
    ]


def test_a_customer_called_none_is_somebody() -> None:
    """A payment without a customer is no repetition of theirs."""
    history = History(LOST)
    history.pay(customer_id="None")
    history.pay(customer_id=None)

    assert history.found() == []


def test_looking_does_not_make_a_second_payment_right() -> None:
    """Looking is not enough."""
    history = History(LOST)
    first = history.pay()
    history.look()
    second = history.pay()

    assert history.found() == [("possible_double_charge", (first, second))]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 5},
        {"currency": "EUR"},
        {"customer_id": "ben"},
        {"description": "another"},
        {"customer_id": None},
    ],
    ids=str,
)
def test_a_payment_that_differs_is_no_repetition(changes: dict[str, object]) -> None:
    """Customer, amount, currency and description make it the same."""
    history = History(LOST)
    history.pay()
    history.pay(**changes)

    assert history.found() == []


def test_the_same_payment_ten_minutes_later_is_no_repetition() -> None:
    """Ten minutes of virtual time."""
    history = History(LOST)
    history.pay()
    history.look()
    history.wait(10 * MINUTE + 1)
    history.pay()

    assert history.found() == []


def test_the_same_payment_after_ten_minutes_to_the_millisecond_is_a_repetition() -> None:
    """The last instant counts."""
    history = History(LOST)
    first = history.pay()
    history.look()
    history.wait(10 * MINUTE)
    second = history.pay()

    assert history.found() == [("possible_double_charge", (first, second))]


def test_two_equal_payments_with_replies_are_no_finding() -> None:
    """A customer may buy twice."""
    history = History()
    history.pay()
    history.pay()

    assert history.found() == []


def test_a_chain_of_lost_replies_is_one_finding() -> None:
    """And a later order of the same kind none."""
    history = History(
        rules_of("- {request: create_payment, do: [{drop: {commit: true}, times: 2}]}")
    )
    ids = [history.pay() for _ in range(4)]

    assert history.found()[0] == ("possible_double_charge", tuple(ids[:3]))


def test_two_payments_are_a_finding_although_an_equal_one_follows_later() -> None:
    """The chain ends where the next payment is no repetition any more."""
    history = History(LOST)
    ids = (history.pay(), history.pay())
    history.look()
    history.wait(10 * MINUTE + 1)
    history.pay()

    assert history.found()[0] == ("possible_double_charge", ids)
