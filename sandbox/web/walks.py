"""Owns moving a world's clock: due instant by due instant, webhooks ending before time goes on."""

import asyncio
from collections.abc import Callable

from sandbox.domain.instants import Instant
from sandbox.engine.happenings import Happening
from sandbox.engine.world import World
from sandbox.webhooks.dispatcher import Dispatcher


class Walks:
    """One walk at a time for each world."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._locks: dict[World, tuple[asyncio.Lock, int]] = {}

    async def walk(self, world: World, target: Callable[[], Instant]) -> list[Happening]:
        """Move the clock; answers when all that became due has happened, in order.

        Args:
            world: whose clock.
            target: where to; asked once what is in flight has ended, and may refuse.
        """
        lock, waiting = self._locks.get(world, (asyncio.Lock(), 0))
        self._locks[world] = lock, waiting + 1
        try:
            async with lock:
                return await self._walk(world, target)
        finally:
            lock, waiting = self._locks.pop(world)
            if waiting > 1:
                self._locks[world] = lock, waiting - 1

    async def _walk(self, world: World, target: Callable[[], Instant]) -> list[Happening]:
        await self._dispatcher.settle(world)
        happened: list[Happening] = []
        for batch in world.walk(target()):
            happened += batch
            happened += await self._attempts(world)
        return happened

    async def _attempts(self, world: World) -> list[Happening]:
        """What came of the attempts that are due, in the order their deliveries were made."""
        if world.webhooks is None:
            return []
        outbox = world.webhooks.outbox
        before = outbox.attempted
        await self._dispatcher.settle(world)
        ended = sorted(outbox.attempts_since(before), key=lambda each: each[0].number)
        return [
            Happening(
                attempt.request.at,
                "webhook.delivered" if attempt.outcome.error is None else "webhook.failed",
                delivery.told.payment_id,
                delivery.told.event_id,
                outbox.id_of(delivery.number),
                attempt.outcome.error,
            )
            for delivery, attempt in ended
        ]
