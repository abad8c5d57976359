"""Owns an event loop that never waits: once nothing is left to do, time jumps to the next timer.

So a minute of silence passes at once, and in the order in which it would have passed. The loop has
no self-pipe and so no descriptor; what is to run in another thread runs in this one.

Its time goes by ticks, of which floats are exact sums. Where time stands still, whoever is woken a
hair too early, looks, and waits for the rest of it, would do so for ever.
"""

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TICK: Final = 2.0**-20
"""Seconds, about one millionth; a power of two."""


class StillLoop(asyncio.SelectorEventLoop):
    """A loop of asyncio on time of its own."""

    def __init__(self) -> None:
        self._still = _Still()
        super().__init__(self._still)

    def time(self) -> float:
        """Seconds since the loop was made, as far as it has come."""
        return self._still.now

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call once as many seconds have passed, and not a hair earlier."""
        return self.call_at(self.time() + _on_a_tick(delay), callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at the next tick from then on."""
        return super().call_at(_on_a_tick(when), callback, *args, context=context)

    async def quiet(self) -> None:
        """Wait until nothing is left to do but to wait for a timer."""
        waiter = self.create_future()
        self._still.waiters.append(waiter)
        await waiter

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - asyncio's
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run it at once: nobody else would have a turn meanwhile."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the one who waits for it gets it
            future.set_exception(error)
        return future

    def _make_self_pipe(self) -> None:
        """No other thread wakes this loop."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        """There is nobody to wake."""


def _on_a_tick(seconds: float) -> float:
    return math.ceil(seconds / TICK) * TICK


class _Still(selectors.SelectSelector):
    """Stands where a loop waits for sockets: says who is quiet, or lets time jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waiters: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """No socket is ever ready.

        Raises:
            RuntimeError: there is nothing to wait for, so the wait would never end.
        """
        if timeout is not None and timeout <= 0:
            return []
        if self.waiters:
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self.waiters.clear()
        elif timeout is None:
            raise RuntimeError("nothing is going to happen in this sandbox any more")
        else:
            self.now += timeout
        return []
