"""The finding `paging_ignored`: a list that was not read to the end."""

import pytest

from tests.support.in_process import History


def with_payments(count: int) -> History:
    """Return a history with a number of payments."""
    history = History()
    for amount in range(1, count + 1):
        history.pay(amount=amount)
    return history


@pytest.mark.parametrize(("query", "payments"), [("", 11), ("limit=100", 101)])
def test_an_unfiltered_list_abandoned_with_more_pages_is_found(query: str, payments: int) -> None:
    history = with_payments(payments)
    left = history.look(query)

    assert history.found() == [("paging_ignored", (left,))]


def test_a_list_with_a_small_limit_is_not_a_finding() -> None:
    """The client asked for a few payments on purpose."""
    history = with_payments(11)
    history.look("limit=2")

    assert history.found() == []


def test_a_list_read_to_the_end_is_not_a_finding() -> None:
    """The next page may have another size."""
    history = with_payments(11)
    history.look()
    history.look(f"limit=5&starting_after={history.payment(1)}")

    assert history.found() == []
