"""Owns the pace of live clocks: what falls due happens on time, without anybody asking."""

import asyncio
from collections.abc import Callable

from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.world import World


class Pacer:
    """One timer for each live world that has something due."""

    def __init__(self, on_happened: Callable[[World], None]) -> None:
        self._on_happened = on_happened
        self._timers: dict[World, tuple[Instant, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def watch(self, world: World) -> None:
        """Set the world's timer for what is due next; frozen worlds have none."""
        due = world.timeline.next_due
        if due is None or world.clock.mode is Mode.FROZEN:
            self.forget(world)
            return
        if world in self._timers and self._timers[world][0] == due:
            return
        self.forget(world)
        wait = max(0, due - world.clock.now()) / SECOND
        timer = asyncio.get_running_loop().call_later(wait, self._ring, world)
        self._timers[world] = due, timer

    def forget(self, world: World) -> None:
        """Stop the world's timer."""
        if (timer := self._timers.pop(world, None)) is not None:
            timer[1].cancel()

    def stop(self) -> None:
        """Stop every timer."""
        for world in list(self._timers):
            self.forget(world)

    def _ring(self, world: World) -> None:
        del self._timers[world]
        world.catch_up()
        self._on_happened(world)
        self.watch(world)
