"""The finding `possible_double_charge`: a payment retried after its reply was lost."""

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
def test_a_payment_retried_after_a_lost_reply_is_found(scene: Scenario) -> None:
    """It is also a blind retry."""
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
        f"{CREATE} was sent again without looking for it first.",
    ]


def test_the_message_omits_a_missing_customer() -> None:
    """A payment need not have a customer."""
    history = History(LOST)
    history.pay(customer_id=None)
    history.pay(customer_id=None)

    assert [each.message for each in history.findings()] == [
        "The payment of 2500 USD may have been charged 2 times.",
        "The payment of 2500 USD was sent again without looking for it first.",
    ]


def test_a_customer_named_none_differs_from_no_customer() -> None:
    history = History(LOST)
    history.pay(customer_id="None")
    history.pay(customer_id=None)

    assert history.found() == []


def test_a_second_payment_is_found_even_after_a_lookup() -> None:
    """The lookup shows the first payment, so the second is wrong."""
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
def test_a_payment_with_other_details_is_not_a_finding(changes: dict[str, object]) -> None:
    """Customer, amount, currency and description must be equal."""
    history = History(LOST)
    history.pay()
    history.pay(**changes)

    assert history.found() == []


def test_the_same_payment_after_more_than_ten_minutes_is_not_a_finding() -> None:
    history = History(LOST)
    history.pay()
    history.look()
    history.wait(10 * MINUTE + 1)
    history.pay()

    assert history.found() == []


def test_the_same_payment_after_exactly_ten_minutes_is_found() -> None:
    history = History(LOST)
    first = history.pay()
    history.look()
    history.wait(10 * MINUTE)
    second = history.pay()

    assert history.found() == [("possible_double_charge", (first, second))]


def test_two_equal_payments_with_replies_are_not_a_finding() -> None:
    """A customer may buy twice."""
    history = History()
    history.pay()
    history.pay()

    assert history.found() == []


def test_a_chain_of_lost_replies_is_one_finding() -> None:
    """A fourth payment, after a reply, is not part of it."""
    history = History(
        rules_of("- {request: create_payment, do: [{drop: {commit: true}, times: 2}]}")
    )
    ids = [history.pay() for _ in range(4)]

    assert history.found()[0] == ("possible_double_charge", tuple(ids[:3]))


def test_a_later_equal_payment_is_not_part_of_the_finding() -> None:
    """The later payment is more than ten minutes apart."""
    history = History(LOST)
    ids = (history.pay(), history.pay())
    history.look()
    history.wait(10 * MINUTE + 1)
    history.pay()

    assert history.found()[0] == ("possible_double_charge", ids)
