"""Owns work that goes on beside other work: when it ends, and that it does."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

_AGAIN: Final = 0.1
"""Wall seconds after which what has not ended is cancelled once more."""


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do work beside the block, and end it with the block; raises what it has raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)
        if not task.cancelled():
            task.result()


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until they have ended: where an answer just comes, cancelling may fail."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN)
