"""A refund that was made again after its reply was lost."""

import pytest

from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import History, rules_of

LOST = rules_of("- {request: create_refund, do: [{drop: {commit: true}}]}")
CHARGED = rules_of(
    "- {request: create_refund, do: [{respond: {error: internal_error, commit: true}}]}"
)


@pytest.mark.parametrize("scene", [LOST, CHARGED], ids=["lost", "made but 500"])
def test_a_refund_made_again_after_a_lost_reply_is_found(scene: Scenario) -> None:
    """And it was blind, too."""
    history = History(scene)
    history.pay()
    ids = (history.refund(amount=500), history.refund(amount=500))

    assert history.found() == [("possible_double_refund", ids), ("blind_retry", ids)]
    assert history.findings()[0].message == (
        f"The refund of 500 of {history.payment()} may have been made 2 times."
    )


def test_a_refund_of_what_is_left_that_is_refused_the_second_time_is_no_finding() -> None:
    """Nothing was left, so nothing was given back twice."""
    history = History(LOST)
    history.pay()
    history.refund()
    history.refund()

    assert history.found() == []


def test_two_equal_refunds_with_replies_are_no_finding() -> None:
    """Two returned items may cost the same."""
    history = History()
    history.pay()
    history.refund(amount=500)
    history.refund(amount=500)

    assert history.found() == []


def test_refunds_of_different_amounts_are_no_repetitions() -> None:
    """Though the reply to the first was lost."""
    history = History(LOST)
    history.pay()
    history.refund(amount=500)
    history.refund(amount=400)

    assert history.found() == []
