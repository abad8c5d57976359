"""Owns how tests run what works in steps: to its end, counting them."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def through(steps: Generator[None, None, T]) -> tuple[T, int]:
    """What comes of steps, and how many there were."""
    taken = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value, taken
        taken += 1
