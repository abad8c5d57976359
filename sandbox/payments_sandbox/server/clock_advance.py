"""Owns moving a world's clock: due instant by due instant, webhooks ending before time goes on."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import Instant
from payments_sandbox.server.webhooks.dispatcher import Dispatcher
from payments_sandbox.world.timeline_entries import TimelineEntry
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # a server without webhooks does without their modules
    from payments_sandbox.webhooks.delivery import Attempt, Delivery
    from payments_sandbox.webhooks.outbox import Outbox


class Walks:
    """One walk at a time for each world."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._lines: dict[World, _Line] = {}

    def __contains__(self, world: World) -> bool:
        return world in self._lines

    async def walk(self, world: World, target: Callable[[], Instant]) -> list[TimelineEntry]:
        """Move the clock; answers when all that became due has happened, in order.

        Args:
            world: whose clock.
            target: where to; asked once what is in flight has ended, and may refuse.

        Raises:
            InvalidRequest: the walk was stopped.
        """
        line = self._lines.setdefault(world, _Line())
        line.waiting += 1
        try:
            async with line.lock:
                return await self._walk(world, line, target)
        finally:
            line.waiting -= 1
            if not line.waiting and self._lines.get(world) is line:
                del self._lines[world]

    def stop(self, world: World) -> None:
        """Let nobody move the clock any further: the world is gone, or begins anew."""
        if (line := self._lines.pop(world, None)) is not None:
            line.is_over = True

    async def _walk(
        self, world: World, line: "_Line", target: Callable[[], Instant]
    ) -> list[TimelineEntry]:
        line.check()
        await self._dispatcher.settle(world)
        line.check()
        happened: list[TimelineEntry] = []
        for batch in world.advance(target()):
            happened += batch
            happened += await self._attempts(world)
            line.check()
        return happened

    async def _attempts(self, world: World) -> list[TimelineEntry]:
        """What came of the attempts that are due, in the order their deliveries were made."""
        if world.webhooks is None:
            return []
        outbox = world.webhooks.outbox
        due, logged = outbox.take_fresh(), outbox.attempted
        before = [len(delivery.attempts) for delivery in due]
        self._dispatcher.release(world, due)
        await self._dispatcher.settle(world)
        # The log has those that somebody else's call let happen, but it keeps only the last ones.
        ended = outbox.attempts_since(logged)
        for delivery, count in zip(due, before, strict=True):
            ended += [(delivery, attempt) for attempt in delivery.attempts[count:]]
        once = {id(attempt): (delivery, attempt) for delivery, attempt in ended}
        return list(_happenings(outbox, sorted(once.values(), key=lambda each: each[0].number)))


class _Line:
    """Those who want to move one world's clock: one does, the others wait."""

    __slots__ = ("is_over", "lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
        self.is_over = False

    def check(self) -> None:
        """Go no further when the world is not what it was.

        Raises:
            InvalidRequest: it was reset, restored or dropped meanwhile.
        """
        if self.is_over:
            raise InvalidRequest(
                "/: the world was reset, restored or dropped while its clock moved."
            )


def _happenings(
    outbox: "Outbox", ended: "Iterable[tuple[Delivery, Attempt]]"
) -> Iterator[TimelineEntry]:
    for delivery, attempt in ended:
        error = attempt.outcome.error
        yield TimelineEntry(
            attempt.request.at,
            "webhook.delivered" if error is None else "webhook.failed",
            delivery.told.payment_id,
            delivery.told.event_id,
            outbox.id_of(delivery.number),
            error,
        )
