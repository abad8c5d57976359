"""Owns the requests that wait on the wall clock, and what can end their wait early."""

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from payments_sandbox.world.world import World

CHECK_EVERY: Final = 0.05
"""Seconds between two looks whether the client is still there."""


class Sleepers:
    """Requests that wait on the wall clock, by world; dropping or resetting a world wakes them."""

    def __init__(self) -> None:
        self._alarms: dict[World, set[asyncio.Event]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._alarms.values()))

    def wake(self, world: World) -> None:
        """End every wait of a world."""
        for alarm in self._alarms.get(world, ()):
            alarm.set()

    def wake_all(self) -> None:
        """End every wait."""
        for world in self._alarms:
            self.wake(world)

    def alarm(self, world: World) -> asyncio.Event:
        """What is set when the waits of a world end, until somebody lets it `rest`."""
        alarm = asyncio.Event()
        self._alarms.setdefault(world, set()).add(alarm)
        return alarm

    def rest(self, world: World, alarm: asyncio.Event) -> None:
        """Nobody waits for this alarm any more."""
        alarms = self._alarms.get(world, set())
        alarms.discard(alarm)
        if not alarms:
            self._alarms.pop(world, None)

    async def sleep(self, request: web.BaseRequest, world: World, seconds: float) -> bool:
        """Wait; False when the client left or the world ended the wait before time was up."""
        alarm = self.alarm(world)
        try:
            return await _sleep(request, alarm, seconds)
        finally:
            self.rest(world, alarm)


async def _sleep(request: web.BaseRequest, alarm: asyncio.Event, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (transport := request.transport) is not None and not transport.is_closing():
        left = end - loop.time()
        if left <= 0:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left, CHECK_EVERY)):
                await alarm.wait()
                return False
    return False
