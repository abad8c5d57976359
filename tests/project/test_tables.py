"""A test of a table tries every row, and each that fails is told by its name."""

import pytest

from tests.support.tables import for_each


@for_each("number", [1, 2, 3, 4])
def even(number: int, rest: int) -> None:
    """A test that odd rows fail."""
    assert number % 2 == rest


@for_each("number", [1, 2, 3, 4], show=hex)
async def even_later(number: int, rest: int) -> None:
    """The same, awaited."""
    assert number % 2 == rest


def told(group: ExceptionGroup[Exception]) -> list[list[str]]:
    """What is said of each row."""
    return [error.__notes__ for error in group.exceptions]


def test_every_row_is_tried_and_each_that_fails_is_named() -> None:
    with pytest.raises(ExceptionGroup, match="2 of 4 rows") as caught:
        even(rest=0)

    assert told(caught.value) == [["number: 1"], ["number: 3"]]


async def test_rows_of_a_test_that_awaits_are_tried_as_well() -> None:
    with pytest.raises(ExceptionGroup, match="2 of 4 rows") as caught:
        await even_later(rest=1)

    assert told(caught.value) == [["number: 0x2"], ["number: 0x4"]]


def test_a_second_try_begins_anew() -> None:
    """What the first has found is not held against it."""
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="2 of 4 rows"):
            even(rest=0)


@for_each("number", [1])
@pytest.mark.parametrize("other", [1])
def test_a_row_goes_with_other_arguments(number: int, other: int) -> None:
    """Fixtures and parameters are taken as ever."""
    assert number == other


@for_each("text", ["x", "1"])
def refused(text: str) -> None:
    """A test that pytest fails at its second row."""
    with pytest.raises(ValueError, match="invalid literal"):
        int(text)


def test_a_row_at_which_pytest_ends_the_test_is_named() -> None:
    """Such as one where nothing is raised that should be, or where time is up."""
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE") as caught:
        refused()

    assert caught.value.__notes__ == ["text: '1'"]


def test_a_table_without_rows_is_refused() -> None:
    """It would pass, and hold nothing."""
    with pytest.raises(AssertionError, match="a table without rows"):
        for_each("number", [])
