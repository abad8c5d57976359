"""Counts of expectations: an exact number or bounds, shown as text."""

from payments_sandbox.verification.expectations.counting import Count, parse_count, saw
from tests.support.in_process import History


def test_a_count_is_shown_as_text() -> None:
    """The report uses this text."""
    written = (1, {"min": 1}, {"max": 3}, {"min": 1, "max": 3})

    assert [str(parse_count(each)) for each in written] == [
        "1",
        "at least 1",
        "at most 3",
        "1 to 3",
    ]


def test_a_count_admits_values_within_its_bounds() -> None:
    """Both bounds are included."""
    counts = [Count(1, 1), Count(1), Count(most=3), Count(1, 3)]

    assert [count.admits(3) for count in counts] == [False, True, True, True]
    assert [count.admits(0) for count in counts] == [False, False, True, False]


def test_an_omitted_count_is_none() -> None:
    assert parse_count(None) is None


def test_a_count_is_exceeded_only_above_its_maximum() -> None:
    """The maximum itself is allowed."""
    assert [Count(most=3).is_exceeded_by(count) for count in (3, 4)] == [False, True]
    assert not Count(1).is_exceeded_by(100)


def test_count_and_total_must_both_be_met() -> None:
    """If one of them is omitted, any value is accepted for it."""
    history = History()
    history.pay(amount=200)
    history.pay(amount=300)
    expected: list[dict[str, object]] = [
        {"count": 2},
        {"count": 1},
        {"total": 500},
        {"total": {"max": 499}},
        {"count": 2, "total": 500},
        {"count": 2, "total": {"max": 499}},
        {"count": 1, "total": 500},
    ]

    met = [history.meets(payments={}, **each) for each in expected]
    assert met == [True, False, True, False, True, False, False]


def test_at_most_ten_ids_are_listed() -> None:
    ids = [f"pay_{number}" for number in range(11)]

    assert saw(ids[:10]) == f"saw 10: {', '.join(ids[:10])}"
    assert saw(ids) == f"saw 11: {', '.join(ids[:10])}, …"
    assert saw([]) == "saw none"
