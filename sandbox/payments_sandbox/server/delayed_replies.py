"""Owns the requests that wait on the wall clock, and what can end their wait early."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiohttp import web

from payments_sandbox.server.connection import is_half_closed, may_have_left
from payments_sandbox.world.world import World

CHECK_EVERY: Final = 0.05
"""Wall seconds between two looks whether the client is still there."""


class _Departure:
    """Asks once, where a client seems to have left, whether to wait for it all the same."""

    __slots__ = ("_answer", "_goes_on", "_request")

    def __init__(self, request: web.BaseRequest, goes_on: Callable[[], bool]) -> None:
        self._request = request
        self._goes_on = goes_on
        self._answer: bool | None = None

    def __call__(self) -> bool:
        if self._answer is None:
            self._answer = self._goes_on()
        return self._answer

    def notice(self) -> None:
        """Ask at once, if it has left."""
        if may_have_left(self._request):
            self()


class DelayedReplies:
    """Requests that wait on the wall clock, by world; dropping or resetting a world ends them."""

    def __init__(self) -> None:
        self._wake_events: dict[World, set[asyncio.Event]] = {}
        self._departures: dict[World, set[_Departure]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._wake_events.values()))

    def wake(self, world: World) -> None:
        """End every wait of a world."""
        for event in self._wake_events.get(world, ()):
            event.set()

    def wake_all(self) -> None:
        """End every wait."""
        for world in self._wake_events:
            self.wake(world)

    @contextlib.contextmanager
    def wake_event(self, world: World) -> Iterator[asyncio.Event]:
        """Give an event that is set when the waits of a world end, until the block does."""
        event = asyncio.Event()
        events = self._wake_events.setdefault(world, set())
        events.add(event)
        try:
            yield event
        finally:
            events.discard(event)
            if not events:
                del self._wake_events[world]

    def wait_until(
        self, request: web.BaseRequest, world: World
    ) -> Callable[[float, Callable[[], bool]], Awaitable[bool]]:
        """Give what waits until so many ms from now have passed, as `sleep` does."""
        started = self._time()

        async def wait(milliseconds: float, goes_on: Callable[[], bool]) -> bool:
            left = started + milliseconds / 1_000 - self._time()
            return await self.sleep(request, world, left, goes_on)

        return wait

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(
        self,
        request: web.BaseRequest,
        world: World,
        seconds: float,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Wait for wall seconds.

        Args:
            request: what is waited with.
            world: whose waits it is one of.
            seconds: how long.
            goes_on: asked once when the client has closed its sending side, and may have left:
                whether to wait all the same.

        Returns:
            False when the client left or the world ended the wait before time was up.
        """
        departure = _Departure(request, goes_on)
        departures = self._departures.setdefault(world, set())
        departures.add(departure)
        try:
            with self.wake_event(world) as event:
                return await self.wait(request, event, seconds, departure)
        finally:
            departures.discard(departure)
            if not departures:
                del self._departures[world]

    def notice(self, world: World) -> None:
        """See which clients of a world have left by now, so that what is told of them is so."""
        for departure in self._departures.get(world, ()):
            departure.notice()

    def notice_all(self) -> None:
        """See which clients of any world have left by now."""
        for world in self._departures:
            self.notice(world)

    async def wait(
        self,
        request: web.BaseRequest,
        wake_event: asyncio.Event,
        seconds: float,
        goes_on: Callable[[], bool],
    ) -> bool:
        """Wait as `sleep` does, until an event of the caller's own is set."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        was_half_closed = False
        # A client that goes away tells nobody, so its transport is looked at now and then.
        while (transport := request.transport) is not None and not transport.is_closing():
            if not was_half_closed and is_half_closed(request):
                was_half_closed = True
                if not goes_on():
                    return False
            left = end - loop.time()
            if left <= 0:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, CHECK_EVERY)):
                    await wake_event.wait()
                    return False
        return False
