"""Owns how time passes in a world: by a timer where its clock is live, and as it is moved by hand.

How a clock is moved by hand:

1. One caller at a time moves the clock of a world; others wait for their turn, unless the one
   before waits for a receiver that does not answer.
2. First, what is in flight ends. Only then is the target asked for, since it may depend on that.
3. The world goes to the next instant at which something is due, and does it. The webhooks that are
   due there are really sent, and have ended before the clock goes on: when the second attempt is
   due depends on the answer to the first.
4. So on until nothing is due before the target, where the clock then stands.
5. A world that is reset, restored or dropped meanwhile is moved no further, and all that wait for
   it are refused.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.server.webhooks.dispatcher import Dispatcher, MadeAttempt
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.timeline import TimelineEntry
from payments_sandbox.world.world import World

PATIENCE: Final = 1.0
"""Wall seconds that somebody waits for a turn while the one before gets no further."""


class ClockAdvancer:
    """Moves the clocks of worlds, each for one caller at a time."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._turns: dict[World, ClockTurns] = {}

    def __contains__(self, world: World) -> bool:
        return world in self._turns

    async def advance(
        self, world: World, target: Callable[[], Instant], blocked: Collection[int] = ()
    ) -> list[TimelineEntry]:
        """Move the clock; return all that became due and has happened, in order.

        Args:
            world: whose clock.
            target: where to; asked once what is in flight has ended, and may refuse.
            blocked: ports of receivers that cannot answer before this has returned.

        Raises:
            InvalidRequest: the world was reset, restored or dropped meanwhile, or it would wait for
                a receiver that waits for it.
        """
        turns = self._turns.setdefault(world, ClockTurns())
        turns.waiting += 1
        try:
            await self._take_turn(world, turns)
            try:
                return await self._advance(world, turns, target, blocked)
            finally:
                turns.lock.release()
        finally:
            turns.waiting -= 1
            # Others may wait with turns of their own by now: a stop has let go of these.
            if not turns.waiting and self._turns.get(world) is turns:
                del self._turns[world]

    def stop(self, world: World) -> None:
        """Let nobody move the clock any further: the world is gone, or begins anew."""
        if (turns := self._turns.pop(world, None)) is not None:
            turns.is_over = True

    async def _take_turn(self, world: World, turns: "ClockTurns") -> None:
        """Wait until nobody else moves the clock.

        Raises:
            InvalidRequest: who moves it waits for a receiver, and has not got on for a while. That
                receiver may be who asks, and then neither would ever go on.
        """
        if turns.waiting == 1:
            await turns.lock.acquire()  # alone, it waits for nothing and needs no event loop
            return
        while True:
            before = self._dispatcher.urls_in_flight(world)
            try:
                async with asyncio.timeout(PATIENCE):
                    await turns.lock.acquire()
            except TimeoutError:
                after = self._dispatcher.urls_in_flight(world)
                if stuck := [url for attempt, url in after.items() if attempt in before]:
                    raise InvalidRequest(
                        f"/: the clock is being moved, and waits for {stuck[0]} to answer a"
                        " webhook: a receiver that moves the clock while it handles one waits for"
                        " itself. Let it answer first."
                    ) from None
            else:
                return

    async def _advance(
        self,
        world: World,
        turns: "ClockTurns",
        target: Callable[[], Instant],
        blocked: Collection[int],
    ) -> list[TimelineEntry]:
        turns.check()
        await self._dispatcher.settle(world, blocked)
        turns.check()
        happened: list[TimelineEntry] = []
        start, end = world.clock.now(), target()
        world.clock.moves.append((start, end))
        for batch in world.advance(end):
            happened += batch
            if world.timeline.next_due == world.clock.now():
                await asyncio.sleep(0)  # noqa: TID251 - others come between; more is due at once
                turns.check()
                continue
            made = await self._dispatcher.settle(world, blocked)
            turns.check()
            # Receivers answer in any order; what has happened is told in the same one in every run.
            made.sort(key=lambda each: each.delivery.number)
            happened += [_timeline_entry(world, each) for each in made]
        return happened


class ClockTurns:
    """The callers that want to move one world's clock: one does, the others wait."""

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
                "/: the world was reset, restored or dropped while its clock moved;"
                " GET /_sandbox/clock shows the clock that it has now."
            )


def _timeline_entry(world: World, made: MadeAttempt) -> TimelineEntry:
    delivery, (request, result) = made
    return TimelineEntry(
        request.at,
        "webhook.delivered" if result.error is None else "webhook.failed",
        delivery.message.payment_id,
        delivery.message.event_id,
        world.open_webhooks().outbox.id_of(delivery.number),
        result.error,
    )


class LiveTimers:
    """One timer of the event loop for each live world that has something due.

    `on_fired` is told of a world in which something has happened on time, and sets the next.
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
