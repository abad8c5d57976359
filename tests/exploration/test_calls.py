"""Calls are named by what they are, and a rule finds each by its name."""

import pytest

from payments_sandbox.exploration.calls import NOBODY, CallName, names_of

SEEN = [
    ("create_payment", "cust_ada"),
    ("create_payment", "cust_ben"),
    ("create_payment", "cust_ada"),
    ("list_payments", NOBODY),
]


def test_a_call_is_the_nth_of_its_customer_whatever_others_do() -> None:
    assert list(names_of(SEEN)) == [
        CallName("create_payment", "cust_ada", 1),
        CallName("create_payment", "cust_ben", 1),
        CallName("create_payment", "cust_ada", 2),
        CallName("list_payments", NOBODY, 1),
    ]


def test_customers_can_be_left_out() -> None:
    assert [(name.customer, name.nth) for name in names_of(SEEN, by_customer=False)] == [
        (None, 1),
        (None, 2),
        (None, 3),
        (None, 1),
    ]


@pytest.mark.parametrize(
    ("name", "when", "text"),
    [
        (
            CallName("create_payment", "cust_ada", 2),
            {"customer_id": "cust_ada", "call": 2},
            "create_payment of cust_ada, 2nd",
        ),
        (
            CallName("list_payments", NOBODY, 4),
            {"customer_id": {"exists": False}, "call": 4},
            "list_payments, 4th",
        ),
        (CallName("create_refund", None, 3), {"call": 3}, "create_refund, 3rd"),
        (
            CallName("payment.completed", "cust_ada", 1),
            {"customer_id": "cust_ada", "call": 1},
            "payment.completed webhook of cust_ada, 1st",
        ),
    ],
)
def test_a_name_has_matchers_and_words(name: CallName, when: dict[str, object], text: str) -> None:
    assert (name.when(), str(name)) == (when, text)
