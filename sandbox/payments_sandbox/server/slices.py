"""Owns how a server lets others go first: between slices of long work, and until it is time."""

import asyncio
from time import perf_counter
from typing import Final, TypeVar

from payments_sandbox.core.slices import Slices

T = TypeVar("T")

LONGEST: Final = 0.001
"""Wall seconds that long work goes on before others are let go first, at the next of its yields."""

MOST: Final = 16
"""Yields after which they are in any case, such as in a test that has stopped time."""


async def pause(seconds: float) -> None:
    """Sleep for wall seconds: for work of the server that is done again and again."""
    await asyncio.sleep(seconds)  # noqa: TID251 - of the server, and of no world


async def run_in_slices(work: Slices[T]) -> T:
    """Run long work to its result, letting other requests be served at its yields.

    Not at each of them: some are microseconds apart, and a turn of a busy loop takes milliseconds.
    """
    since, until = 0, perf_counter() + LONGEST
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
        since += 1
        if since == MOST or perf_counter() > until:
            await asyncio.sleep(0)  # noqa: TID251 - it waits for no time, only lets others go first
            since, until = 0, perf_counter() + LONGEST
