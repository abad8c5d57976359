"""Owns a world: all that belongs to one API key, and how its parts act together in time."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final, assert_never

from sandbox.domain.errors import IllegalMove
from sandbox.domain.events import Chargeback, EventType, Refund
from sandbox.domain.instants import SECOND, Instant
from sandbox.domain.payments import Payment, Status
from sandbox.engine.clock import Clock, WallClock
from sandbox.engine.journal import Journal
from sandbox.engine.ledger import Ledger, Order
from sandbox.engine.payment_store import Represent
from sandbox.engine.rate_limiter import RateLimiter
from sandbox.engine.timeline import ChargeBackPayment, Job, SettlePayment, Timeline
from sandbox.scenario.model import Settlement
from sandbox.scenario.script import Rules, Script

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


@dataclass(frozen=True, slots=True)
class Birth:
    """What a world is made from; equal births and equal calls give equal bytes."""

    api_key: str
    seed: int
    webhook_secret: str
    frozen_at: Instant | None
    rate_limit: int
    made_at: Instant


@dataclass(frozen=True, slots=True)
class Laws:
    """What holds in every world of a server: its real time, its cards' rules, its contract."""

    wall: WallClock
    rules: Rules
    represent: Represent


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened, or will, at an instant: an event's type and the payment it is about."""

    at: Instant
    what: str
    payment_id: str
    event_id: str | None = None


class World:
    """One API key's payments, clock, limiter, rules and journal; it shares nothing."""

    __slots__ = (
        "_wall", "birth", "clock", "journal", "ledger", "limiter", "script", "timeline", "used_at",
    )  # fmt: skip

    def __init__(self, birth: Birth, laws: Laws) -> None:
        self.birth = birth
        self._wall = laws.wall
        self.clock = Clock(laws.wall, frozen_at=birth.frozen_at)
        self.timeline = Timeline()
        self.ledger = Ledger(birth.seed, laws.represent)
        self.limiter = RateLimiter(birth.rate_limit)
        self.journal = Journal(birth.seed)
        self.script = Script(laws.rules)
        self.used_at = birth.made_at

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
        """Move the clock to an instant, stopping wherever something falls due."""
        while (due := self.timeline.next_due) is not None and due <= until:
            self.clock.reach(due)
            happened = []
            while self.timeline.next_due == due:
                happened.append(self._perform(*self.timeline.pop()))
            yield happened
        self.clock.reach(until)

    def upcoming(self, most: int) -> list[Happening]:
        """What is due next, in order."""
        return [
            Happening(due, _event_type(job).value, self.ledger.payments.id_of(job.payment))
            for due, job in self.timeline.upcoming(most)
        ]

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
        return self.ledger.refund(
            number, amount, at=self.catch_up(), reason=reason, description=description
        )

    def complete(self, number: int) -> Payment:
        """Settle a pending payment by hand, or raise IllegalMove."""
        return self._complete(number, self.catch_up())

    def fail(self, number: int, code: str) -> Payment:
        """Fail a pending payment by hand, or raise IllegalMove."""
        return self.ledger.fail(number, code, at=self.catch_up())

    def charge_back(self, number: int, amount: int | None, reason: str) -> Chargeback:
        """Take money back by hand, or raise IllegalMove."""
        return self.ledger.charge_back(number, amount, reason, at=self.catch_up())

    def reset(self, parts: Iterable[Part]) -> None:
        """Put parts of the world back to how it was made."""
        for part in parts:
            match part:
                case Part.PAYMENTS:
                    self.ledger.clear()
                    self.timeline.clear()
                case Part.JOURNAL:
                    self.journal.clear()
                case Part.RULES:
                    self.script.reset()
                case Part.CLOCK:
                    self.clock = Clock(self._wall, frozen_at=self.birth.frozen_at)
                case Part.RATE_LIMIT:
                    self.limiter.reset()
                case Part.WEBHOOKS:
                    pass  # no endpoints are kept yet, so there is nothing to forget
                case _:
                    assert_never(part)

    def would_go_back(self) -> bool:
        """Whether something has happened that is later than a reset clock would be."""
        start = Clock(self._wall, frozen_at=self.birth.frozen_at).now()
        return self.ledger.latest > start

    # Inside

    def _perform(self, due: Instant, job: Job) -> Happening:
        payment_id = self.ledger.payments.id_of(job.payment)
        what = _event_type(job).value
        try:
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
        except IllegalMove as error:
            return Happening(due, f"{what} skipped: {error.details}", payment_id)
        event = self.ledger.event(self.ledger.events - 1)
        return Happening(due, what, payment_id, event.id)

    def _complete(self, number: int, at: Instant) -> Payment:
        payment = self.ledger.complete(number, at=at)
        self._react(EventType.PAYMENT_COMPLETED, number, payment, at)
        return payment

    def _react(self, type_: EventType, number: int, payment: Payment, at: Instant) -> None:
        if (rule := self.script.reaction(type_, payment.card.fingerprint)) is not None:
            job = ChargeBackPayment(number, rule.action.reason)
            self.timeline.at(Instant(at - at % SECOND + rule.after), job)  # as clients are shown it


def secret_of(seed: int) -> str:
    """The webhook secret that a seed gives: `whsec_` and base64 of 32 bytes."""
    digest = blake2b(f"webhook secret\0{seed}".encode(), digest_size=32).digest()
    return f"whsec_{b64encode(digest).decode()}"


def _event_type(job: Job) -> EventType:
    match job:
        case SettlePayment(_, None):
            return EventType.PAYMENT_COMPLETED
        case SettlePayment():
            return EventType.PAYMENT_FAILED
        case ChargeBackPayment():
            return EventType.CHARGEBACK_CREATED
        case _:
            assert_never(job)
