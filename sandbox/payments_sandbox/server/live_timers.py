"""Owns the timers of live clocks: what falls due happens on time, without anybody asking."""

import asyncio
from collections.abc import Callable

from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.world import World


class LiveTimers:
    """One timer of the event loop for each live world that has something due.

    Args:
        on_fired: told of a world in which something has happened on time; it sets the next timer.
    """

    def __init__(self, on_fired: Callable[[World], None]) -> None:
        self._on_fired = on_fired
        self._timers: dict[World, tuple[Instant, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def set(self, world: World) -> None:
        """Set the world's timer for what is due next; a frozen world has none."""
        due = world.timeline.next_due
        if due is None or world.clock.mode is Mode.FROZEN:
            self.cancel(world)
            return
        if world in self._timers and self._timers[world][0] == due:
            return
        self.cancel(world)
        wait = max(0, due - world.clock.now()) / SECOND
        timer = asyncio.get_running_loop().call_later(wait, self._fire, world)
        self._timers[world] = due, timer

    def cancel(self, world: World) -> None:
        """Cancel the world's timer, if it has one."""
        if (timer := self._timers.pop(world, None)) is not None:
            timer[1].cancel()

    def cancel_all(self) -> None:
        """Cancel every timer."""
        for world in list(self._timers):
            self.cancel(world)

    def _fire(self, world: World) -> None:
        del self._timers[world]
        world.catch_up_some()  # the next timer is for the rest, and others come between
        self._on_fired(world)
