"""A result is final if its expectation can no longer be met; otherwise it is worth waiting."""

from typing import Any

import pytest

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.in_process import History
from tests.support.tables import for_each

PENDING = {card.name: card.number for card in MAGIC_CARDS}["pending_forever"]


def busy() -> History:
    """Return a history with two equal payments, two refunds and two deliveries.

    One delivery was accepted at last, one failed; a third payment is still pending.
    """
    history = History()
    history.pay(card_number=PENDING, amount=5)
    for _ in range(2):
        history.pay()
        history.call("create_refund", {"amount": 5}, payment_id=history.payment(1))
    history.receive(500, 200)
    history.receive(500)
    return history


LOST: list[dict[str, Any]] = [
    {"request": "create_payment", "count": 1},
    {"request": "*", "count": 0},
    {"retries": "create_payment", "max": 0},
    {"retries": "create_payment", "spacing": {"min": "1s"}},
    {"payments": {"status": "completed"}, "count": 1},
    {"payments": {"customer_id": "cust_abc123"}, "count": {"max": 2}},
    {"payments": {}, "total": 5_000},
    {"refunds": {}, "count": 1},
    {"refunds": {}, "total": {"max": 9}},
    {"webhook": "payment.*", "count": 1},
    {"webhook": "payment.*", "acknowledged": False},
    {"webhook": "payment.*", "attempts": 1},
]
OPEN: list[dict[str, Any]] = [
    {"request": "create_payment", "count": 4},
    {"retries": "list_payments", "max": 0},
    {"order": ["create_payment", "list_payments"]},
    {"payments": {"status": "pending"}, "count": 2},
    {"payments": {"status": "pending"}, "count": 0},
    {"payments": {"status": {"ne": "failed"}}, "total": 5_000},
    {"refunds": {}, "count": 3},
    {"refunds": {}, "total": 11},
    {"webhook": "payment.*", "count": 3},
    {"webhook": "payment.*", "acknowledged": True},
    {"webhook": "payment.*", "attempts": 2},
    {"webhook": "payment.*", "forged": "refused"},
    {"rules": "all_fired"},
]


@for_each("expect", LOST, show=str)
def test_an_exceeded_expectation_is_final(expect: dict[str, Any]) -> None:
    """Calls, refunds and attempts never disappear."""
    result = busy().result_of(**expect)

    assert (result.met, result.is_final) == (False, True)


@for_each("expect", OPEN, show=str)
def test_an_expectation_that_can_still_be_met_is_not_final(expect: dict[str, Any]) -> None:
    """Payments may change their status, and deliveries may be retried."""
    result = busy().result_of(**expect)

    assert (result.met, result.is_final) == (False, False)


def test_an_audit_is_final_only_if_its_finding_cannot_be_resolved() -> None:
    """The client may still read the next page, but a leaked number stays leaked."""
    unread, leaked = History(), History()
    for amount in range(1, 12):
        unread.pay(amount=amount)
    unread.look()
    leaked.pay(description="4111111111111111")

    assert [each.result_of(audit="clean").is_final for each in (unread, leaked)] == [False, True]


@pytest.mark.parametrize("expect", [{"acknowledged": True}, {"attempts": 2}], ids=str)
def test_a_delivery_without_further_attempts_makes_the_result_final(expect: dict[str, Any]) -> None:
    """It was the last attempt."""
    history = History()
    history.receive(500, is_final=True)

    assert history.result_of(webhook="payment.*", **expect).is_final
