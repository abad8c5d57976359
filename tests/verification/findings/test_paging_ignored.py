"""A list that was left in the middle."""

import pytest

from tests.support.in_process import History


def with_payments(count: int) -> History:
    """A history of so many payments."""
    history = History()
    for amount in range(1, count + 1):
        history.pay(amount=amount)
    return history


@pytest.mark.parametrize(("query", "payments"), [("", 11), ("limit=100", 101)])
def test_a_list_of_everything_that_is_left_in_the_middle_is_found(
    query: str, payments: int
) -> None:
    """It has more, and nobody asks."""
    history = with_payments(payments)
    left = history.look(query)

    assert history.found() == [("paging_ignored", (left,))]


def test_a_list_of_few_on_purpose_is_no_finding() -> None:
    """Two for a demo are two."""
    history = with_payments(11)
    history.look("limit=2")

    assert history.found() == []


def test_a_list_that_is_read_to_its_end_is_no_finding() -> None:
    """Page by page, whatever the size of the next page."""
    history = with_payments(11)
    history.look()
    history.look(f"limit=5&starting_after={history.payment(1)}")

    assert history.found() == []
