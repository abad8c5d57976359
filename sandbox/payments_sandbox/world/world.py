"""Owns a world: everything that belongs to one API key, and how its parts interact over time."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from payments_sandbox.core.errors import SANDBOX_FAILED, IllegalMove
from payments_sandbox.core.instants import LAST, Instant, due_after
from payments_sandbox.core.slices import SLICE
from payments_sandbox.payments.events import Chargeback, MadeEvent, Refund
from payments_sandbox.payments.ledger import Ledger, NewPayment
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.payments.rate_limiter import RateLimiter
from payments_sandbox.world.clock import WorldClock
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET, ServerContext, WorldConfig
from payments_sandbox.world.journal import Journal
from payments_sandbox.world.timeline import (
    ActOnPayment,
    AttemptDelivery,
    Job,
    PendingReads,
    RunTimedRule,
    SettlePayment,
    Timeline,
    TimelineEntry,
    describe_job,
    upcoming_entry,
)

if TYPE_CHECKING:
    from payments_sandbox.rules.rule_engine import RuleEngine
    from payments_sandbox.rules.step_outcome import Settlement
    from payments_sandbox.webhooks.world_webhooks import Webhooks

SETTLED_AS_FAILED: Final = "card_declined"
"""The code that a pending payment fails with by default."""


class ResetScope(StrEnum):
    """The parts that `world/reset` can reset separately."""

    PAYMENTS = "payments"
    JOURNAL = "journal"
    RULES = "rules"
    WEBHOOKS = "webhooks"
    CLOCK = "clock"
    RATE_LIMIT = "rate_limit"


class World:
    """One API key's payments, clock, limiter, rules and journal; it shares no state with others.

    Attributes:
        wall: reads the real time.
        used_at: when it was last used, in real time.
    """

    __slots__ = (
        "_is_advancing", "_published", "_rules", "clock", "config", "context", "journal", "ledger",
        "limiter", "pending_reads", "timeline", "used_at", "wall", "webhooks",
    )  # fmt: skip

    def __init__(self, config: WorldConfig, context: ServerContext) -> None:
        self.config = config
        self.context = context
        self.wall = context.wall
        self._published = 0
        self._is_advancing = False
        self.clock = WorldClock(context.wall, frozen_at=config.frozen_at)
        self.timeline = Timeline()
        self.ledger = Ledger(config.seed, context.represent)
        self.limiter = RateLimiter(config.rate_limit)
        self.journal = Journal(config.seed)
        self._rules: RuleEngine | None = None
        self.used_at = config.made_at
        self.pending_reads = PendingReads()
        self.webhooks: Webhooks | None = None
        self._make_endpoints()

    def __repr__(self) -> str:
        return f"<World with {len(self.ledger.payments)} payments>"

    @property
    def rules(self) -> "RuleEngine":
        """The rules of scenarios and magic cards, made at the first use."""
        if self._rules is None:
            from payments_sandbox.rules.rule_engine import RuleEngine  # noqa: PLC0415 - no start waits for it

            self._rules = RuleEngine(self.config.seed, self.context.card_rules)
        return self._rules

    # Time

    def start_clock(self, at: Instant | None) -> None:
        """Start the clock again: frozen at an instant, or live if it is None."""
        self.clock = WorldClock(self.context.wall, frozen_at=at)

    def catch_up(self, wall: Instant | None = None) -> Instant:
        """Carry out everything that is due by now, and return the present instant.

        While the clock is being advanced, `advance` does that instead, in order.

        Args:
            wall: the real time, if the caller has just read it.
        """
        now = self.clock.now(wall)
        while not self._is_advancing and self.timeline.is_due(now):
            self._perform(*self.timeline.pop())
        return now

    def catch_up_some(self) -> None:
        """Carry out some of what is due by now, for a few milliseconds."""
        now = self.clock.now()
        for _ in range(SLICE):
            if self._is_advancing or not self.timeline.is_due(now):
                break
            self._perform(*self.timeline.pop())

    def advance(self, until: Instant) -> Iterator[list[TimelineEntry]]:
        """Move the clock to an instant, stopping at each instant at which something is due.

        If much is due at one instant, it stops there several times, after a few milliseconds each.
        Between these stops, something is still due at the clock's instant. The results of webhook
        attempts are not yielded: only the code that sends them knows.
        """
        try:
            while (due := self.timeline.next_due) is not None and due <= until:
                self.clock.reach(due)
                self._is_advancing = True
                happened = []
                for _ in range(SLICE):
                    if self.timeline.next_due != due:
                        break
                    if (entry := self._perform(*self.timeline.pop())) is not None:
                        happened.append(entry)
                # Calls in between must not do the rest of this instant: it would not be yielded.
                self._is_advancing = self.timeline.next_due == due
                yield happened
            self.clock.reach(until)
        finally:
            self._is_advancing = False

    def upcoming(self, most: int) -> list[TimelineEntry]:
        """What is due next, in order."""
        outbox = None if self.webhooks is None else self.webhooks.outbox
        jobs = self.timeline.upcoming(most)
        return [upcoming_entry(due, job, self.ledger, outbox) for due, job in jobs]

    # Webhooks

    def open_webhooks(self) -> "Webhooks":
        """Return the world's webhooks, which are made at the first use."""
        if self.webhooks is None:
            from payments_sandbox.webhooks.world_webhooks import Webhooks  # noqa: PLC0415 - most worlds have none

            config = self.config
            self.webhooks = Webhooks(config.seed, config.webhook_secret, self.timeline, self.rules)
        return self.webhooks

    @property
    def was_used(self) -> bool:
        """Whether it has had a request or an event."""
        return bool(self.journal.count or self.ledger.events)

    @property
    def pending_webhooks(self) -> int:
        """How many webhooks are still to be delivered."""
        return 0 if self.webhooks is None else self.webhooks.outbox.pending

    def make_event(self, type_: str, data: dict[str, object]) -> MadeEvent:
        """Create an event by hand; nothing else changes."""
        event = self.ledger.make_event(type_, data, at=self.catch_up())
        self._publish()
        return event

    # Commands; each catches up first, so that whatever was due before happens before. A call has
    # done so at its start, and passes the instant `at`.

    def create_payment(
        self,
        order: NewPayment,
        *,
        at: Instant | None = None,
        failure: str | None = None,
        turns: "Iterable[Settlement] | None" = None,
        rule: str = "",
    ) -> Payment:
        """Create a payment that is completed, failed with a code, or pending until its turns."""
        at = self.catch_up() if at is None else at
        status = Status.COMPLETED if turns is None else Status.PENDING
        status = status if failure is None else Status.FAILED
        number, payment = self.ledger.create(order, at=at, status=status, failure=failure)
        for turn in turns or ():
            failed_with = SETTLED_AS_FAILED if turn.to is Status.FAILED else None
            job = SettlePayment(number, failed_with, rule)
            if turn.reads is not None:
                self.pending_reads.add(turn.reads, job)
            # One that would settle after `LAST` stays pending.
            elif (due := due_after(at, turn.after or 0)) <= LAST:
                self.timeline.plan(Instant(due), job)
        self._publish(payment.card.fingerprint)
        return payment

    def create_refund(
        self,
        number: int,
        amount: int | None,
        *,
        at: Instant | None = None,
        reason: str | None = None,
        description: str | None = None,
    ) -> Refund:
        """Give money back, or raise RefundRefused."""
        at = self.catch_up() if at is None else at
        refund = self.ledger.refund(number, amount, at=at, reason=reason, description=description)
        self._publish(self.ledger.payments.fingerprint_of(number))
        return refund

    def count_read(self, number: int, *, at: Instant | None = None) -> None:
        """Count a read of a payment, and settle it if that was its last one."""
        if (job := self.pending_reads.read(number)) is not None:
            self._settle(self.catch_up() if at is None else at, job)

    def complete(self, number: int) -> Payment:
        """Settle a pending payment by hand, or raise IllegalMove."""
        payment = self.ledger.complete(number, at=self.catch_up())
        self._publish(payment.card.fingerprint)
        return payment

    def fail(self, number: int, code: str) -> Payment:
        """Fail a pending payment by hand, or raise IllegalMove."""
        payment = self.ledger.fail(number, code, at=self.catch_up())
        self._publish(payment.card.fingerprint)
        return payment

    def charge_back(self, number: int, amount: int | None, reason: str) -> Chargeback:
        """Take money back by hand, or raise IllegalMove."""
        chargeback = self.ledger.charge_back(number, amount, reason, at=self.catch_up())
        self._publish(self.ledger.payments.fingerprint_of(number))
        return chargeback

    def reset(self, parts: Iterable[ResetScope]) -> None:
        """Put parts of the world back to their initial state."""
        for part in parts:
            match part:
                case ResetScope.PAYMENTS:
                    self._forget_payments()
                case ResetScope.JOURNAL:
                    self.journal.clear()
                case ResetScope.RULES:
                    self.rules.reset()
                case ResetScope.CLOCK:
                    self.start_clock(self.config.frozen_at)
                case ResetScope.RATE_LIMIT:
                    self.limiter.reset()
                case ResetScope.WEBHOOKS:
                    self._forget_webhooks()
                case _:
                    assert_never(part)

    def would_go_back(self) -> bool:
        """Whether something has happened that is later than a reset clock would be."""
        return self.ledger.latest > self.clock_start

    @property
    def clock_start(self) -> Instant:
        """The instant that the clock would show if it were reset now."""
        return WorldClock(self.context.wall, frozen_at=self.config.frozen_at).now()

    # Inside

    def _forget_payments(self) -> None:
        self.ledger.clear()
        self.timeline.clear()
        self.pending_reads.clear()
        self._published = 0
        if self.webhooks is not None:
            self.webhooks.outbox.forget_deliveries()

    def _forget_webhooks(self) -> None:
        if self.webhooks is not None:
            self.webhooks.outbox.forget_deliveries()
        self.webhooks = None
        self._make_endpoints()

    def _perform(self, due: Instant, job: Job) -> TimelineEntry | None:
        match job:
            case AttemptDelivery(delivery):
                self.open_webhooks().outbox.make_due(delivery)
                return None
            case SettlePayment():
                return self._settle(due, job)
            case ActOnPayment() | RunTimedRule():
                return self._act(due, job)
            case _:
                assert_never(job)

    def _act(self, due: Instant, job: ActOnPayment | RunTimedRule) -> TimelineEntry | None:
        from payments_sandbox.world import rule_actions  # noqa: PLC0415 - most worlds have no such rules

        context = rule_actions.ActionContext(self.ledger, self.timeline, self.limiter, self.rules)
        try:
            entry = rule_actions.perform(context, job, due)
        except Exception as error:  # noqa: BLE001 - the call or advance that triggered it must not fail
            entry = self._skip_broken(due, job, error)
        self._publish()
        return entry

    def _skip_broken(
        self, due: Instant, job: ActOnPayment | RunTimedRule, error: Exception
    ) -> TimelineEntry:
        self.context.report_bug(error)
        self.rules.count_skip(job.rule, SANDBOX_FAILED)
        return TimelineEntry(due, f"{describe_job(job)} skipped: {SANDBOX_FAILED}", None)

    def _settle(self, due: Instant, job: SettlePayment) -> TimelineEntry:
        payment_id, what = self.ledger.payments.id_of(job.payment), describe_job(job)
        try:
            if job.failure is None:
                self.ledger.complete(job.payment, at=due)
            else:
                self.ledger.fail(job.payment, job.failure, at=due)
        except IllegalMove as error:
            self.rules.count_skip(job.rule, error.details or "")
            return TimelineEntry(due, f"{what} skipped: {error.details}", payment_id)
        event = self.ledger.event(self.ledger.events - 1)
        self._publish(self.ledger.payments.fingerprint_of(job.payment))
        return TimelineEntry(due, what, payment_id, event.id)

    def replace_ledger(self, ledger: Ledger) -> None:
        """Use a ledger that was made separately; its events are not sent."""
        self.ledger = ledger
        self.mark_published()

    def mark_published(self) -> None:
        """Treat all present events as sent, as those of a restored world are."""
        self._published = self.ledger.events

    def _publish(self, card: int | None = None) -> None:
        """Queue the deliveries of new events, which the server sends.

        Args:
            card: the fingerprint of the payment's card, for rules to react to; None if a rule
                caused the events or they were made by hand, since rules do not react to those.
        """
        events = self.ledger.events
        if card is not None and self.rules.may_react(card):
            from payments_sandbox.world import rule_actions  # noqa: PLC0415 - as above

            context = rule_actions.ActionContext(
                self.ledger, self.timeline, self.limiter, self.rules
            )
            try:
                rule_actions.react(context, range(self._published, events))
            except Exception as error:  # noqa: BLE001 - the payment exists, even if a rule fails
                self.context.report_bug(error)
        if self.webhooks is not None:
            for event in map(self.ledger.any_event, range(self._published, events)):
                self.webhooks.publish(event, self.ledger)
        self._published = events

    def _make_endpoints(self) -> None:
        """Make the endpoints that the server's settings give to every world."""
        for url in self.context.webhooks:
            webhooks = self.open_webhooks()
            webhooks.put(webhooks.new_endpoint(url, secret=DEFAULT_WEBHOOK_SECRET))
