"""Owns the sending of the deliveries in worlds' outboxes: in which order, and how many at once.

How a delivery leaves:

1. `release` pops what is due in a world's outbox and puts it into queues, one for each endpoint.
   What an API call has popped itself is released when its reply has been written.
2. A queue has workers: up to `MAX_PER_ENDPOINT`, each with one attempt in flight. A queue has only
   one worker if its endpoint has not answered yet, or did not answer the last attempt, or if some
   of its deliveries must arrive in order.
3. Attempts to slow and silent endpoints share one limit of `MAX_IN_FLIGHT`, all others another.
   So slow endpoints never delay quick ones.
4. A worker posts, records the result, and takes the next delivery that has not ended meanwhile.
5. `settle` releases, and waits until everything queued or in flight has been attempted once more.
   Webhooks that receivers cause by their own calls are waited for, too, `MAX_FOLLOW_UPS` steps
   deep: otherwise a receiver that always causes another one would hold it up forever.
6. If a world is forgotten, its workers are cancelled, and their attempts are not recorded.
7. A server that stops, or lets a world go, begins no attempt; those in flight have `GRACE` seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import SECOND
from payments_sandbox.server.metrics import Metrics
from payments_sandbox.server.webhooks.endpoint_queue import EndpointQueue
from payments_sandbox.world.clock import WallClock
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # a server without webhooks never imports these modules
    from payments_sandbox.verification.failure_tally import FailureTally
    from payments_sandbox.webhooks.delivery import (
        AttemptResult,
        Delivery,
        DeliveryAttempt,
        WebhookRequest,
    )
    from payments_sandbox.webhooks.endpoint import Endpoint
    from payments_sandbox.webhooks.world_webhooks import Webhooks

MAX_PER_ENDPOINT: Final = 8
"""Attempts in flight to one endpoint, at most."""

MAX_IN_FLIGHT: Final = 128
"""Attempts in flight from one server to quick endpoints, at most, and as many to slow ones."""

GRACE: Final = 0.4
"""Wall seconds that attempts in flight have to end when a server stops, of one second in all."""

_KEPT_WAITING: Final = (
    "; meanwhile, a request to advance the clock waited for this answer: a receiver that makes one"
    " while it handles a webhook waits for itself"
)

MAX_FOLLOW_UPS: Final = 4
"""How often `settle` waits for further webhooks that the previous ones have caused."""


class Sender(Protocol):
    """Posts webhooks over the network."""

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> "AttemptResult":
        """Return the answer, or why there was none; never raise for what a receiver does."""

    async def close(self) -> None:
        """Close every connection."""


LogAttempt = Callable[[World, "Delivery", "DeliveryAttempt"], None]
"""Called with each attempt that has ended."""


class MadeAttempt(NamedTuple):
    """An attempt that has ended, with its delivery."""

    delivery: "Delivery"
    attempt: "DeliveryAttempt"


class Dispatcher:
    """Sends deliveries, with a few workers for each endpoint that has deliveries waiting.

    Args:
        make_sender: called once, when the first webhook is to be sent over the network.
        wall: returns the real time.
        on_attempt: called with the world after each attempt in it.
        metrics: counts the outcomes of attempts.
        tally: counts the failures that attempts meet; None to not count.
        log_attempt: called with each attempt once its outcome is recorded.

    Attributes:
        before_attempt: awaited before each attempt, if given; the attempt is made only if true.
    """

    before_attempt: Callable[[World], Awaitable[bool]] | None = None
    event_type: ClassVar[type[asyncio.Event]] = asyncio.Event

    def __init__(  # noqa: PLR0913 - the parts of a dispatcher, each by its name
        self,
        make_sender: Callable[[], Sender],
        wall: WallClock,
        on_attempt: Callable[[World], None],
        metrics: Metrics,
        tally: "FailureTally | None" = None,
        log_attempt: LogAttempt | None = None,
    ) -> None:
        self._make_sender = make_sender
        self._sender: Sender | None = None
        self._wall = wall
        self._on_attempt = on_attempt
        self._metrics = metrics
        self._tally = tally
        self._log_attempt = log_attempt
        self._is_closed = False
        self._queues: dict[World, dict[str, EndpointQueue]] = {}
        self._settling: list[_Settling] = []
        self._quick, self._slow = asyncio.Semaphore(MAX_IN_FLIGHT), asyncio.Semaphore(MAX_IN_FLIGHT)

    def __len__(self) -> int:
        return sum(
            len(each.workers) for queues in self._queues.values() for each in queues.values()
        )

    def release(self, world: World, popped: "Iterable[Delivery]" = ()) -> None:
        """Send what has become due in a world.

        Args:
            world: the world whose outbox is released.
            popped: deliveries that the caller has popped from it earlier; they go first.
        """
        if (webhooks := world.webhooks) is None or self._is_closed:
            return
        for delivery in chain(popped, webhooks.outbox.pop()):
            if not delivery.is_pending:
                continue  # it has ended meanwhile: its world, say, must not be kept alive
            queues = self._queues.setdefault(world, {})
            if (queue := queues.get(delivery.endpoint_id)) is None:
                queue = queues[delivery.endpoint_id] = EndpointQueue()
            queue.append(delivery)
        for queue in self._queues.get(world, {}).values():
            if queue.waiting:
                self._start_workers(world, webhooks, queue)

    async def send_first(self, world: World, deliveries: "Iterable[Delivery]") -> None:
        """Attempt these deliveries at once, ahead of the queues, and wait until they end."""
        if (webhooks := world.webhooks) is not None and not self._is_closed:
            await asyncio.gather(*(self._attempt(world, webhooks, each) for each in deliveries))
            self._on_attempt(world)

    async def settle(self, world: World, blocked: Collection[int] = ()) -> list[MadeAttempt]:
        """Send what is due in a world, and wait for those attempts and the ones that they cause.

        Args:
            world: the world whose webhooks are sent.
            blocked: ports of receivers that cannot answer before this call has returned.

        Returns:
            The attempts that have ended meanwhile in this world, in the order in which they ended.
        """
        settling = _Settling(world, self.event_type())
        self._settling.append(settling)
        try:
            for _ in range(MAX_FOLLOW_UPS):
                self.release(world)
                if not (waiting := self._under_way(world)):
                    break
                if blocked:
                    refuse_to_wait(_urls(world, [each for each, _ in waiting]), blocked)
                await self._until_attempted(settling, waiting)
        finally:
            self._settling.remove(settling)
        return settling.attempts

    def urls_in_flight(self, world: World) -> dict[tuple[int, int], str]:
        """Return the URLs of webhooks in flight over the network, by delivery and attempt."""
        queues = self._queues.get(world, {}).values()
        return {
            (each.number, len(each.attempts)): url
            for queue in queues
            for each in queue.in_flight
            for url in _urls(world, [each])
        }

    def forget(self, world: World) -> None:
        """Cancel what is in flight and forget what waits: the world is gone, or was reset."""
        for task in self._running(world):
            task.cancel()
        self._queues.pop(world, None)
        self._wake_settling(world)
        if world.webhooks is not None:
            world.webhooks.outbox.forget_deliveries()

    def is_busy(self, world: World) -> bool:
        """Whether any delivery of a world is queued or in flight."""
        return any(each.waiting or each.workers for each in self._queues.get(world, {}).values())

    async def let_go(self, world: World, grace: float = GRACE) -> None:
        """Begin no more attempts of a world, and let those that are in flight end.

        Args:
            world: a world that moves to another process, with its queued and cancelled deliveries.
            grace: seconds until attempts that are still in flight are cancelled.
        """
        for queue in self._queues.get(world, {}).values():
            queue.clear()
        await _end(list(self._running(world)), grace)
        self._queues.pop(world, None)
        self._wake_settling(world)

    async def close(self, grace: float = GRACE) -> None:
        """Begin no more attempts, and let those that are in flight end.

        Queued deliveries stay pending. A cancelled attempt may have reached its receiver, and is
        made again by a server that takes over the state.

        Args:
            grace: seconds until attempts that are still in flight are cancelled.
        """
        self._is_closed = True
        for queues in self._queues.values():
            for queue in queues.values():
                queue.clear()
        await _end([task for world in self._queues for task in self._running(world)], grace)
        self._queues.clear()
        if self._sender is not None:
            await self._sender.close()

    def _running(self, world: World) -> Iterator[asyncio.Task[None]]:
        for queue in self._queues.get(world, {}).values():
            yield from queue.workers

    # Settling

    def _under_way(self, world: World) -> "list[tuple[Delivery, int]]":
        """Return what is in flight or queued, with its attempts, in about the order of ending."""
        queues = list(self._queues.get(world, {}).values())
        in_flight = [each for queue in queues for each in queue.in_flight]
        waiting = [each for queue in queues for each in queue.waiting]
        return [(each, len(each.attempts)) for each in in_flight + waiting]

    async def _until_attempted(
        self, settling: "_Settling", waiting: "list[tuple[Delivery, int]]"
    ) -> None:
        """Wait until each delivery was attempted once more, or has ended."""
        while any(queue.busy for queue in self._queues.get(settling.world, {}).values()):
            # From the end: when the last one has ended, so have most others, so few are rechecked.
            while waiting and self._has_ended(settling.world, *waiting[-1]):
                waiting.pop()
            if not waiting:
                return
            settling.woken.clear()
            await settling.woken.wait()

    def _has_ended(self, world: World, delivery: "Delivery", attempts: int) -> bool:
        """Whether a delivery has more than `attempts` attempts, or will have no more."""
        if len(delivery.attempts) > attempts:
            return True
        queue = self._queues.get(world, {}).get(delivery.endpoint_id)
        return not delivery.is_pending and (queue is None or delivery not in queue.in_flight)

    def _wake_settling(self, world: World) -> None:
        for settling in self._settling:
            if settling.world is world:
                settling.woken.set()

    # Working

    def _start_workers(self, world: World, webhooks: "Webhooks", queue: "EndpointQueue") -> None:
        """Start as many workers for a queue as it can use."""
        room = (1 if queue.is_single else MAX_PER_ENDPOINT) - queue.busy
        for _ in range(min(room, len(queue.waiting))):
            queue.busy += 1
            self._start(queue, self._work(world, webhooks, queue))

    def _start(self, queue: "EndpointQueue", work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        queue.workers.add(task)
        task.add_done_callback(queue.workers.discard)

    async def _work(self, world: World, webhooks: "Webhooks", queue: "EndpointQueue") -> None:
        """Attempt one delivery of the queue after another, until it is empty."""
        try:
            while not queue.is_crowded and (delivery := queue.pop()) is not None:
                queue.in_flight.add(delivery)
                try:
                    async with self._slow if queue.is_slow else self._quick:
                        attempt = await self._attempt(world, webhooks, delivery)
                finally:
                    queue.in_flight.discard(delivery)
                self._wake_settling(world)
                if attempt is None:
                    continue
                was_silent = queue.is_silent
                queue.notice(attempt.result)
                if was_silent and not queue.is_silent:
                    self._start_workers(world, webhooks, queue)
                self._on_attempt(world)
        finally:
            queue.busy -= 1  # no await after `is_crowded`: of several workers, the last one stays
            self._wake_settling(world)

    async def _attempt(
        self, world: World, webhooks: "Webhooks", delivery: "Delivery"
    ) -> "DeliveryAttempt | None":
        """Make an attempt; return None if the delivery has ended meanwhile, or was forgotten."""
        if self.before_attempt is not None and not await self.before_attempt(world):
            return None
        if not delivery.is_pending or self._is_closed:
            return None
        endpoint = webhooks.outbox.endpoints[delivery.endpoint_id]
        now, wall = world.clock.now(), self._wall()
        request = webhooks.request(delivery, endpoint, now=now, sent_at=wall)
        if self._tally is not None:
            self._tally.count_attempt(webhooks, delivery, request)
        # A call that starts to settle while the webhook is out may come from its own receiver.
        before = tuple(self._settling)
        result = await self._send(webhooks, endpoint, request)
        if result.duration_ms >= endpoint.timeout >= SECOND and any(
            each.world is world and each not in before for each in self._settling
        ):
            result = result._replace(error=f"{result.error}{_KEPT_WAITING}")
        # After a reset, numbers start again: another delivery may have this number now.
        if webhooks.outbox.get(delivery.number) is not delivery:
            return None
        attempt = webhooks.record(delivery, request, result, world.clock.now())
        self._metrics.count_attempt(delivery, attempt)
        if self._log_attempt is not None:
            self._log_attempt(world, delivery, attempt)
        for settling in self._settling:
            if settling.world is world:
                settling.attempts.append(MadeAttempt(delivery, attempt))
        return attempt

    async def _send(
        self, webhooks: "Webhooks", endpoint: "Endpoint", request: "WebhookRequest"
    ) -> "AttemptResult":
        if request.dropped_by is not None:
            await _let_others_run()
            return webhooks.drop(request)
        if endpoint.inbox is not None:
            await _let_others_run()
            return webhooks.deliver_to_inbox(endpoint.inbox, request)
        if self._sender is None:
            self._sender = self._make_sender()
        return await self._sender.post(
            endpoint.url, headers=request.headers, body=request.body, timeout_ms=endpoint.timeout
        )


def _urls(world: World, deliveries: "Iterable[Delivery]") -> Iterator[str]:
    """Return the URLs of deliveries over the network, without endpoints that were deleted."""
    endpoints = world.open_webhooks().outbox.endpoints
    found = (endpoints.get(each.endpoint_id) for each in deliveries)
    return (each.url for each in found if each is not None and each.inbox is None)


def refuse_to_wait(urls: Iterable[str], blocked: Collection[int]) -> None:
    """Refuse to wait for a receiver on this machine that cannot answer meanwhile.

    Raises:
        InvalidRequest: one of the URLs has a blocked port.
    """
    from payments_sandbox.webhooks.target_policy import loopback_port  # noqa: PLC0415 - most have none

    for url in urls:
        if loopback_port(url) in blocked:
            raise InvalidRequest(
                f"/: this call waits for {url} to answer a webhook, and keeps it from answering: it"
                " blocks the receiver's event loop, or is made in its handler. Await the client of"
                " sandbox.async_client() outside the handler, or call after it has answered."
            )


async def _end(tasks: Collection[asyncio.Task[None]], grace: float) -> None:
    """Wait for tasks to end; cancel those that are still running after `grace` seconds."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)


async def _let_others_run() -> None:
    """Give other tasks a turn, as a socket would, so that a long queue holds up nothing else."""
    await asyncio.sleep(0)  # noqa: TID251 - no time passes


class _Settling:
    """A `settle` call that waits for a world's webhooks, and the attempts that ended meanwhile."""

    __slots__ = ("attempts", "woken", "world")

    def __init__(self, world: World, woken: asyncio.Event) -> None:
        self.world = world
        self.attempts: list[MadeAttempt] = []
        self.woken = woken
