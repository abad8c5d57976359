"""The finding `possible_double_refund`: a refund retried after its reply was lost."""

import pytest

from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import History, rules_of

LOST = rules_of("- {request: create_refund, do: [{drop: {commit: true}}]}")
CHARGED = rules_of(
    "- {request: create_refund, do: [{respond: {error: internal_error, commit: true}}]}"
)


@pytest.mark.parametrize("scene", [LOST, CHARGED], ids=["lost", "made but 500"])
def test_a_refund_retried_after_a_lost_reply_is_found(scene: Scenario) -> None:
    """It is also a blind retry."""
    history = History(scene)
    history.pay()
    ids = (history.refund(amount=500), history.refund(amount=500))

    assert history.found() == [("possible_double_refund", ids), ("blind_retry", ids)]
    assert history.findings()[0].message == (
        f"The refund of 500 of {history.payment()} may have been made 2 times."
    )


def test_a_retried_full_refund_that_is_rejected_is_not_a_finding() -> None:
    """Nothing was left to refund, so nothing was refunded twice."""
    history = History(LOST)
    history.pay()
    history.refund()
    history.refund()

    assert history.found() == []


def test_two_equal_refunds_with_replies_are_not_a_finding() -> None:
    """Two returned items may cost the same."""
    history = History()
    history.pay()
    history.refund(amount=500)
    history.refund(amount=500)

    assert history.found() == []


def test_refunds_of_different_amounts_are_not_a_finding() -> None:
    """This holds although the first reply was lost."""
    history = History(LOST)
    history.pay()
    history.refund(amount=500)
    history.refund(amount=400)

    assert history.found() == []
