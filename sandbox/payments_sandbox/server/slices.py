"""Owns how a server lets others go first: between slices of long work, and until it is time."""

import asyncio
from typing import TypeVar

from payments_sandbox.core.slices import Slices

T = TypeVar("T")


async def pause(seconds: float) -> None:
    """Sleep for wall seconds: for work of the server that is done again and again."""
    await asyncio.sleep(seconds)  # noqa: TID251 - of the server, and of no world


async def run_in_slices(work: Slices[T]) -> T:
    """Run long work to its result, letting other requests be served at each of its yields."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)  # noqa: TID251 - it waits for no time, only lets others go first
