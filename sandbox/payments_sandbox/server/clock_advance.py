"""Owns how time passes in a world: by timers while its clock is live, and by moves by hand.

A move by hand goes like this:

1. One caller at a time moves the clock of a world; others wait for their turn. A caller gives up
   if the one before it is stuck, waiting for a receiver that does not answer.
2. Webhooks in flight end first. Only then is the target computed, since it may depend on them.
3. The world goes to the next instant at which something is due, and runs what is due there. The
   webhooks due there are really sent, and have ended before the clock goes on: when a second
   attempt is due depends on the answer to the first.
4. Step 3 repeats until nothing is due before the target. The clock then stands at the target.
5. If the world is reset, restored or dropped meanwhile, its clock moves no further, and every
   caller that waits for it gets an error.
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
"""Wall seconds that a caller waits for its turn while the one before it makes no progress."""


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
        """Move a world's clock, and return everything that happened on the way, in order.

        Args:
            world: whose clock to move.
            target: returns the instant to move to; called once webhooks in flight have ended, and
                may raise.
            blocked: ports of receivers that cannot answer before this call has returned.

        Raises:
            InvalidRequest: the world was reset, restored or dropped meanwhile, or the call would
                wait for a receiver that itself waits for this call.
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
            # After `stop`, the world may have new turns, with other callers: those stay.
            if not turns.waiting and self._turns.get(world) is turns:
                del self._turns[world]

    def stop(self, world: World) -> None:
        """Stop every move of the world's clock: the world is gone, or was reset."""
        if (turns := self._turns.pop(world, None)) is not None:
            turns.is_over = True

    async def _take_turn(self, world: World, turns: "ClockTurns") -> None:
        """Wait until nobody else moves the clock.

        Raises:
            InvalidRequest: the current mover has waited for one receiver for longer than
                `PATIENCE`. That receiver may be the very caller that waits here, and then neither
                would ever continue.
        """
        if turns.waiting == 1:
            await turns.lock.acquire()  # free, so this works without an event loop, too
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
                        f"/: the clock is already advancing, and waits for {stuck[0]} to answer a"
                        " webhook. A receiver that advances the clock while it handles a webhook"
                        " waits for itself; let it answer first."
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
                await asyncio.sleep(0)  # noqa: TID251 - lets others run; more is due at this instant
                turns.check()
                continue
            made = await self._dispatcher.settle(world, blocked)
            turns.check()
            # Receivers answer in any order; the result has the same order in every run.
            made.sort(key=lambda each: each.delivery.number)
            happened += [_timeline_entry(world, each) for each in made]
        return happened


class ClockTurns:
    """The callers that move one world's clock: one holds the lock, the others wait for it."""

    __slots__ = ("is_over", "lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
        self.is_over = False

    def check(self) -> None:
        """Check that the world still is the one that the caller began to move.

        Raises:
            InvalidRequest: it was reset, restored or dropped meanwhile.
        """
        if self.is_over:
            raise InvalidRequest(
                "/: the world was reset, restored or dropped while its clock advanced;"
                " GET /_sandbox/clock shows its present clock."
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
    """Keeps one timer of the event loop for each live world that has something due.

    Args:
        on_fired: called with a world after its timer has run what was due; sets the next timer.
    """

    def __init__(self, on_fired: Callable[[World], None]) -> None:
        self._on_fired = on_fired
        self._timers: dict[World, tuple[Instant, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def set(self, world: World) -> None:
        """Set the world's timer to the next due instant; a frozen world has no timer."""
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
        world.catch_up_some()  # the next timer runs the rest, so that others are served in between
        self._on_fired(world)
