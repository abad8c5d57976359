"""`for_each` tries every row of a table, and names each row that fails."""

import pytest

from tests.support.tables import for_each


@for_each("number", [1, 2, 3, 4])
def even(number: int, rest: int) -> None:
    """A test that fails for odd rows."""
    assert number % 2 == rest


@for_each("number", [1, 2, 3, 4], show=hex)
async def even_later(number: int, rest: int) -> None:
    """The same as a coroutine function."""
    assert number % 2 == rest


def told(group: ExceptionGroup[Exception]) -> list[list[str]]:
    """Return the notes of each failure."""
    return [error.__notes__ for error in group.exceptions]


def test_for_each_tries_every_row_and_names_those_that_fail() -> None:
    with pytest.raises(ExceptionGroup, match="2 of 4 rows") as caught:
        even(rest=0)

    assert told(caught.value) == [["number: 1"], ["number: 3"]]


async def test_for_each_works_for_async_tests() -> None:
    with pytest.raises(ExceptionGroup, match="2 of 4 rows") as caught:
        await even_later(rest=1)

    assert told(caught.value) == [["number: 0x2"], ["number: 0x4"]]


def test_failures_of_an_earlier_run_are_forgotten() -> None:
    """The second run counts only its own failures."""
    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="2 of 4 rows"):
            even(rest=0)


@for_each(("number", "rest"), [(1, 1), (2, 1), (3, 1)])
def odd(number: int, rest: int) -> None:
    """A test of rows with two parts that fails for even rows."""
    assert number % 2 == rest


def test_the_parts_of_a_row_are_separate_arguments() -> None:
    with pytest.raises(ExceptionGroup, match="1 of 3 rows") as caught:
        odd()

    assert told(caught.value) == [["number, rest: (2, 1)"]]


@for_each("number", [1])
@pytest.mark.parametrize("other", [1])
def test_for_each_can_be_combined_with_parametrize(number: int, other: int) -> None:
    """Fixtures and parameters work normally."""
    assert number == other


@for_each("text", ["x", "1"])
def refused(text: str) -> None:
    """A test that pytest fails at its second row."""
    with pytest.raises(ValueError, match="invalid literal"):
        int(text)


def test_a_row_at_which_pytest_fails_the_test_is_named() -> None:
    """For example if an expected exception is not raised, or the time is up."""
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE") as caught:
        refused()

    assert caught.value.__notes__ == ["text: '1'"]


def test_an_empty_table_raises() -> None:
    """The test would pass without verifying anything."""
    with pytest.raises(AssertionError, match="a table without rows"):
        for_each("number", [])
