"""Names of calls, and the conditions with which a rule matches them."""

import pytest

from payments_sandbox.exploration.calls import NOBODY, CallName, names_of

SEEN = [
    ("create_payment", "cust_ada"),
    ("create_payment", "cust_ben"),
    ("create_payment", "cust_ada"),
    ("list_payments", NOBODY),
]


def test_calls_are_numbered_per_operation_and_customer() -> None:
    assert list(names_of(SEEN)) == [
        CallName("create_payment", "cust_ada", 1),
        CallName("create_payment", "cust_ben", 1),
        CallName("create_payment", "cust_ada", 2),
        CallName("list_payments", NOBODY, 1),
    ]


def test_calls_can_be_numbered_without_customers() -> None:
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
def test_a_call_name_has_a_rule_condition_and_a_description(
    name: CallName, when: dict[str, object], text: str
) -> None:
    assert (name.when(), str(name)) == (when, text)
