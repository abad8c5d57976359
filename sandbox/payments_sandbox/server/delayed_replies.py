"""Owns the replies that wait on the wall clock, and what ends their wait early."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiohttp import web

from payments_sandbox.server.connection import is_half_closed, may_have_left
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

CHECK_EVERY: Final = 0.05
"""Wall seconds between two checks whether the client is still there."""


class HeldReply:
    """A reply that waits on the wall clock, until its time is up or the wait is ended early.

    Args:
        request: the request that it answers.
        entry: the request's journal entry, if that has to show that a client has left.
        ended: the event of the attribute below, if there is one already.
        is_sent_anyway: whether the wait continues when the client has closed its sending side,
            and so may have left.

    Attributes:
        request: the request that it answers.
        ended: set to end the wait early, such as when the world is dropped or reset.
    """

    __slots__ = ("_entry", "_is_sent_anyway", "ended", "request")

    def __init__(
        self,
        request: web.BaseRequest,
        entry: Entry | None = None,
        *,
        ended: asyncio.Event | None = None,
        is_sent_anyway: bool = True,
    ) -> None:
        self.request = request
        self.ended = asyncio.Event() if ended is None else ended
        self._entry = entry
        self._is_sent_anyway = is_sent_anyway

    def mark_abandoned(self) -> bool:
        """Journal the reply as abandoned; return whether it keeps waiting nevertheless."""
        if self._entry is not None:
            self._entry.abandon()
        return self._is_sent_anyway


class DelayedReplies:
    """The waiting replies of each world; dropping or resetting a world ends their wait."""

    def __init__(self) -> None:
        self._waiting: dict[World, set[HeldReply]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def wake(self, world: World) -> None:
        """End every wait of a world."""
        for reply in self._waiting.get(world, ()):
            reply.ended.set()

    def wake_all(self) -> None:
        """End every wait."""
        for world in self._waiting:
            self.wake(world)

    def notice(self, world: World) -> None:
        """Check which clients of a world have left, so that the journal is up to date."""
        for reply in self._waiting.get(world, ()):
            if may_have_left(reply.request):
                reply.mark_abandoned()

    def notice_all(self) -> None:
        """Check which clients of all worlds have left."""
        for world in self._waiting:
            self.notice(world)

    @contextlib.contextmanager
    def holding(self, world: World, reply: HeldReply) -> Iterator[HeldReply]:
        """Count a reply among the world's waiting ones until the block ends."""
        waiting = self._waiting.setdefault(world, set())
        waiting.add(reply)
        try:
            yield reply
        finally:
            waiting.discard(reply)
            if not waiting:
                del self._waiting[world]

    async def sleep(self, world: World, reply: HeldReply, seconds: float) -> bool:
        """Wait for wall seconds.

        Returns:
            False if the client left, or the world ended the wait, before the time was up.
        """
        with self.holding(world, reply):
            return await self.wait(reply, seconds)

    def wait_until(
        self, request: web.BaseRequest, world: World
    ) -> Callable[[float, bool], Awaitable[bool]]:
        """Return a function that waits, as `sleep` does, until so many ms from now have passed.

        Its second argument says whether something is sent after the wait.
        """
        started = self._time()

        async def wait(milliseconds: float, sends_more: bool) -> bool:  # noqa: FBT001 - called in one place only
            remaining = started + milliseconds / 1_000 - self._time()
            return await self.sleep(world, HeldReply(request, is_sent_anyway=sends_more), remaining)

        return wait

    def _time(self) -> float:
        return asyncio.get_running_loop().time()

    async def wait(self, reply: HeldReply, seconds: float) -> bool:
        """Wait as `sleep` does, but for no world: only `held.ended` can end the wait early."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        # Nothing signals that a client has left, so its transport is checked now and then.
        while (transport := reply.request.transport) is not None and not transport.is_closing():
            if is_half_closed(reply.request) and not reply.mark_abandoned():
                return False
            remaining = end - loop.time()
            if remaining <= 0:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, CHECK_EVERY)):
                    await reply.ended.wait()
                    return False
        return False
