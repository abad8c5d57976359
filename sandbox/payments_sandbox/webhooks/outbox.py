"""Owns what a world sends: its webhook endpoints, and one delivery for each event and endpoint.

The life of a delivery:

1. `schedule` makes a delivery for each endpoint that subscribes to an event. It is due at once,
   unless a rule delays it: then the world's timeline calls `make_due` at its instant. For a
   disabled endpoint, the delivery has ended from the start.
2. Due deliveries wait in one queue. `pop` empties it, on behalf of the sender: the dispatcher, or
   an API call, whose webhooks leave after its reply. The sender then holds the deliveries.
3. `record` stores the result of an attempt: the delivery has succeeded, is due again later (see
   `retry_policy`), or has failed. Nothing else may happen to a delivery that was popped.
4. `resend` makes a delivery of an old event, which is due at once and attempted once.
5. A pending delivery is in exactly one place: on the timeline, in the queue, or with the sender. It
   is never dropped. Of those that have ended, the last `KEPT` are remembered.
6. Disabling or removing an endpoint ends its deliveries, wherever they are: they stay in their
   place and are skipped. An attempt in progress is recorded, but changes nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import WebhookEffects
from payments_sandbox.webhooks.delivery import (
    GONE,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    EventMessage,
    in_sending_order,
)
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.retry_policy import next_attempt, retry_after_ms

KEPT: Final = 1_000
"""How many ended deliveries, and attempts, a world remembers; pending ones are never dropped."""


class AttemptSchedule(Protocol):
    """The plan of later attempts, which is the timeline of the world."""

    def plan_attempt(self, due: Instant, delivery: int) -> None:
        """Plan a call of `Outbox.make_due` with the number of the delivery at an instant."""

    def forget_attempts(self, is_pending: Callable[[int], bool]) -> None:
        """Forget the attempts of deliveries that are not pending."""


class OutboxChanges:
    """What has changed in an outbox.

    Attributes:
        deliveries: new and changed deliveries, by number.
        ended: the numbers of deliveries that have ended, in that order.
        has_endpoints: whether an endpoint was made, changed or removed.
    """

    __slots__ = ("deliveries", "ended", "has_endpoints")

    def __init__(self) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.ended: list[int] = []
        self.has_endpoints = False


class Outbox:
    """The endpoints and deliveries of one world.

    Args:
        seed: the seed of ids.
        schedule: plans later attempts.
        effects: returns what rules do to the next attempt of a delivery.

    Attributes:
        endpoints: the endpoints by id, in the order in which they were made.
        count: how many deliveries there have been.
        attempted: how many attempts there have been.
        dropped: how many ended deliveries are forgotten.
        windows: until when a rule holds the deliveries to an endpoint, by its id.
    """

    __slots__ = (
        "_changes", "_deliveries", "_due", "_effects", "_endpoint_ids", "_finished", "_ids", "_log",
        "_made", "_schedule", "_seed", "attempted", "count", "dropped", "endpoints", "windows",
    )  # fmt: skip

    def __init__(
        self, seed: int, schedule: AttemptSchedule, effects: Callable[[Delivery], WebhookEffects]
    ) -> None:
        self._seed = seed
        self._schedule = schedule
        self._effects = effects
        self._endpoint_ids = IdSequence("we_", seed)
        self._ids = IdSequence("dlv_", seed)
        self._made = 0
        self._changes: OutboxChanges | None = None
        self.endpoints: dict[str, Endpoint] = {}
        self._clear()

    def forget_deliveries(self) -> None:
        """Forget all deliveries and attempts; ids start again, and endpoints stay."""
        for delivery in self._deliveries.values():
            delivery.status = DeliveryStatus.DISABLED  # so that its sender does not send it
        self._clear()
        self._forget_attempts()

    def _clear(self) -> None:
        self._deliveries: dict[int, Delivery] = {}
        self._finished: deque[int] = deque()
        self._due: list[Delivery] = []
        self.windows: dict[str, Instant] = {}
        self._log: deque[tuple[Delivery, DeliveryAttempt]] = deque(maxlen=KEPT)
        self.count = self.attempted = self.dropped = 0
        self._changes = None

    # Endpoints

    def next_endpoint(self) -> tuple[int, str]:
        """Return the number and the id of the next endpoint."""
        return self._made, self._endpoint_ids.nth(self._made)

    def put(self, endpoint: Endpoint) -> None:
        """Store an endpoint, new or changed; disabling it ends its deliveries."""
        self._made = max(self._made, endpoint.number + 1)
        self.endpoints[endpoint.id] = endpoint
        if self._changes is not None:
            self._changes.has_endpoints = True
        if not endpoint.enabled:
            self._end_deliveries(endpoint.id)

    def remove(self, endpoint_id: str) -> None:
        """Remove an endpoint and end its deliveries."""
        del self.endpoints[endpoint_id]
        if self._changes is not None:
            self._changes.has_endpoints = True
        self._end_deliveries(endpoint_id)

    def _end_deliveries(self, endpoint_id: str) -> None:
        for delivery in list(self._deliveries.values()):
            if delivery.endpoint_id == endpoint_id and delivery.is_pending:
                self._finish(delivery, DeliveryStatus.DISABLED)
        self._forget_attempts()

    # The four verbs

    def schedule(
        self,
        message: EventMessage,
        at: Instant,
        select_rules: Callable[[], tuple[AppliedRule, ...]] = tuple,
    ) -> None:
        """Make the deliveries of an event, due when the rules say.

        Args:
            message: what is sent to the receivers.
            at: when the event happened, on the world's clock.
            select_rules: selects the rules for a delivery; called once for each.
        """
        wanted = [each for each in self.endpoints.values() if each.wants(message.type)]
        made = [(self._new(message, endpoint.id), endpoint) for endpoint in wanted]
        for delivery, endpoint in made:
            if not endpoint.enabled:
                self._finish(delivery, DeliveryStatus.DISABLED)
            elif applied := select_rules():
                delivery.applied = applied
                self._schedule_copies(delivery, at)
            else:
                self._due.append(delivery)

    def pop(self) -> list[Delivery]:
        """Remove all due deliveries from the queue, and return them in the order of sending."""
        if not self._due:
            return []
        due, self._due = self._due, []
        return in_sending_order([each for each in due if each.is_pending], self._seed)

    def record(self, delivery: Delivery, attempt: DeliveryAttempt, failed_at: Instant) -> None:
        """Store the result of an attempt, and plan the next one if there is one.

        Args:
            delivery: its delivery; if that has ended meanwhile, it stays as it is.
            attempt: the attempt.
            failed_at: the instant from which the retry schedule counts if it failed.
        """
        delivery.attempts.append(attempt)
        # Only the first attempt has a place in a window; a retry is sent when it is due.
        delivery.order = None
        self._log.append((delivery, attempt))
        self.attempted += 1
        self._mark(delivery)
        if not delivery.is_pending:
            return
        response = attempt.result.response
        if attempt.result.error is None:
            self._finish(delivery, DeliveryStatus.DELIVERED)
        elif response is not None and response.status == GONE:
            # It ends together with all others of the endpoint.
            self.put(replace(self.endpoints[delivery.endpoint_id], enabled=False))
        elif delivery.is_resend or (due := self._next_attempt(delivery, failed_at)) is None:
            self._finish(delivery, DeliveryStatus.FAILED)
        else:
            self._plan(delivery, Instant(due + self._effects(delivery).delay))

    def resend(self, message: EventMessage, endpoints: Iterable[Endpoint]) -> list[Delivery]:
        """Make one more delivery to each endpoint, whatever became of others; it is tried once."""
        made = [self._new(message, endpoint.id, is_resend=True) for endpoint in endpoints]
        self._due += made
        return made

    def make_due(self, number: int) -> None:
        """Put a delivery into the queue, because the instant of its planned attempt has come."""
        delivery = self._deliveries[number]
        delivery.next_at = None
        self._mark(delivery)
        self._due.append(delivery)

    def _schedule_copies(self, delivery: Delivery, at: Instant) -> None:
        """Plan a delivery's first attempt, and its copies, as the rules say."""
        effects = self._effects(delivery)
        for nth in range(effects.copies):
            each = self._copy(delivery) if nth else delivery
            each.is_before_reply = effects.before_reply
            due = Instant(at + effects.delay + nth * effects.gap)
            if effects.window is not None:
                each.order = effects.order
                due = self._window_end(each.endpoint_id, due, effects.window)
            if due > at:
                self._plan(each, due)
            else:
                self._due.append(each)

    def _window_end(self, endpoint_id: str, at: Instant, window: int) -> Instant:
        """Return when held deliveries are released; the first of them opens the window."""
        end = self.windows.get(endpoint_id, at)
        if at >= end:
            end = self.windows[endpoint_id] = Instant(at + window)
        return end

    def _next_attempt(self, delivery: Delivery, failed_at: Instant) -> Instant | None:
        requested_delay, last = None, delivery.attempts[-1]
        if (response := last.result.response) is not None:
            requested_delay = retry_after_ms(
                response.status, response.retry_after, last.request.sent_at
            )
        delays = self.endpoints[delivery.endpoint_id].delays
        return next_attempt(failed_at, len(delivery.attempts), delays, requested_delay)

    def _plan(self, delivery: Delivery, due: Instant) -> None:
        delivery.next_at = min(due, LAST)  # no clock goes further, and none may be lost
        self._mark(delivery)
        self._schedule.plan_attempt(delivery.next_at, delivery.number)

    def _forget_attempts(self) -> None:
        self._schedule.forget_attempts(self.is_pending)

    def _new(self, message: EventMessage, endpoint_id: str, *, is_resend: bool = False) -> Delivery:
        delivery = Delivery(self.count, message, endpoint_id, is_resend=is_resend)
        self.count += 1
        self._deliveries[delivery.number] = delivery
        self._mark(delivery)
        return delivery

    def _copy(self, delivery: Delivery) -> Delivery:
        copy = self._new(delivery.message, delivery.endpoint_id)
        copy.applied = delivery.applied
        return copy

    def _finish(self, delivery: Delivery, status: DeliveryStatus) -> None:
        delivery.status = status
        delivery.next_at = None
        self._mark(delivery)
        if self._changes is not None:
            self._changes.ended.append(delivery.number)
        self._finished.append(delivery.number)
        if len(self._finished) > KEPT:
            del self._deliveries[self._finished.popleft()]
            self.dropped += 1

    def _mark(self, delivery: Delivery) -> None:
        if self._changes is not None:
            self._changes.deliveries[delivery.number] = delivery

    # What is remembered

    def find(self, delivery_id: str) -> Delivery | None:
        """Return the delivery with an id, or None if it is unknown or has been dropped."""
        number = self._ids.number_of(delivery_id)
        return None if number is None else self.get(number)

    def get(self, number: int) -> Delivery | None:
        """Return the delivery with a number, or None if it has been dropped or forgotten."""
        return self._deliveries.get(number)

    def is_pending(self, number: int) -> bool:
        """Whether a delivery exists and is pending."""
        found = self.get(number)
        return found is not None and found.is_pending

    def newest_first(self, below: int | None = None) -> Iterator[Delivery]:
        """Yield the kept deliveries below a number, or all of them."""
        # Numbers only grow, so the order of insertion is the order of numbers.
        for number in reversed(self._deliveries):
            if below is None or number < below:
                yield self._deliveries[number]

    def oldest_first(self) -> Iterator[Delivery]:
        """Return the kept deliveries."""
        return iter(self._deliveries.values())

    def attempts_since(self, number: int) -> list[tuple[Delivery, DeliveryAttempt]]:
        """Return the kept attempts from a number on, in the order in which they ended."""
        first = self.attempted - len(self._log)
        return [self._log[n - first] for n in range(max(first, number), self.attempted)]

    def id_of(self, number: int) -> str:
        """Return the `dlv_…` id of the delivery with a number."""
        return self._ids.nth(number)

    @property
    def finished(self) -> list[int]:
        """The numbers of kept deliveries that have ended, in that order."""
        return list(self._finished)

    @property
    def pending(self) -> int:
        """How many deliveries are pending."""
        return sum(each.is_pending for each in self._deliveries.values())

    def take_changes(self) -> "OutboxChanges | None":
        """Return the changes since the last call; None if everything may have changed."""
        changes, self._changes = self._changes, OutboxChanges()
        return changes

    def restore(  # noqa: PLR0913 - each counter by its name
        self,
        endpoints: Iterable[Endpoint],
        deliveries: Iterable[Delivery],
        *,
        finished: Iterable[int],
        made: int,
        count: int,
        dropped: int,
        attempted: int,
        windows: dict[str, Instant],
    ) -> None:
        """Restore a snapshot; planned attempts are restored with the timeline."""
        self.endpoints = {each.id: each for each in endpoints}
        self._deliveries = {each.number: each for each in deliveries}
        self._finished = deque(finished)
        self._made, self.count = made, count
        self.dropped, self.attempted = dropped, attempted
        self.windows = windows
        # A snapshot does not contain senders, so deliveries in flight are sent again.
        pending = [each for each in self._deliveries.values() if each.is_pending]
        self._due = [each for each in pending if each.next_at is None]
