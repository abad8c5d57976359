"""Owns tests of all rows of a table: each is tried, and those that fail are all told.

A row as a test of its own costs some milliseconds of pytest, which is more than many rows take.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

Row = TypeVar("Row")
P = ParamSpec("P")
T = TypeVar("T")


def each_of(
    rows: Iterable[Row], *, name: Callable[[Row], object] = str
) -> Callable[[Callable[Concatenate[Row, P], T]], Callable[P, T]]:
    """Let one test try every row, which is its first argument; the others are fixtures.

    Args:
        rows: the table.
        name: what a row is called where it fails.
    """
    table = list(rows)

    def decorate(test: Callable[Concatenate[Row, P], T]) -> Callable[P, T]:
        _, *fixtures = inspect.signature(test).parameters.values()

        def all_rows(*given: P.args, **fixtures: P.kwargs) -> None:
            with _failures() as failed:
                for row in table:
                    with failed(name(row)):
                        test(row, *given, **fixtures)

        async def all_rows_awaited(*given: P.args, **fixtures: P.kwargs) -> None:
            with _failures() as failed:
                for row in table:
                    with failed(name(row)):
                        await test(row, *given, **fixtures)  # type: ignore[misc]  # it is one

        every: Any = all_rows_awaited if inspect.iscoroutinefunction(test) else all_rows
        functools.update_wrapper(every, test)
        every.__signature__ = inspect.Signature(fixtures)  # of what pytest has to give
        assert table, "a table without rows shows nothing"
        return cast("Callable[P, T]", every)

    return decorate


@contextmanager
def _failures() -> Iterator[Callable[[object], AbstractContextManager[None]]]:
    failures: list[Exception] = []

    @contextmanager
    def row(name: object) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the others are tried, too
            error.add_note(f"Row: {name}")
            failures.append(error)

    yield row
    if failures:
        raise ExceptionGroup("rows that fail", failures)
