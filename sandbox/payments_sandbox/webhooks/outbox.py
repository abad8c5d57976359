"""Owns what a world sends: its webhook endpoints, and one delivery for each event and endpoint.

How a delivery goes, from event to end:

1. `schedule` makes a delivery for each endpoint that wants an event. It is due at once, or a rule
   delays it: then the world's timeline calls `make_due` at its instant. A disabled endpoint gets a
   delivery that has ended.
2. What is due waits in one queue. `pop` empties it, for whoever sends: the dispatcher, or an API
   call, which lets its own leave after its reply. From then on that is who holds the delivery.
3. `record` keeps what came of an attempt: delivered, or due again later (see `retry_policy`), or
   ended. It is the only way on for a delivery that was popped.
4. `resend` makes a delivery of an old event that is due at once and attempted once.
5. A pending delivery is at exactly one place: on the timeline, in the queue, or with who popped it.
   It is never dropped. Of those that have ended the last `KEPT` are remembered.
6. Disabling or removing an endpoint ends its deliveries wherever they are: they keep their place
   and are passed over. An attempt that is under way meanwhile is recorded and changes nothing.
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
"""Ended deliveries, and attempts, that a world remembers; a pending delivery is never dropped."""


class AttemptSchedule(Protocol):
    """Where attempts that are due later are planned: the timeline of the world."""

    def plan_attempt(self, due: Instant, delivery: int) -> None:
        """Call `Outbox.make_due` with the number of the delivery when that instant comes."""

    def forget_attempts(self, is_pending: Callable[[int], bool]) -> None:
        """Forget the attempts of all deliveries but those that are pending, by their number."""


class OutboxChanges:
    """What has changed in an outbox.

    Attributes:
        deliveries: those that are new or were changed, by number.
        ended: those that have ended, by number, in the order they did.
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
        seed: what ids are made of.
        schedule: where later attempts are planned.
        effects: what the rules do to the next attempt of a delivery.

    Attributes:
        endpoints: by id, in the order they were made.
        count: how many deliveries there have been.
        attempted: how many attempts there have been.
        dropped: how many deliveries that have ended are forgotten.
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
        """Forget every delivery and attempt; ids start again, endpoints stay."""
        for delivery in self._deliveries.values():
            delivery.status = DeliveryStatus.DISABLED  # whoever popped it does not send it
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
        """Return the number and the id of the endpoint that is made next."""
        return self._made, self._endpoint_ids.nth(self._made)

    def put(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, new or changed; disabling it ends its deliveries."""
        self._made = max(self._made, endpoint.number + 1)
        self.endpoints[endpoint.id] = endpoint
        if self._changes is not None:
            self._changes.has_endpoints = True
        if not endpoint.enabled:
            self._end_deliveries(endpoint.id)

    def remove(self, endpoint_id: str) -> None:
        """Forget an endpoint; its deliveries end."""
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
        """Make the deliveries of an event, due when the rules have it.

        Args:
            message: what the receivers are sent.
            at: when it happened, on the world's clock.
            select_rules: asked once for each delivery which rules apply to it.
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
        """Take out all deliveries that are due, in the order they are to be sent."""
        if not self._due:
            return []
        due, self._due = self._due, []
        return in_sending_order((each for each in due if each.is_pending), self._seed)

    def record(self, delivery: Delivery, attempt: DeliveryAttempt, failed_at: Instant) -> None:
        """Keep what came of an attempt, and plan the next one if there is to be one.

        Args:
            delivery: whose attempt it was; one that has ended meanwhile stays as it is.
            attempt: the attempt.
            failed_at: the instant that the schedule counts from if it failed.
        """
        delivery.attempts.append(attempt)
        # It has had its place in a window; a retry goes when it is due.
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
            # It ends with all others of the endpoint.
            self.put(replace(self.endpoints[delivery.endpoint_id], enabled=False))
        elif delivery.is_resend or (due := self._next_attempt(delivery, failed_at)) is None:
            self._finish(delivery, DeliveryStatus.FAILED)
        else:
            self._plan(delivery, Instant(due + self._effects(delivery).delay))

    def resend(self, message: EventMessage, endpoints: Iterable[Endpoint]) -> list[Delivery]:
        """Make one more delivery to each endpoint, whatever came of others; it is tried once."""
        made = [self._new(message, endpoint.id, is_resend=True) for endpoint in endpoints]
        self._due += made
        return made

    def make_due(self, number: int) -> None:
        """Let a delivery be attempted now: the instant that it was planned for has come."""
        delivery = self._deliveries[number]
        delivery.next_at = None
        self._mark(delivery)
        self._due.append(delivery)

    def _schedule_copies(self, delivery: Delivery, at: Instant) -> None:
        """Plan a delivery's first attempt, and its copies, as the rules have it."""
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
        """Return when a rule lets held deliveries go; the first of them opens the window."""
        end = self.windows.get(endpoint_id, at)
        if at >= end:
            end = self.windows[endpoint_id] = Instant(at + window)
        return end

    def _next_attempt(self, delivery: Delivery, failed_at: Instant) -> Instant | None:
        asked, last = None, delivery.attempts[-1]
        if (response := last.result.response) is not None:
            asked = retry_after_ms(response.status, response.retry_after, last.request.sent_at)
        delays = self.endpoints[delivery.endpoint_id].delays
        return next_attempt(failed_at, len(delivery.attempts), delays, asked)

    def _plan(self, delivery: Delivery, due: Instant) -> None:
        delivery.next_at = min(due, LAST)  # no clock goes further, and a delivery is never lost
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
        """Return the delivery of an id, or None when it is not known or has been dropped."""
        number = self._ids.number_of(delivery_id)
        return None if number is None else self.get(number)

    def get(self, number: int) -> Delivery | None:
        """Return the delivery of a number, or None when it has been dropped or forgotten."""
        return self._deliveries.get(number)

    def is_pending(self, number: int) -> bool:
        """Whether a delivery is there and has attempts to come."""
        found = self.get(number)
        return found is not None and found.is_pending

    def newest_first(self, below: int | None = None) -> Iterator[Delivery]:
        """Yield the deliveries that are kept, below a number or all."""
        # Numbers only grow, so they stand in the order in which they were put in.
        for number in reversed(self._deliveries):
            if below is None or number < below:
                yield self._deliveries[number]

    def oldest_first(self) -> Iterator[Delivery]:
        """Return the deliveries that are kept."""
        return iter(self._deliveries.values())

    def attempts_since(self, number: int) -> list[tuple[Delivery, DeliveryAttempt]]:
        """Return the attempts that are kept from a number on, in the order they ended."""
        first = self.attempted - len(self._log)
        return [self._log[n - first] for n in range(max(first, number), self.attempted)]

    def id_of(self, number: int) -> str:
        """Return the `dlv_…` id of a number."""
        return self._ids.nth(number)

    @property
    def finished(self) -> list[int]:
        """The deliveries that have ended and are kept, by number, in the order they ended."""
        return list(self._finished)

    @property
    def pending(self) -> int:
        """How many deliveries have attempts to come."""
        return sum(each.is_pending for each in self._deliveries.values())

    def take_changes(self) -> "OutboxChanges | None":
        """Take the changes since the last call; None if everything may have changed."""
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
        """Take over a snapshot; the timeline has the attempts that are planned."""
        self.endpoints = {each.id: each for each in endpoints}
        self._deliveries = {each.number: each for each in deliveries}
        self._finished = deque(finished)
        self._made, self.count = made, count
        self.dropped, self.attempted = dropped, attempted
        self.windows = windows
        # Who had popped some is not in a snapshot: what was in flight goes out again.
        pending = [each for each in self._deliveries.values() if each.is_pending]
        self._due = [each for each in pending if each.next_at is None]
