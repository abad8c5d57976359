"""Owns what is due when: jobs as values, by instant, and in order of arrival at the same one."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from payments_sandbox.core.instants import Instant
from payments_sandbox.core.slices import Slices, finish, rows_of
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import Ledger

if TYPE_CHECKING:
    from payments_sandbox.rules.action import Action
    from payments_sandbox.webhooks.outbox import Outbox


class SettlePayment(NamedTuple):
    """A pending payment completes, or fails with a code; `rule` is the rule behind it."""

    payment: int
    failure: str | None
    rule: str = ""


class ActOnPayment(NamedTuple):
    """A rule carries out its action on a payment; None if the action concerns no payment."""

    payment: int | None
    action: "Action"
    rule: str


class RunTimedRule(NamedTuple):
    """An `at` rule is due and acts on every matching payment.

    Attributes:
        rule: its name.
        start: the position of the next payment to look at.
    """

    rule: str
    start: int = 0


class AttemptDelivery(NamedTuple):
    """A failed webhook is sent again."""

    delivery: int


Job = SettlePayment | ActOnPayment | RunTimedRule | AttemptDelivery


class Timeline:
    """A heap of jobs; tickets keep those of the same instant in order, also in snapshots."""

    __slots__ = ("_changed", "_due", "_ticket")

    def __init__(self) -> None:
        self._due: list[tuple[Instant, int, Job]] = []
        self._ticket = 0
        self._changed: dict[int, tuple[Instant, int, Job] | None] | None = None

    def plan(self, due: Instant, job: Job) -> None:
        """Add a job."""
        item = due, self._ticket, job
        heapq.heappush(self._due, item)
        if self._changed is not None:
            self._changed[self._ticket] = item
        self._ticket += 1

    @property
    def next_due(self) -> Instant | None:
        """When the next job is due, or None."""
        return self._due[0][0] if self._due else None

    def is_due(self, now: Instant) -> bool:
        """Whether the next job is due by now."""
        return bool(self._due) and self._due[0][0] <= now

    def pop(self) -> tuple[Instant, Job]:
        """Remove the next job and return it."""
        due, ticket, job = heapq.heappop(self._due)
        if self._changed is not None:
            self._changed[ticket] = None
        return due, job

    def upcoming(self, most: int) -> Iterator[tuple[Instant, Job]]:
        """Yield the next jobs in due order, without removing them."""
        for due, _, job in heapq.nsmallest(most, self._due):
            yield due, job

    def __len__(self) -> int:
        return len(self._due)

    def forget(self, is_meant: Callable[[Job], bool]) -> None:
        """Remove every job for which `is_meant` is true."""
        if self._changed is not None:
            self._changed.update((item[1], None) for item in self._due if is_meant(item[2]))
        self._due = [item for item in self._due if not is_meant(item[2])]
        heapq.heapify(self._due)

    def plan_attempt(self, due: Instant, delivery: int) -> None:
        """Plan the next attempt of a delivery."""
        self.plan(due, AttemptDelivery(delivery))

    def forget_attempts(self, is_pending: Callable[[int], bool]) -> None:
        """Remove the attempts of deliveries that are no longer pending."""
        self.forget(lambda job: isinstance(job, AttemptDelivery) and not is_pending(job.delivery))

    def clear(self) -> None:
        """Forget every job; tickets start again."""
        self._due.clear()
        self._ticket = 0
        self._changed = None

    def take_changes(self) -> dict[str, object] | None:
        """Return the jobs added or removed since the last call; None if all may have been."""
        changed, self._changed = self._changed, {}
        if changed is None:
            return None
        if not changed:
            return {}
        return {
            "ticket": self._ticket,
            "due": [_plain(*item) for item in changed.values() if item is not None],
            "gone": [ticket for ticket, item in changed.items() if item is None],
        }

    def snapshot(self) -> dict[str, object]:
        """Return every job as plain values, and the next ticket."""
        return finish(self.snapshotting())

    def snapshotting(self) -> Slices[dict[str, object]]:
        """Return every job and the next ticket in slices, as they are at the call."""
        return _snapshot(self._ticket, sorted(self._due))

    def restore(self, ticket: int, due: list[list[object]]) -> None:
        """Restore a snapshot.

        Raises:
            ValueError: a job is unknown.
        """
        self._ticket = ticket
        self._due = [_job(item) for item in due]
        heapq.heapify(self._due)


def _snapshot(ticket: int, due: list[tuple[Instant, int, Job]]) -> Slices[dict[str, object]]:
    return {"ticket": ticket, "due": (yield from rows_of(due, lambda item: _plain(*item)))}


def _plain(due: Instant, ticket: int, job: Job) -> list[object]:
    match job:
        case SettlePayment(payment, failure, rule):
            return [due, ticket, "settle", payment, failure, rule]
        case ActOnPayment(payment, action, rule):
            return [due, ticket, "act", payment, action.source(), rule]
        case RunTimedRule(rule, start):
            return [due, ticket, "timed_rule", rule, start]
        case AttemptDelivery(delivery):
            return [due, ticket, "attempt", delivery]
        case _:
            assert_never(job)


def _job(item: list[object]) -> tuple[Instant, int, Job]:
    match item:
        case [int(due), int(ticket), "settle", int(payment), None | str() as failure, str(rule)]:
            job = SettlePayment(payment, failure, rule)
            return Instant(due), ticket, job
        case [int(due), int(ticket), "act", None | int() as about, dict(source), str(rule)]:
            return Instant(due), ticket, _planned_action(about, source, rule)
        case [int(due), int(ticket), "timed_rule", str(rule), int(start)]:
            return Instant(due), ticket, RunTimedRule(rule, max(0, start))
        case [int(due), int(ticket), "attempt", int(delivery)]:
            return Instant(due), ticket, AttemptDelivery(delivery)
    raise ValueError("unknown job in the timeline")


def _planned_action(about: int | None, source: dict[str, object], rule: str) -> ActOnPayment:
    from payments_sandbox.rules.actions import parse_action  # noqa: PLC0415 - few snapshots have one

    return ActOnPayment(about, parse_action(source), rule)


class PendingReads:
    """The payments that settle after some reads.

    Attributes:
        waits: by payment, how many reads are left, and how it settles then.
    """

    __slots__ = ("_changed", "waits")

    def __init__(self) -> None:
        self.waits: dict[int, tuple[int, SettlePayment]] = {}
        self._changed: set[int] | None = None

    def add(self, reads: int, job: SettlePayment) -> None:
        """Let a payment settle at its nth read from now."""
        self.waits[job.payment] = reads, job
        if self._changed is not None:
            self._changed.add(job.payment)

    def read(self, payment: int) -> SettlePayment | None:
        """Count a read of a payment; if it was the last one, return how the payment settles."""
        if payment not in self.waits:
            return None
        reads_left, job = self.waits.pop(payment)
        if self._changed is not None:
            self._changed.add(payment)
        if reads_left <= 1:
            return job
        self.waits[payment] = reads_left - 1, job
        return None

    def clear(self) -> None:
        """Forget every payment."""
        self.waits.clear()
        self._changed = None

    def take_changes(self) -> dict[str, list[object] | None] | None:
        """Return the changes since the last call, by payment; None if all may have changed."""
        changed, self._changed = self._changed, set()
        if changed is None:
            return None
        waits = self.waits
        return {
            str(payment): self._row(*waits[payment]) if payment in waits else None
            for payment in sorted(changed)
        }

    def _row(self, reads_left: int, job: SettlePayment) -> list[object]:
        return [reads_left, job.failure, job.rule]

    def snapshot(self) -> dict[str, list[object]]:
        """Return the remaining reads, and how the payment then settles, by payment."""
        return {str(payment): self._row(*wait) for payment, wait in self.waits.items()}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Restore a snapshot."""
        for key, (reads_left, failure, rule) in snapshot.items():
            self.add(reads_left, SettlePayment(int(key), failure, rule))


