"""Owns what a world sends: its webhook endpoints, and one delivery for each event and endpoint.

Nothing is sent here. A delivery that is to be attempted waits in its endpoint's lane until the rim
takes it; the rim says what came of it, and the outbox decides what is next.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.delivery import (
    GONE,
    Attempt,
    Delivery,
    DeliveryStatus,
    Told,
    arranged,
)
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.retry_policy import asked_to_wait, next_attempt

KEPT: Final = 1_000
"""Finished deliveries a world remembers; a pending one is never dropped."""


class Outbox:
    """The endpoints and deliveries of one world.

    Attributes:
        endpoints: by id, in the order they were made.
        attempted: how many attempts there have been.
        dropped: how many finished deliveries are forgotten.
        windows: until when deliveries are held for an endpoint, by its id.
    """

    __slots__ = (
        "_deliveries", "_endpoint_ids", "_finished", "_fresh", "_ids", "_lanes", "_log", "_made",
        "_ordered", "_seed", "attempted", "count", "dropped", "endpoints", "windows",
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        self._endpoint_ids = IdSequence("we_", seed)
        self._ids = IdSequence("dlv_", seed)
        self._seed = seed
        self._made = 0
        self.endpoints: dict[str, Endpoint] = {}
        self._deliveries: dict[int, Delivery] = {}
        self.forget_deliveries()

    def forget_deliveries(self) -> None:
        """Forget every delivery and attempt; ids start again, endpoints stay."""
        for delivery in self._deliveries.values():
            delivery.status = DeliveryStatus.DISABLED  # whoever still holds it does not send it
        self._deliveries = {}
        self._finished: deque[int] = deque()
        self._lanes: dict[str, deque[Delivery]] = {}
        self._ordered: Counter[str] = Counter()
        self._fresh: list[Delivery] = []
        self.windows: dict[str, Instant] = {}
        self._log: deque[tuple[Delivery, Attempt]] = deque(maxlen=KEPT)
        self.count = self.attempted = self.dropped = 0

    # Endpoints

    def next_endpoint(self) -> tuple[int, str]:
        """The number and the id of the endpoint that `put` will be given next."""
        return self._made, self._endpoint_ids.nth(self._made)

    def put(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, new or changed; disabling it ends its deliveries."""
        self._made = max(self._made, endpoint.number + 1)
        self.endpoints[endpoint.id] = endpoint
        if not endpoint.enabled:
            self._end(endpoint.id)

    def remove(self, endpoint_id: str) -> None:
        """Forget an endpoint; its deliveries end."""
        del self.endpoints[endpoint_id]
        self._end(endpoint_id)

    def _end(self, endpoint_id: str) -> None:
        self._drop_lane(endpoint_id)
        for delivery in list(self._deliveries.values()):
            if delivery.endpoint_id == endpoint_id and delivery.is_pending:
                self._finish(delivery, DeliveryStatus.DISABLED)

    # Deliveries

    def queue(self, told: Told) -> None:
        """Make the deliveries of an event, to be attempted as soon as may be."""
        for delivery in self.make(told):
            self.ready(delivery)

    def make(self, told: Told) -> list[Delivery]:
        """Make a delivery for each endpoint that wants the event; a disabled one only logs it.

        Returns:
            those that are to be attempted, for the caller to say when: `ready` or `postpone`.
        """
        made = []
        for endpoint in self.endpoints.values():
            if endpoint.wants(told.type):
                delivery = self._new(told, endpoint.id, is_resend=False)
                if endpoint.enabled:
                    made.append(delivery)
                else:
                    self._finish(delivery, DeliveryStatus.DISABLED)
        return made

    def copy(self, delivery: Delivery) -> Delivery:
        """The same event to the same endpoint once more, treated alike."""
        copy = self._new(delivery.told, delivery.endpoint_id, is_resend=False)
        copy.applied = delivery.applied
        return copy

    def resend(self, told: Told, endpoints: Iterable[Endpoint]) -> list[Delivery]:
        """One more attempt to each endpoint, whatever came of earlier ones; it is not retried."""
        made = [self._new(told, endpoint.id, is_resend=True) for endpoint in endpoints]
        for delivery in made:
            self.ready(delivery)
        return made

    def ready(self, delivery: Delivery) -> None:
        """A delivery may be attempted."""
        delivery.next_at = None
        self._fresh.append(delivery)

    def window_end(self, endpoint_id: str, at: Instant, window: int) -> Instant:
        """When the deliveries that are held for an endpoint go out; the first opens the window."""
        end = self.windows.get(endpoint_id, at)
        if at >= end:
            end = self.windows[endpoint_id] = Instant(at + window)
        return end

    def retry(self, number: int) -> None:
        """A delivery's next attempt is due."""
        self.ready(self._deliveries[number])

    def take_fresh(self) -> list[Delivery]:
        """What has become due since the last time, for its caller to `enqueue`."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def enqueue(self, deliveries: Iterable[Delivery]) -> None:
        """Put deliveries into their endpoints' lanes: they may be attempted now."""
        for delivery in arranged(deliveries, self._seed):
            if delivery.is_pending:
                self._lanes.setdefault(delivery.endpoint_id, deque()).append(delivery)
                self._ordered[delivery.endpoint_id] += delivery.order is not None

    def lanes(self) -> list[str]:
        """The endpoints that something waits for."""
        return [endpoint_id for endpoint_id, lane in self._lanes.items() if lane]

    def queued(self) -> list[Delivery]:
        """What waits in all lanes, lane by lane."""
        return [each for lane in self._lanes.values() for each in lane]

    def waiting(self, endpoint_id: str) -> int:
        """How many deliveries wait in an endpoint's lane."""
        return len(self._lanes.get(endpoint_id, ()))

    def is_ordered(self, endpoint_id: str) -> bool:
        """Whether what waits in a lane is to arrive one by one."""
        return self._ordered[endpoint_id] > 0

    def take(self, endpoint_id: str) -> Delivery | None:
        """The next delivery of a lane that is still to be attempted, taken out; None at its end."""
        lane = self._lanes.get(endpoint_id)
        while lane:
            delivery = lane.popleft()
            self._ordered[endpoint_id] -= delivery.order is not None
            if delivery.is_pending:
                return delivery
        self._drop_lane(endpoint_id)
        return None

    def _drop_lane(self, endpoint_id: str) -> None:
        self._lanes.pop(endpoint_id, None)
        self._ordered.pop(endpoint_id, None)

    def record(self, delivery: Delivery, attempt: Attempt, now: Instant) -> Instant | None:
        """Keep what came of an attempt; returns when the next is due, or None.

        Args:
            delivery: whose attempt it was; one that was ended meanwhile stays ended.
            attempt: the attempt.
            now: the virtual instant that the schedule counts from.
        """
        delivery.attempts.append(attempt)
        delivery.order = None
        self._log.append((delivery, attempt))
        self.attempted += 1
        if not delivery.is_pending:
            return None
        endpoint = self.endpoints[delivery.endpoint_id]
        answer = attempt.outcome.answer
        if attempt.outcome.error is None:
            self._finish(delivery, DeliveryStatus.DELIVERED)
        elif answer is not None and answer.status == GONE:
            self._finish(delivery, DeliveryStatus.DISABLED)
            self.put(replace(endpoint, enabled=False))
        else:
            delivery.next_at = None if delivery.is_resend else _next(endpoint, delivery, now)
            if delivery.next_at is None:
                self._finish(delivery, DeliveryStatus.FAILED)
        return delivery.next_at

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery of an id, or None when it never was or has been dropped."""
        number = self._ids.number_of(delivery_id)
        return None if number is None else self.get(number)

    def is_pending(self, number: int) -> bool:
        """Whether a delivery is there and has attempts to come."""
        found = self.get(number)
        return found is not None and found.is_pending

    def get(self, number: int) -> Delivery | None:
        """The delivery of a number, or None when it has been dropped or forgotten."""
        return self._deliveries.get(number)

    def newest_first(self, below: int | None = None) -> Iterator[Delivery]:
        """The deliveries that are kept, below a number or all."""
        for number in reversed(self._deliveries):
            if below is None or number < below:
                yield self._deliveries[number]

    def oldest_first(self) -> Iterator[Delivery]:
        """The deliveries that are kept."""
        return iter(self._deliveries.values())

    def attempts_since(self, number: int) -> list[tuple[Delivery, Attempt]]:
        """The attempts that are kept from a number on, in the order they ended."""
        first = self.attempted - len(self._log)
        return [self._log[n - first] for n in range(max(first, number), self.attempted)]

    def id_of(self, number: int) -> str:
        """The `dlv_…` id of a number."""
        return self._ids.nth(number)

    @property
    def finished(self) -> list[int]:
        """The finished deliveries that are kept, by number, in the order they ended."""
        return list(self._finished)

    @property
    def pending(self) -> int:
        """How many deliveries have attempts to come."""
        return sum(each.is_pending for each in self._deliveries.values())

    def restore(  # noqa: PLR0913 - each counter by its name
        self,
        deliveries: Iterable[Delivery],
        *,
        finished: Iterable[int],
        made: int,
        count: int,
        dropped: int,
        attempted: int,
        windows: dict[str, Instant],
    ) -> None:
        """Take over the deliveries and counters of a snapshot; endpoints come by `put`.

        Raises:
            ValueError: they contradict each other.
        """
        self._deliveries = {each.number: each for each in deliveries}
        self._finished = deque(finished)
        self._made, self.count = made, count
        self.dropped, self.attempted = dropped, attempted
        self.windows = windows
        ended = sorted(each.number for each in self._deliveries.values() if not each.is_pending)
        pending = [each for each in self._deliveries.values() if each.is_pending]
        if sorted(self._finished) != ended or len(ended) > KEPT:
            raise ValueError("the deliveries that ended are not those that are finished")
        if max(self._deliveries, default=-1) >= count or not self.endpoints.keys() >= {
            each.endpoint_id for each in pending
        }:
            raise ValueError("a delivery is of no endpoint, or was never made")
        if any(each.number >= made for each in self.endpoints.values()):
            raise ValueError("an endpoint was never made")
        self._fresh = [each for each in pending if each.next_at is None]

    def _new(self, told: Told, endpoint_id: str, *, is_resend: bool) -> Delivery:
        delivery = Delivery(self.count, told, endpoint_id, is_resend=is_resend)
        self.count += 1
        self._deliveries[delivery.number] = delivery
        return delivery

    def _finish(self, delivery: Delivery, status: DeliveryStatus) -> None:
        delivery.status = status
        delivery.next_at = None
        self._finished.append(delivery.number)
        if len(self._finished) > KEPT:
            del self._deliveries[self._finished.popleft()]
            self.dropped += 1


def _next(endpoint: Endpoint, delivery: Delivery, now: Instant) -> Instant | None:
    asked, last = None, delivery.attempts[-1]
    if (answer := last.outcome.answer) is not None:
        asked = asked_to_wait(answer.status, answer.retry_after, last.request.sent_at)
    return next_attempt(now, len(delivery.attempts), endpoint.delays, asked)
