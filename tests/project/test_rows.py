"""A test of a whole table tells every row that fails."""

import asyncio

import pytest

from tests.support.rows import each_of


def test_every_row_is_tried_and_those_that_fail_are_told() -> None:
    """By their names, with what was wrong with each."""
    tried: list[tuple[int, str]] = []

    @each_of([1, 2, 3, 4], name=lambda row: f"number {row}")
    def is_odd(row: int, tmp_path: str) -> None:
        tried.append((row, tmp_path))
        assert row % 2

    with pytest.raises(ExceptionGroup) as told:
        is_odd(tmp_path="a fixture")

    assert tried == [(row, "a fixture") for row in (1, 2, 3, 4)]
    assert [type(each) for each in told.value.exceptions] == [AssertionError] * 2
    notes = [each.__notes__ for each in told.value.exceptions]
    assert notes == [["Row: number 2"], ["Row: number 4"]]


def test_one_that_awaits_is_awaited() -> None:
    """For each row."""
    tried: list[str] = []

    @each_of(["a", "b"])
    async def is_awaited(row: str) -> None:
        tried.append(row)
        assert row != "b"

    with pytest.raises(ExceptionGroup) as told:
        asyncio.run(is_awaited())

    assert tried == ["a", "b"]
    assert len(told.value.exceptions) == 1


@each_of(["a", "b"])
def test_other_arguments_are_fixtures(row: str, request: pytest.FixtureRequest) -> None:
    """And the rows are no parameters of pytest."""
    assert row in "ab"
    assert request.node.name == "test_other_arguments_are_fixtures"


def test_a_table_without_rows_is_none() -> None:
    """Whoever looks for rows in a file may have found nothing."""
    with pytest.raises(AssertionError, match="a table without rows"):
        each_of([])(lambda _: None)
