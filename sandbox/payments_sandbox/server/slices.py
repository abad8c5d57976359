"""Owns how the server yields to other requests: between slices of long work, and by sleeping."""

import asyncio
from time import perf_counter
from typing import Final, TypeVar

from payments_sandbox.core.slices import Slices

T = TypeVar("T")

LONGEST: Final = 0.001
"""Wall seconds that long work runs before other tasks get a turn, at its next yield."""

MOST: Final = 16
"""Yields after which other tasks get a turn in any case, as when a test has frozen time."""


async def pause(seconds: float) -> None:
    """Sleep for wall seconds, in work that the server repeats periodically."""
    await asyncio.sleep(seconds)  # noqa: TID251 - the server's own time, not a world's


async def run_in_slices(work: Slices[T]) -> T:
    """Run long work and return its result, while other requests are served at its yields.

    They are not served at every yield: some are microseconds apart, while a turn of a busy loop
    takes milliseconds.
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
            await asyncio.sleep(0)  # noqa: TID251 - waits for no time, only lets others run
            since, until = 0, perf_counter() + LONGEST
