"""Owns long work in slices: generators that let other work run at each `yield`."""

from collections.abc import Callable, Generator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

Slices = Generator[None, None, T]
"""Work in slices of a few milliseconds, whose return value is its result."""

SLICE: Final = 250
"""How many rows, such as payments, one slice processes."""


def finish(work: Slices[T]) -> T:
    """Do all of the work at once, if nobody else has to be served, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            made: T = done.value
            return made


def rows_of(items: Iterable[Item], row: Callable[[Item], T]) -> Slices[list[T]]:
    """Make a row of each item, yielding before each slice, and return the rows."""
    rows: list[T] = []
    for place, item in enumerate(items):
        if place % SLICE == 0:
            yield
        rows.append(row(item))
    return rows


def discard(value: object) -> Slices[None]:
    """Empty a list, or the lists of an object, that is no longer needed.

    It is done in slices because freeing a hundred thousand rows at once takes long.
    """
    for rows in value.values() if isinstance(value, dict) else (value,):
        while rows and isinstance(rows, list):
            del rows[-SLICE:]
            yield
