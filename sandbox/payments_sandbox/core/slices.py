"""Owns long work in slices: generators that let others go first at each of their yields."""

from collections.abc import Callable, Generator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

Slices = Generator[None, None, T]
"""Work in slices of a few milliseconds; what it returns is what it has made."""

SLICE: Final = 250
"""Rows, such as payments, that one slice goes through."""


def finish(work: Slices[T]) -> T:
    """Do all of some work at once, where nobody else is served, and give what it has made."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            made: T = done.value
            return made


def rows_of(items: Iterable[Item], row: Callable[[Item], T]) -> Slices[list[T]]:
    """Make a row of each item, and yield before each slice of them."""
    rows: list[T] = []
    for place, item in enumerate(items):
        if place % SLICE == 0:
            yield
        rows.append(row(item))
    return rows


def discard(value: object) -> Slices[None]:
    """Empty a list, or the lists of an object, that nobody needs any more.

    To free a hundred thousand rows at once takes long.
    """
    for rows in value.values() if isinstance(value, dict) else (value,):
        while rows and isinstance(rows, list):
            del rows[-SLICE:]
            yield
