"""Owns what rules do to the domain: what events set off, and their actions when they are due."""

from collections.abc import Iterable
from typing import NamedTuple, assert_never

from payments_sandbox.core.errors import IllegalMove, InvalidRequest, RefundRefused
from payments_sandbox.core.instants import LAST, SECOND, Instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.events import Event, EventType
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.payments.rate_limiter import RateLimiter
from payments_sandbox.rules.card_rules import Script
from payments_sandbox.rules.model import ChargeBack, Complete, Emit, Fail, GiveBack, MoveRateLimit
from payments_sandbox.rules.rule_engine import Play
from payments_sandbox.webhooks.manual_event import data_of
from payments_sandbox.world.payment_fields import PaymentFacts
from payments_sandbox.world.timeline import ActOnPayment, ReachMark, Timeline
from payments_sandbox.world.timeline_entries import TimelineEntry, describe_job


class Domain(NamedTuple):
    """What of a world rules act on."""

    ledger: Ledger
    timeline: Timeline
    limiter: RateLimiter
    script: Script


def react(domain: Domain, play: Play, events: Iterable[int]) -> None:
    """Let the event rules plan what these events set off."""
    ledger = domain.ledger
    for event in map(ledger.any_event, events):
        if not isinstance(event, Event):
            continue  # made by hand: the domain has not changed
        number = ledger.number_of(event.payment_id)
        facts = PaymentFacts(ledger.payments.get(number), play, event)
        for reaction in play.reactions(event.type, facts):
            since = event.created - event.created % SECOND  # as clients are shown it
            if (due := since + reaction.after) <= LAST:
                job = ActOnPayment(number, reaction.action, reaction.rule)
                domain.timeline.at(Instant(due), job)


def perform(domain: Domain, job: ActOnPayment | ReachMark, due: Instant) -> TimelineEntry:
    """Do what a rule has planned, now that it is due."""
    return _reach(domain, job, due) if isinstance(job, ReachMark) else _act(domain, job, due)


def _reach(domain: Domain, job: ReachMark, due: Instant) -> TimelineEntry:
    """Let an `at` rule act, on every payment that it is about, at once."""
    play = domain.script.play
    rule = None if play is None else play.mark(job.rule)
    if play is not None and rule is not None:
        for number in _concerned(domain, play, job.rule) if rule.when else (None,):
            domain.timeline.at(due, ActOnPayment(number, rule.action, job.rule))
            if number is None:
                play.fire(job.rule)
    return TimelineEntry(due, describe_job(job), None)


def _act(domain: Domain, job: ActOnPayment, due: Instant) -> TimelineEntry:
    """Do what a rule does; what has become impossible is skipped, and says why."""
    before = domain.ledger.events
    what = describe_job(job)
    payment_id = None if job.payment is None else domain.ledger.payments.id_of(job.payment)
    try:
        _do(domain, job, due)
    except (IllegalMove, RefundRefused, InvalidRequest) as error:
        why = error.details or error.code
        domain.script.skip(job.rule, why)
        return TimelineEntry(due, f"{what} skipped: {why}", payment_id)
    made = domain.ledger.events > before
    event_id = domain.ledger.any_event(before).id if made else None
    return TimelineEntry(due, what, payment_id, event_id)


def _concerned(domain: Domain, play: Play, rule: str) -> list[int | None]:
    payments = domain.ledger.payments
    facts = ((number, PaymentFacts(payments.get(number), play)) for number in range(len(payments)))
    return [number for number, each in facts if play.acts_on(rule, each)]


def _do(domain: Domain, job: ActOnPayment, due: Instant) -> None:
    match job.action:
        case MoveRateLimit() as move:
            domain.limiter.move(move, due)
        case Emit(type_, data):
            _emit(domain, type_, data, job.payment, due)
        case _ if job.payment is None:
            raise IllegalMove("It is about no payment.")
        case Complete():
            domain.ledger.complete(job.payment, at=due)
        case Fail(error):
            domain.ledger.fail(job.payment, error, at=due)
        case GiveBack(amount, reason):
            text = None if reason is None else mask_text(reason)
            domain.ledger.refund(job.payment, amount, at=due, reason=text)
        case ChargeBack(reason, amount):
            domain.ledger.charge_back(job.payment, amount, mask_text(reason), at=due)
        case _:
            assert_never(job.action)


def _emit(domain: Domain, type_: str, data: object, payment: int | None, due: Instant) -> None:
    if isinstance(data, dict):
        told = data
    elif payment is None:
        raise IllegalMove("It has nothing to tell of.")
    else:
        told = data_of(domain.ledger, EventType(type_), payment)
    domain.ledger.make_event(type_, told, at=due)
