"""Owns tests of tables: one test tries every row, and reports each that fails.

Setting up and reporting a test takes longer than checking a row of most tables. Rows that are slow,
need their own fixtures, or are of interest by themselves use `pytest.mark.parametrize`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Test = Callable[..., Any]
"""A test function, possibly a coroutine function."""


def for_each(
    argument: str | Sequence[str], rows: Iterable[T], *, show: Callable[[T], object] = repr
) -> Callable[[Test], Test]:
    """Make a test try each row of a table.

    Args:
        argument: the test's argument for the row, or those for its parts; all others are fixtures.
        rows: the table, which may not be empty.
        show: returns the name of a row that fails.

    Raises:
        ExceptionGroup: raised by the test, with an error for each row that fails.
    """
    arguments = (argument,) if isinstance(argument, str) else tuple(argument)
    table = _Table(", ".join(arguments), list(rows), show)

    def of(row: Any) -> dict[str, object]:  # noqa: ANN401 - of any type, or a sequence of parts
        parts = (row,) if isinstance(argument, str) else row
        return dict(zip(arguments, parts, strict=True))

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def try_each(**fixtures: object) -> None:
            for row in table:
                with table.collecting(row):
                    test(**fixtures, **of(row))
            table.tell()

        @functools.wraps(test)
        async def await_each(**fixtures: object) -> None:
            for row in table:
                with table.collecting(row):
                    await test(**fixtures, **of(row))
            table.tell()

        whole: Test = await_each if inspect.iscoroutinefunction(test) else try_each
        signature = inspect.signature(test)
        fixtures = [each for each in signature.parameters.values() if each.name not in arguments]
        # pytest reads fixtures from the signature, and would look for one with this name.
        whole.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return whole

    return decorate


class _Table(Generic[T]):
    """Rows and their failures."""

    def __init__(self, argument: str, rows: list[T], show: Callable[[T], object]) -> None:
        assert rows, "a table without rows verifies nothing"
        self._argument = argument
        self._rows = rows
        self._show = show
        self._failures: list[Exception] = []

    def __iter__(self) -> Iterator[T]:
        self._failures = []
        return iter(self._rows)

    @contextmanager
    def collecting(self, row: T) -> Iterator[None]:
        """Collect the failure of a row; exceptions with which pytest ends a test are raised."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - reported at the end
            error.add_note(f"{self._argument}: {self._show(row)}")
            self._failures.append(error)
        except BaseException as error:  # for example `pytest.fail`, or a timeout
            error.add_note(f"{self._argument}: {self._show(row)}")
            raise

    def tell(self) -> None:
        """Fail if a row has."""
        if self._failures:
            of_all = f"{len(self._failures)} of {len(self._rows)} rows"
            raise ExceptionGroup(of_all, self._failures)
