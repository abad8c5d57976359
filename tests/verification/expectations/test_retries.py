"""The expectation `retries`: number, spacing and equality of repeated calls."""

from collections.abc import Callable

import pytest

from payments_sandbox.core.instants import SECOND
from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History


def test_more_retries_than_allowed_are_reported() -> None:
    """The first of the similar calls is not counted; other calls do not matter."""
    history = History()
    for _ in range(3):
        history.pay()
        history.wait(SECOND)
    history.pay(amount=5)

    assert history.result_of(retries="create_payment", max=2) == ExpectationResult(
        met=True, observed="saw at most 2 retries of one call"
    )
    wrong = history.result_of(retries="create_payment", max=1)
    assert (wrong.met, wrong.observed.partition(":")[0]) == (
        False,
        "expected at most 1 retry, saw 2",
    )


@pytest.mark.parametrize(
    ("gaps", "spacing", "observed"),
    [
        ([1_000, 1_500], {"min": "1s", "growth": 1.5}, None),
        ([1_000, 1_400], {"growth": 1.5}, None),
        ([1_000, 999], {"min": "1s"}, "expected 1s between two calls, saw 999ms"),
        ([0, 5_000], {"min": "1s"}, "expected 1s between two calls, saw 0ms"),
        ([1_000, 1_000], {"growth": 1.5}, "expected gaps that grow by 1.5, saw 1s and then 1s"),
    ],
    ids=[
        "min and growth met",
        "growth met",
        "second gap below min",
        "first gap below min",
        "equal gaps",
    ],
)
@pytest.mark.parametrize("wait", [History.wait, History.advance], ids=["wall", "world"])
def test_spacing_uses_the_clock_that_advanced_further(
    gaps: list[int],
    spacing: dict[str, object],
    observed: str | None,
    wait: Callable[[History, int], None],
) -> None:
    """That is wall time in a frozen world, and the world's time in a test without waiting."""
    history = History(frozen=True)
    history.pay()
    for gap in gaps:
        wait(history, gap)
        history.pay()
    found = history.result_of(retries="create_payment", spacing=spacing)

    assert found.met is (observed is None)
    assert observed is None or found.observed.startswith(f"{observed}: req_")


def test_spacing_counts_from_the_arrival_of_a_held_call() -> None:
    """It is in the journal after a call that arrived five seconds later."""
    history = History(frozen=True)
    history.pay()
    history.wait(5 * SECOND)
    history.pay()
    first, second = history.world.journal.since(0)
    first.wall, second.wall = second.wall, first.wall
    found = history.result_of(retries="create_payment", spacing={"min": "5s"})

    assert found.met


def test_same_body_reports_a_retry_with_another_body() -> None:
    """The retry differs in a field that does not decide whether calls are similar."""
    same, changed = History(), History()
    for history, month in ((same, 12), (changed, 11)):
        history.pay()
        history.pay(exp_month=month)

    assert same.meets(retries="create_payment", same=["body"])
    assert changed.result_of(retries="create_payment", same=["body"]).observed.startswith(
        "expected the same body each time, saw it change: "
    )


def test_refunds_with_equal_path_and_body_are_retries() -> None:
    history = History()
    history.pay()
    for amount in (5, 5, 6):
        history.call("create_refund", {"amount": amount}, payment_id=history.payment())

    assert history.meets(retries="create_refund", max=1)
    assert not history.meets(retries="create_refund", max=0)


def test_reads_with_equal_path_and_query_are_retries() -> None:
    """A list with another filter is not a retry."""
    history = History()
    for query in ("customer_id=cust_a", "customer_id=cust_b", "customer_id=cust_a"):
        history.look(query)

    assert history.meets(retries="list_payments", max=1)
    assert not history.meets(retries="list_payments", max=0)