# In words


class TimelineEntry(NamedTuple):
    """What has happened, or will happen, at an instant.

    Attributes:
        what: the type of the event, or what else happens.
        delivery_id: the delivery, if it is an attempt of a webhook.
        error: why the attempt failed, if it did.
    """

    at: Instant
    what: str
    payment_id: str | None
    event_id: str | None = None
    delivery_id: str | None = None
    error: str | None = None


def upcoming_entry(
    due: Instant, job: Job, ledger: Ledger, outbox: "Outbox | None"
) -> TimelineEntry:
    """Describe a job of the timeline that is due later."""
    match job:
        case AttemptDelivery(number):
            if outbox is None or (delivery := outbox.get(number)) is None:
                raise LookupError("a planned delivery is missing")
            message, delivery_id = delivery.message, outbox.id_of(number)
            about = message.payment_id, message.event_id
            return TimelineEntry(due, "webhook.attempt", *about, delivery_id)
        case SettlePayment(int(number)) | ActOnPayment(int(number)):
            return TimelineEntry(due, describe_job(job), ledger.payments.id_of(number))
        case _:
            return TimelineEntry(due, describe_job(job), None)


def describe_job(job: SettlePayment | ActOnPayment | RunTimedRule) -> str:
    """The type of the event that a job causes, or what else it does."""
    match job:
        case SettlePayment():
            failed = EventType.PAYMENT_FAILED
            return EventType.PAYMENT_COMPLETED.value if job.failure is None else failed.value
        case ActOnPayment(action=action):
            return action.describes
        case RunTimedRule(rule):
            return f"rule {rule}"
        case _:
            assert_never(job)
