"""Owns the sending of what worlds have in their outboxes: who goes next, and how many at once.

Each endpoint has a lane of its own. Its deliveries leave in order, up to `AT_ONCE` at a time; one
that has not answered yet, or did not the last time, gets one at a time until it does. Slow lanes
share a room of their own, so that however many there are, they delay nobody who is quick.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from payments_sandbox.world.clock import WallClock
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # a server without webhooks does without their modules
    from payments_sandbox.webhooks.delivery import Delivery, Outcome, Request
    from payments_sandbox.webhooks.endpoint import Endpoint
    from payments_sandbox.webhooks.world_webhooks import Webhooks

AT_ONCE: Final = 8
"""Attempts that are in flight to one endpoint."""

IN_A_ROOM: Final = 128
"""Attempts that are in flight from one server, to quick endpoints, and again to slow ones."""

SLOW: Final = 1_000
"""Wall milliseconds from which on an endpoint is slow; one that does not answer is, too."""

FOLLOWED: Final = 4
"""So many times `settle` waits for what its webhooks have led to: a receiver may answer one by a
call that sends another. Who never stops sending, or other clients, would hold it up for ever."""


class Sender(Protocol):
    """Posts webhooks over the network."""

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> "Outcome":
        """What came back, or why nothing did; never raises for what a receiver does."""

    async def close(self) -> None:
        """Close every connection."""


class _Underway(NamedTuple):
    """A delivery that is waited for, and its attempts so far; to hold itself would keep it all."""

    endpoint_id: str
    number: int
    attempts: int


class Dispatcher:
    """Sends deliveries, with a few workers for each lane that has something in it.

    Args:
        make_sender: called once, when something is to be sent over the network.
        wall: the real time.
        on_attempt: told of each world that an attempt has ended in.
    """

    def __init__(
        self,
        make_sender: Callable[[], Sender],
        wall: WallClock,
        on_attempt: Callable[[World], None],
    ) -> None:
        self._make_sender = make_sender
        self._sender: Sender | None = None
        self._wall = wall
        self._on_attempt = on_attempt
        self._is_closed = False
        self._lanes: dict[World, dict[str, _Lane]] = {}
        self._ends: dict[World, asyncio.Future[None]] = {}
        self._quick, self._slow = asyncio.Semaphore(IN_A_ROOM), asyncio.Semaphore(IN_A_ROOM)

    def __len__(self) -> int:
        return sum(len(lane.workers) for lanes in self._lanes.values() for lane in lanes.values())

    def release(self, world: World, held: "Iterable[Delivery]" = ()) -> None:
        """Send what has become due in a world, once the caller has done its part.

        Args:
            world: whose outbox.
            held: what the caller took from it, to be sent after something else.
        """
        if (webhooks := world.webhooks) is not None and not self._is_closed:
            webhooks.outbox.enqueue(held)
            webhooks.outbox.enqueue(webhooks.outbox.take_fresh())
            for endpoint_id in webhooks.outbox.lanes():
                self._man(world, webhooks, endpoint_id)

    async def send_first(self, world: World, deliveries: "Iterable[Delivery]") -> None:
        """Attempt these now, whatever else waits, and return when they have ended."""
        if (webhooks := world.webhooks) is not None and not self._is_closed:
            attempts = (self._attempt(world, webhooks, each) for each in deliveries)
            await asyncio.gather(*attempts)
            self._on_attempt(world)

    async def settle(self, world: World) -> None:
        """Send what is due in a world, and wait until it has ended, and what it has led to."""
        for _ in range(FOLLOWED):
            self.release(world)
            if not (waiting := self._underway(world)):
                return
            await self._ended(world, waiting)

    def forget(self, world: World) -> None:
        """Cancel what is in flight and forget what waits: the world is gone, or begins anew."""
        for task in self._running(world):
            task.cancel()
        self._lanes.pop(world, None)
        self._ends.pop(world, None)
        if world.webhooks is not None:
            world.webhooks.forget_deliveries()

    async def close(self) -> None:
        """Cancel everything; nothing is sent after it."""
        self._is_closed = True
        running = [task for world in self._lanes for task in self._running(world)]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if self._sender is not None:
            await self._sender.close()

    def _running(self, world: World) -> Iterator[asyncio.Task[None]]:
        for lane in self._lanes.get(world, {}).values():
            yield from lane.workers

    def _underway(self, world: World) -> list[_Underway]:
        """What is in flight or waits, in about the order it will end."""
        lanes = self._lanes.get(world, {})
        found = [each for lane in lanes.values() for each in lane.in_flight.values()]
        if world.webhooks is not None:
            found += world.webhooks.outbox.queued()
        return [_Underway(each.endpoint_id, each.number, len(each.attempts)) for each in found]

    def _has_ended(self, world: World, each: _Underway) -> bool:
        lane = self._lanes.get(world, {}).get(each.endpoint_id)
        found = None if lane is None else lane.in_flight.get(each.number)
        if found is None:
            found = None if world.webhooks is None else world.webhooks.outbox.get(each.number)
            if found is None or not found.is_pending:
                return True
        return len(found.attempts) > each.attempts

    def _tell_of_end(self, world: World) -> None:
        if (end := self._ends.pop(world, None)) is not None:
            end.set_result(None)

    async def _ended(self, world: World, waiting: list[_Underway]) -> None:
        """Wait until each has been attempted once more, or never will be."""
        while running := list(self._running(world)):
            while waiting and self._has_ended(world, waiting[-1]):
                waiting.pop()
            if not waiting:
                return
            end = self._ends.setdefault(world, asyncio.get_running_loop().create_future())
            await asyncio.wait([*running, end], return_when=asyncio.FIRST_COMPLETED)

    def _man(self, world: World, webhooks: "Webhooks", endpoint_id: str) -> None:
        """Give a lane as many workers as it can use."""
        lane = self._lanes.setdefault(world, {}).setdefault(endpoint_id, _Lane())
        is_single = lane.is_silent or webhooks.outbox.is_ordered(endpoint_id)
        room = (1 if is_single else AT_ONCE) - lane.busy
        for _ in range(min(room, webhooks.outbox.waiting(endpoint_id))):
            lane.busy += 1
            self._start(lane, self._work(world, webhooks, endpoint_id, lane))

    def _start(self, lane: "_Lane", work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        lane.workers.add(task)
        task.add_done_callback(lane.workers.discard)

    async def _work(
        self, world: World, webhooks: "Webhooks", endpoint_id: str, lane: "_Lane"
    ) -> None:
        """Attempt one delivery of the lane after another, until none waits."""
        try:
            while not lane.is_crowded and (delivery := webhooks.outbox.take(endpoint_id)):
                lane.in_flight[delivery.number] = delivery
                try:
                    async with self._slow if lane.is_slow else self._quick:
                        outcome = await self._attempt(world, webhooks, delivery)
                finally:
                    del lane.in_flight[delivery.number]
                self._tell_of_end(world)
                if outcome is None:
                    continue
                was_silent = lane.is_silent
                lane.notice(outcome)
                if was_silent and not lane.is_silent:
                    self._man(world, webhooks, endpoint_id)
                self._on_attempt(world)
        finally:
            lane.busy -= 1  # at once: of several that find it crowded, the last one stays

    async def _attempt(
        self, world: World, webhooks: "Webhooks", delivery: "Delivery"
    ) -> "Outcome | None":
        """What came of it; None when it has ended while it waited for room, or was forgotten."""
        if not delivery.is_pending:
            return None
        endpoint = webhooks.outbox.endpoints[delivery.endpoint_id]
        now, wall = world.clock.now(), self._wall()
        request = webhooks.request(delivery, endpoint, now=now, sent_at=wall)
        if request.dropped_by is not None:
            await _Turn()
            outcome = webhooks.lost(request)
        elif endpoint.inbox is None:
            outcome = await self._post(endpoint, request)
        else:
            await _Turn()  # as a socket would, so that a long lane holds nobody up
            outcome = webhooks.post_to_inbox(endpoint.inbox, request)
        if webhooks.outbox.get(delivery.number) is not delivery:
            return None
        webhooks.attempted(delivery, request, outcome, world.clock.now())
        return outcome

    async def _post(self, endpoint: "Endpoint", request: "Request") -> "Outcome":
        if self._sender is None:
            self._sender = self._make_sender()
        return await self._sender.post(
            endpoint.url, headers=request.headers, body=request.body, timeout_ms=endpoint.timeout
        )


class _Lane:
    """The workers of one endpoint, how many are at work, and how it took the last attempt."""

    __slots__ = ("busy", "in_flight", "is_silent", "is_slow", "workers")

    def __init__(self) -> None:
        self.workers: set[asyncio.Task[None]] = set()
        self.in_flight: dict[int, Delivery] = {}
        self.busy = 0
        self.is_silent = True
        self.is_slow = False

    def notice(self, outcome: "Outcome") -> None:
        """Remember how the endpoint took an attempt."""
        self.is_silent = outcome.answer is None
        self.is_slow = self.is_silent or outcome.duration_ms >= SLOW

    @property
    def is_crowded(self) -> bool:
        """Whether a worker is one too many."""
        return self.is_silent and self.busy > 1


class _Turn:
    """Lets everybody else have a turn of the loop."""

    def __await__(self) -> Generator[None]:
        yield
