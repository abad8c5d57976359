"""A count is an exact number or bounds, and is shown in words."""

from payments_sandbox.verification.expectations.counting import Count, parse_count


def test_a_count_is_shown_in_words() -> None:
    """As the report says what was expected."""
    written = (1, {"min": 1}, {"max": 3}, {"min": 1, "max": 3})

    assert [str(parse_count(each)) for each in written] == [
        "1",
        "at least 1",
        "at most 3",
        "1 to 3",
    ]


def test_a_count_admits_what_lies_within_its_bounds() -> None:
    """Both bounds are included."""
    counts = [Count(1, 1), Count(1), Count(most=3), Count(1, 3)]

    assert [count.admits(3) for count in counts] == [False, True, True, True]
    assert [count.admits(0) for count in counts] == [False, False, True, False]


def test_what_is_not_written_is_no_count() -> None:
    """Any number will do."""
    assert parse_count(None) is None
