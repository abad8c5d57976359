"""Owns a world: all that belongs to one API key, and how its parts act together in time."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from sandbox.domain.errors import IllegalMove
from sandbox.domain.events import Chargeback, EventType, MadeEvent, Refund
from sandbox.domain.instants import SECOND, Instant
from sandbox.domain.payments import Payment, Status
from sandbox.engine.birth import Birth, Laws
from sandbox.engine.clock import Clock
from sandbox.engine.happenings import Happening, attempt_due, event_type_of
from sandbox.engine.journal import Journal
from sandbox.engine.ledger import Ledger, Order
from sandbox.engine.rate_limiter import RateLimiter
from sandbox.engine.timeline import (
    AttemptDelivery,
    ChargeBackPayment,
    Job,
    SettlePayment,
    Timeline,
)
from sandbox.scenario.model import Settlement
from sandbox.scenario.script import Script

if TYPE_CHECKING:
    from sandbox.engine.webhooks import Webhooks

SETTLED_AS_FAILED: Final = "card_declined"
"""The code that a pending payment fails with when nothing says otherwise."""


class Part(StrEnum):
    """What `world/reset` can reset by itself."""

    PAYMENTS = "payments"
    JOURNAL = "journal"
    RULES = "rules"
    WEBHOOKS = "webhooks"
    CLOCK = "clock"
    RATE_LIMIT = "rate_limit"


class World:
    """One API key's payments, clock, limiter, rules and journal; it shares nothing."""

    __slots__ = (
        "_laws", "_told", "birth", "clock", "journal", "ledger", "limiter", "script", "timeline",
        "used_at", "webhooks",
    )  # fmt: skip

    def __init__(self, birth: Birth, laws: Laws) -> None:
        self.birth = birth
        self._laws = laws
        self._told = 0
        self.clock = Clock(laws.wall, frozen_at=birth.frozen_at)
        self.timeline = Timeline()
        self.ledger = Ledger(birth.seed, laws.represent)
        self.limiter = RateLimiter(birth.rate_limit)
        self.journal = Journal(birth.seed)
        self.script = Script(laws.rules)
        self.used_at = birth.made_at
        self.webhooks: Webhooks | None = None
        self._make_endpoints()

    def __repr__(self) -> str:
        return f"<World with {len(self.ledger.payments)} payments>"

    # Time

    def catch_up(self) -> Instant:
        """Let everything happen that is due by now; returns now."""
        now = self.clock.now()
        due = self.timeline.next_due
        while due is not None and due <= now:
            self._perform(*self.timeline.pop())
            due = self.timeline.next_due
        return now

    def walk(self, until: Instant) -> Iterator[list[Happening]]:
        """Move the clock to an instant, stopping wherever something falls due.

        What comes of webhooks that are tried again is for whoever sends them to say.
        """
        while (due := self.timeline.next_due) is not None and due <= until:
            self.clock.reach(due)
            happened = []
            while self.timeline.next_due == due:
                if (happening := self._perform(*self.timeline.pop())) is not None:
                    happened.append(happening)
            yield happened
        self.clock.reach(until)

    def upcoming(self, most: int) -> list[Happening]:
        """What is due next, in order."""
        return [self._happening(due, job) for due, job in self.timeline.upcoming(most)]

    # Webhooks

    def open_webhooks(self) -> "Webhooks":
        """The world's webhooks, made when they are first asked for."""
        if self.webhooks is None:
            from sandbox.engine.webhooks import Webhooks  # noqa: PLC0415 - most worlds have none

            birth = self.birth
            self.webhooks = Webhooks(birth.seed, birth.webhook_secret, self.timeline)
        return self.webhooks

    @property
    def pending_webhooks(self) -> int:
        """How many webhooks are still to be delivered."""
        return 0 if self.webhooks is None else self.webhooks.outbox.pending

    def make_event(self, type_: str, data: dict[str, object]) -> MadeEvent:
        """Tell of something by hand; nothing else changes."""
        event = self.ledger.make_event(type_, data, at=self.catch_up())
        self._tell()
        return event

    # Commands; each catches up first, so that nothing overtakes what was due before it

    def create_payment(
        self,
        order: Order,
        *,
        failure: str | None = None,
        turns: Iterable[Settlement] | None = None,
    ) -> Payment:
        """Make a payment: completed, failed with a code, or pending with its later turns."""
        now = self.catch_up()
        status = Status.COMPLETED if turns is None else Status.PENDING
        status = status if failure is None else Status.FAILED
        number, payment = self.ledger.create(order, at=now, status=status, failure=failure)
        for turn in turns or ():
            failed_with = SETTLED_AS_FAILED if turn.to is Status.FAILED else None
            due = Instant(payment.created + turn.after)
            self.timeline.at(due, SettlePayment(number, failed_with))
        if status is Status.COMPLETED:
            self._react(EventType.PAYMENT_COMPLETED, number, payment, now)
        self._tell()
        return payment

    def create_refund(
        self,
        number: int,
        amount: int | None,
        *,
        reason: str | None = None,
        description: str | None = None,
    ) -> Refund:
        """Give money back, or raise RefundRefused."""
        now = self.catch_up()
        refund = self.ledger.refund(number, amount, at=now, reason=reason, description=description)
        self._tell()
        return refund

    def complete(self, number: int) -> Payment:
        """Settle a pending payment by hand, or raise IllegalMove."""
        payment = self._complete(number, self.catch_up())
        self._tell()
        return payment

    def fail(self, number: int, code: str) -> Payment:
        """Fail a pending payment by hand, or raise IllegalMove."""
        payment = self.ledger.fail(number, code, at=self.catch_up())
        self._tell()
        return payment

    def charge_back(self, number: int, amount: int | None, reason: str) -> Chargeback:
        """Take money back by hand, or raise IllegalMove."""
        chargeback = self.ledger.charge_back(number, amount, reason, at=self.catch_up())
        self._tell()
        return chargeback

    def reset(self, parts: Iterable[Part]) -> None:
        """Put parts of the world back to how it was made."""
        for part in parts:
            match part:
                case Part.PAYMENTS:
                    self.ledger.clear()
                    self.timeline.clear()
                    self._told = 0
                    if self.webhooks is not None:
                        self.webhooks.forget_deliveries()
                case Part.JOURNAL:
                    self.journal.clear()
                case Part.RULES:
                    self.script.reset()
                case Part.CLOCK:
                    self.clock = Clock(self._laws.wall, frozen_at=self.birth.frozen_at)
                case Part.RATE_LIMIT:
                    self.limiter.reset()
                case Part.WEBHOOKS:
                    if self.webhooks is not None:
                        self.webhooks.forget_deliveries()
                    self.webhooks = None
                    self._make_endpoints()
                case _:
                    assert_never(part)

    def would_go_back(self) -> bool:
        """Whether something has happened that is later than a reset clock would be."""
        start = Clock(self._laws.wall, frozen_at=self.birth.frozen_at).now()
        return self.ledger.latest > start

    # Inside

    def _perform(self, due: Instant, job: Job) -> Happening | None:
        if isinstance(job, AttemptDelivery):
            self.open_webhooks().outbox.retry(job.delivery)
            return None
        payment_id = self.ledger.payments.id_of(job.payment)
        what = event_type_of(job).value
        try:
            self._move(due, job)
        except IllegalMove as error:
            return Happening(due, f"{what} skipped: {error.details}", payment_id)
        event = self.ledger.event(self.ledger.events - 1)
        self._tell()
        return Happening(due, what, payment_id, event.id)

    def _move(self, due: Instant, job: SettlePayment | ChargeBackPayment) -> None:
        match job:
            case SettlePayment(number, failure):
                if failure is None:
                    self._complete(number, due)
                else:
                    self.ledger.fail(number, failure, at=due)
            case ChargeBackPayment(number, reason):
                self.ledger.charge_back(number, None, reason, at=due)
            case _:
                assert_never(job)

    def _happening(self, due: Instant, job: Job) -> Happening:
        if isinstance(job, AttemptDelivery):
            outbox = self.open_webhooks().outbox
            return attempt_due(due, outbox.get(job.delivery), outbox.id_of(job.delivery))
        return Happening(due, event_type_of(job).value, self.ledger.payments.id_of(job.payment))

    def told_all(self) -> None:
        """A restored world's events have been told before."""
        self._told = self.ledger.events

    def _tell(self) -> None:
        """Queue the deliveries of what has happened since the last time, for the rim to send."""
        events = self.ledger.events
        if self.webhooks is not None:
            for number in range(self._told, events):
                self.webhooks.tell(self.ledger.any_event(number))
        self._told = events

    def _make_endpoints(self) -> None:
        """Every world has these endpoints."""
        for url in self._laws.webhooks:
            webhooks = self.open_webhooks()
            webhooks.put(webhooks.planned(url, secret=self._laws.webhook_secret))

    def _complete(self, number: int, at: Instant) -> Payment:
        payment = self.ledger.complete(number, at=at)
        self._react(EventType.PAYMENT_COMPLETED, number, payment, at)
        return payment

    def _react(self, type_: EventType, number: int, payment: Payment, at: Instant) -> None:
        if (rule := self.script.reaction(type_, payment.card.fingerprint)) is not None:
            job = ChargeBackPayment(number, rule.action.reason)
            self.timeline.at(Instant(at - at % SECOND + rule.after), job)  # as clients are shown it
