"""Owns background tasks: they run during a block of code and always end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

_AGAIN: Final = 0.1
"""Wall seconds after which a task that is still running is cancelled again."""


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while the block runs, and cancel it when the block ends.

    Raises:
        Exception: whatever `work` itself raised.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)
        if not task.cancelled():
            task.result()


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until all have ended.

    One `cancel()` may not be enough: it is lost if the task's result arrives in the same turn.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN)
