"""Owns what rules do to a world: reactions to events, and planned actions when they are due."""

from collections.abc import Iterable
from typing import NamedTuple

from payments_sandbox.contract.representations import payment_event_data
from payments_sandbox.core.errors import IllegalMove, InvalidRequest, RefundRefused
from payments_sandbox.core.instants import LAST, Instant, due_after
from payments_sandbox.core.slices import SLICE
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.payments.rate_limiter import RateLimiter
from payments_sandbox.rules.action import ActionTarget
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.rule_engine import RuleEngine
from payments_sandbox.world.timeline import (
    ActOnPayment,
    RunTimedRule,
    Timeline,
    TimelineEntry,
    describe_job,
)


class ActionContext(NamedTuple):
    """The parts of a world that the actions of rules change."""

    ledger: Ledger
    timeline: Timeline
    limiter: RateLimiter
    rules: RuleEngine


def react(context: ActionContext, events: Iterable[int]) -> None:
    """Plan the actions of event rules for events of the ledger that were not made by hand."""
    ledger = context.ledger
    for event in map(ledger.event, events):
        number = ledger.number_of(event.payment_id)
        for reaction in context.rules.reactions(event, ledger.payments.get(number)):
            if (due := due_after(event.created, reaction.after)) <= LAST:
                job = ActOnPayment(number, reaction.action, reaction.rule)
                context.timeline.plan(Instant(due), job)


def perform(
    context: ActionContext, job: ActOnPayment | RunTimedRule, due: Instant
) -> TimelineEntry | None:
    """Carry out a rule's planned job that is due, and return its timeline entry, if it has one."""
    return (
        _run_timed_rule(context, job, due)
        if isinstance(job, RunTimedRule)
        else _run_action(context, job, due)
    )


def _run_timed_rule(
    context: ActionContext, job: RunTimedRule, due: Instant
) -> TimelineEntry | None:
    """Plan the action of an `at` rule for each matching payment, one slice in each job."""
    rule = context.rules.timed_rule(job.rule)
    if rule is not None and not rule.when:
        context.timeline.plan(due, ActOnPayment(None, rule.action, job.rule))
        context.rules.count_firing(job.rule)
    elif rule is not None:
        for number in _next_payments(context, job):
            context.timeline.plan(due, ActOnPayment(number, rule.action, job.rule))
        if (end := job.start + SLICE) < len(context.ledger.payments):
            context.timeline.plan(due, job._replace(start=end))
    return None if job.start else TimelineEntry(due, describe_job(job), None)


def _run_action(context: ActionContext, job: ActOnPayment, due: Instant) -> TimelineEntry:
    """Carry out a rule's action; if it is no longer possible, the entry says why it was skipped."""
    ledger = context.ledger
    before = ledger.events
    what = describe_job(job)
    payment_id = None if job.payment is None else ledger.payments.id_of(job.payment)
    try:
        job.action.act(ActionTarget(ledger, context.limiter, job.payment, due, payment_event_data))
    except (IllegalMove, RefundRefused, InvalidRequest) as error:
        why = error.details or error.code
        context.rules.count_skip(job.rule, why)
        return TimelineEntry(due, f"{what} skipped: {why}", payment_id)
    made = ledger.events > before
    event_id = ledger.any_event(before).id if made else None
    return TimelineEntry(due, what, payment_id, event_id)


def _next_payments(context: ActionContext, job: RunTimedRule) -> list[int]:
    """The payments in the next slice that an `at` rule acts on; this counts and draws."""
    payments, rules = context.ledger.payments, context.rules
    numbers = payments.numbers[job.start : job.start + SLICE]
    fields = ((number, PaymentFields(payments.get(number), rules.number_of)) for number in numbers)
    return [number for number, each in fields if rules.count_and_draw(job.rule, each)]
