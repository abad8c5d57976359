"""Owns the judgement of expectations: whether each is met, and what was seen instead."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, assert_never

from payments_sandbox.core.instants import show_duration
from payments_sandbox.payments.events import Event, EventType
from payments_sandbox.rules.active_rule import AnyActiveRule
from payments_sandbox.rules.conditions import matches
from payments_sandbox.rules.expectations import (
    AllFired,
    AuditClean,
    Count,
    Order,
    Payments,
    Refunds,
    Requests,
    Retries,
    Webhooks,
    What,
)
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.rule_engine import event_matches
from payments_sandbox.verification.audit import Finding
from payments_sandbox.verification.observed_calls import CallSeen, calls_seen, in_journal
from payments_sandbox.verification.observed_deliveries import AttemptSeen, Deliveries, DeliverySeen
from payments_sandbox.world.world import World

SHOWN: Final = 10
"""Ids that one verdict names."""

SLACK: Final = 0.9
"""Of a growth, how much a gap may fall short: clients sleep about as long as they say."""


class Judged(NamedTuple):
    """Whether an expectation is met, and what was seen."""

    met: bool
    observed: str


class Evidence(NamedTuple):
    """What expectations are held against.

    Attributes:
        active_rules: the rules of whose firing `rules: all_fired` speaks.
        findings: what the audit has found.
    """

    world: World
    deliveries: Deliveries
    active_rules: Sequence[AnyActiveRule]
    findings: Sequence[Finding]


def judge(what: What, evidence: Evidence) -> Judged:  # noqa: PLR0911 - one a kind
    """Hold one expectation against what was seen."""
    match what:
        case Requests():
            return _requests(what, evidence)
        case Retries():
            return _retries(what, evidence)
        case Order(operations):
            return _order(operations, evidence)
        case Payments():
            return _payments(what, evidence)
        case Refunds():
            return _refunds(what, evidence)
        case Webhooks():
            return _webhooks(what, evidence)
        case AuditClean():
            return _audit(evidence)
        case AllFired():
            return _fired(evidence)
        case _:
            assert_never(what)


def _requests(what: Requests, evidence: Evidence) -> Judged:
    when = in_journal(what.when)
    found = [call.id for call in _calls(evidence, what.operation) if matches(when, call.fields)]
    return Judged(what.count.admits(len(found)), f"expected {what.count}, {_saw(found)}")


def _calls(evidence: Evidence, operation: str) -> Iterator[CallSeen]:
    for call in calls_seen(evidence.world):
        if operation in ("*", call.entry.operation):
            yield call


def _retries(what: Retries, evidence: Evidence) -> Judged:
    groups: dict[tuple[str, ...], list[CallSeen]] = defaultdict(list)
    for call in _calls(evidence, what.operation):
        groups[call.likeness].append(call)
    if not groups:
        return Judged(met=False, observed=f"saw no {what.operation}")
    for calls in groups.values():
        if (wrong := _wrong_retries(what, calls)) is not None:
            return Judged(met=False, observed=f"{wrong}: {_listed(call.id for call in calls)}")
    most = max(len(calls) - 1 for calls in groups.values())
    return Judged(met=True, observed=f"saw at most {most} retries of one call")


def _wrong_retries(what: Retries, calls: Sequence[CallSeen]) -> str | None:
    """What is wrong with the repetitions of one call, in words."""
    if what.most is not None and len(calls) - 1 > what.most:
        return f"expected at most {what.most} retries, saw {len(calls) - 1}"
    gaps = [after.entry.wall - before.entry.wall for before, after in pairwise(calls)]
    if short := [gap for gap in gaps if gap < what.least_gap]:
        least = show_duration(what.least_gap)
        return f"expected {least} between two calls, saw {show_duration(short[0])}"
    for before, after in pairwise(gaps):
        if after < before * what.growth * SLACK:
            shown = f"{show_duration(before)} and then {show_duration(after)}"
            return f"expected gaps that grow by {what.growth:g}, saw {shown}"
    if what.same_body and any(call.entry.body != calls[0].entry.body for call in calls):
        return "expected the same body each time, saw it change"
    return None


def _order(operations: Sequence[str], evidence: Evidence) -> Judged:
    seen = [str(call.entry.operation) for call in _calls(evidence, "*")]
    left = iter(seen)
    met = bool(seen) and all(operation in left for operation in operations)
    shown = ", ".join(seen[: 2 * SHOWN]) or "nothing"
    return Judged(met, f"saw {shown}{', …' if len(seen) > 2 * SHOWN else ''}")


def _payments(what: Payments, evidence: Evidence) -> Judged:
    payments, known = evidence.world.ledger.payments, evidence.world.rules.number_of
    every = (payments.get(number) for number in range(len(payments)))
    found = [each for each in every if matches(what.when, PaymentFields(each, known))]
    total = sum(each.amount for each in found)
    return _counted(what.count, what.total, [each.id for each in found], total)


def _refunds(what: Refunds, evidence: Evidence) -> Judged:
    world = evidence.world
    found: list[Event] = []
    for number in range(world.ledger.events):
        event = world.ledger.any_event(number)
        if not isinstance(event, Event) or event.type is not EventType.REFUND_CREATED:
            continue
        payment = world.ledger.payments.get(world.ledger.number_of(event.payment_id))
        if matches(what.when, PaymentFields(payment, world.rules.number_of, event)):
            found.append(event)
    ids = [each.reversal.id for each in found if each.reversal is not None]
    return _counted(what.count, what.total, ids, sum(each.amount for each in found))


def _counted(count: Count | None, total: Count | None, ids: Sequence[str], amount: int) -> Judged:
    met = (count is None or count.admits(len(ids))) and (total is None or total.admits(amount))
    wanted = [] if count is None else [str(count)]
    wanted += [] if total is None else [f"a total of {total}"]
    observed = f"expected {' and '.join(wanted)}, {_saw(ids)}"
    return Judged(met, observed if total is None else f"{observed}; their total is {amount}")


def _webhooks(what: Webhooks, evidence: Evidence) -> Judged:
    sent = [each for each in evidence.deliveries() if event_matches(what.event, each.type)]
    if what.count is not None and not what.count.admits(len(sent)):
        return Judged(met=False, observed=f"expected {what.count} deliveries, {_saw_sent(sent)}")
    is_of_each = what.acknowledged is not None or what.attempts is not None or what.forged_refused
    if not sent and is_of_each:
        return Judged(met=False, observed="saw no delivery")
    for each in sent:
        if (wrong := _wrong_delivery(what, each)) is not None:
            return Judged(met=False, observed=f"{wrong}: {each.id}")
    if what.forged_refused and not any(_forged(each) for each in sent):
        return Judged(met=False, observed="saw no forged delivery")
    return Judged(met=True, observed=_saw_sent(sent))


def _wrong_delivery(what: Webhooks, sent: DeliverySeen) -> str | None:
    if what.acknowledged is not None and sent.is_delivered is not what.acknowledged:
        return "expected an acknowledgement" if what.acknowledged else "expected no acknowledgement"
    if what.attempts is not None and not what.attempts.admits(len(sent.attempts)):
        return f"expected {what.attempts} attempts, saw {len(sent.attempts)}"
    if what.forged_refused and any(each.is_accepted for each in _forged(sent)):
        return "expected forged deliveries to be refused, saw one answered with a 2xx"
    return None


def _forged(sent: DeliverySeen) -> list[AttemptSeen]:
    return [each for each in sent.attempts if each.is_forged]


def _audit(evidence: Evidence) -> Judged:
    kinds = dict.fromkeys(each.kind.value for each in evidence.findings)
    return Judged(not kinds, f"found {', '.join(kinds)}" if kinds else "found nothing")


def _fired(evidence: Evidence) -> Judged:
    idle = [active_rule.rule.name for active_rule in evidence.active_rules if not active_rule.fired]
    if not evidence.active_rules:
        return Judged(met=False, observed="saw no rules")
    return Judged(not idle, f"never fired: {', '.join(idle[:SHOWN])}" if idle else "each has fired")


def _saw(ids: Sequence[str]) -> str:
    return f"saw {len(ids)}: {_listed(ids)}" if ids else "saw none"


def _saw_sent(sent: Sequence[DeliverySeen]) -> str:
    return _saw([each.id for each in sent])


def _listed(ids: Iterable[str]) -> str:
    found = list(ids)
    return ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
