"""Owns how work that runs beside the loop is ended."""

import asyncio
from typing import Any, Final

_AGAIN: Final = 0.1
"""Wall seconds after which what has not ended is cancelled once more."""


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until they have ended: where an answer just comes, cancelling may fail."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN)
