"""Owns tests of tables: one test tries every row, and tells of each that fails.

To set up, report and end a test takes longer than to look at a row of most tables. What takes long,
needs fixtures of its own, or is of interest by itself, stays one: `pytest.mark.parametrize`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Test = Callable[..., Any]
"""A test, or a coroutine function that is one."""


def for_each(
    argument: str, rows: Iterable[T], *, show: Callable[[T], object] = repr
) -> Callable[[Test], Test]:
    """Let a test try each row of a table.

    Args:
        argument: the name under which the test takes a row; all others are fixtures.
        rows: the table, which may not be empty.
        show: how a row that fails is called.

    Raises:
        ExceptionGroup: from the test, with an error for each row that fails, which names it.
    """
    table = _Table(argument, list(rows), show)

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def try_each(**fixtures: object) -> None:
            for row in table:
                with table.collecting(row):
                    test(**fixtures, **{argument: row})
            table.tell()

        @functools.wraps(test)
        async def await_each(**fixtures: object) -> None:
            for row in table:
                with table.collecting(row):
                    await test(**fixtures, **{argument: row})
            table.tell()

        whole: Test = await_each if inspect.iscoroutinefunction(test) else try_each
        signature = inspect.signature(test)
        fixtures = [each for each in signature.parameters.values() if each.name != argument]
        # pytest asks the signature for fixtures, and would look for one of the argument's name.
        whole.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return whole

    return decorate


class _Table(Generic[T]):
    """Rows, and what has gone wrong with them."""

    def __init__(self, argument: str, rows: list[T], show: Callable[[T], object]) -> None:
        assert rows, "a table without rows holds nothing"
        self._argument = argument
        self._rows = rows
        self._show = show
        self._failures: list[Exception] = []

    def __iter__(self) -> Iterator[T]:
        self._failures = []
        return iter(self._rows)

    @contextmanager
    def collecting(self, row: T) -> Iterator[None]:
        """Keep what a row fails with; what pytest ends a test with ends it here, too."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the end
            error.add_note(f"{self._argument}: {self._show(row)}")
            self._failures.append(error)
        except BaseException as error:  # what was to raise did not, or the test's time is up
            error.add_note(f"{self._argument}: {self._show(row)}")
            raise

    def tell(self) -> None:
        """Fail if a row has."""
        if self._failures:
            of_all = f"{len(self._failures)} of {len(self._rows)} rows"
            raise ExceptionGroup(of_all, self._failures)
