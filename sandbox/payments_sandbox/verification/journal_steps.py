"""Owns the step of a rule that would repeat what happened to a call in the journal."""

from typing import Final

from payments_sandbox.contract.error_codes import CODES, documented_for
from payments_sandbox.rules.faults import FAULT_NAMED
from payments_sandbox.rules.faults.fault import ABANDONED, Fault, JournalRecord
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import RequestRule, Step
from payments_sandbox.rules.outcomes import (
    Pass,
    Respond,
)
from payments_sandbox.rules.step_outcome import Outcome
from payments_sandbox.verification.observed import ObservedCall
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

STEPS_EXHAUSTED: Final = Step(Respond("internal_error"))
"""The step that answers like `then: fail` after the last step."""

_REFUSED: Final = 400
_OF_THE_CALL: Final = frozenset(
    {"invalid_request", "invalid_card", "expired_card", "invalid_cvc", "request_too_large"}
)
"""Errors that the call itself causes, in any world."""


def journal_step(world: World, call: ObservedCall) -> Step:
    """The step that repeats what a call has met; a drawn delay becomes a fixed one."""
    step = _answered_by(world, call)
    if step is None or not _can_have_caused(step.outcome, call):
        return Step(_outcome_seen(call, is_of_step=step is not None))
    outcome = step.outcome if step.outcome.is_replayed else Pass()
    if isinstance(step.delay, int):
        return Step(outcome, step.delay)
    return Step(outcome, round(call.entry.duration_ms or 0))


def _answered_by(world: World, call: ObservedCall) -> Step | None:
    """The step that answered; None if there was none, or if its rule is no longer active."""
    position = call.entry.step
    rule = _rule_of(world, call)
    if rule is None or position is None or position > len(rule.steps) + 1:
        return None
    return rule.steps[position - 1] if position <= len(rule.steps) else STEPS_EXHAUSTED


def _rule_of(world: World, call: ObservedCall) -> RequestRule | None:
    name, operation = call.entry.rule, call.entry.operation
    others = {(scenario, rule) for scenario, rule, _ in call.entry.considered}
    of_cards = [rule for card in MAGIC_CARDS for rule in card.rules]
    of_scenarios = [
        active_rule.rule
        for active_rule in world.rules.rule_set.requests
        if (active_rule.scenario, active_rule.rule.name) not in others
    ]
    for rule in (*of_scenarios, *of_cards):
        if (
            rule.name == name
            and isinstance(rule, RequestRule)
            and rule.operation in ("*", operation)
        ):
            return rule
    return None


def _can_have_caused(outcome: Outcome, call: ObservedCall) -> bool:
    """Whether an outcome can have caused what the journal shows."""
    fault = call.entry.fault
    if fault == ABANDONED:
        return not isinstance(outcome, Fault)
    if fault is not None:
        return outcome.name == fault
    return outcome.may_have_answered(call.code if _is_refused(call) else None)


def _outcome_seen(call: ObservedCall, *, is_of_step: bool) -> Outcome:
    """The outcome as far as the journal shows it; some details of faults are missing there."""
    entry, code = call.entry, call.code
    if entry.fault is not None:
        return _fault_seen(entry, entry.fault)
    is_its_own = code in _OF_THE_CALL and (entry.rule is None or is_of_step)
    if not _is_refused(call) or is_its_own or code not in documented_for(entry.operation or ""):
        return Pass()
    message = call.message if call.message != CODES[code].message else None
    return Respond(code, bool(entry.committed), message)


def _fault_seen(entry: Entry, fault: str) -> Fault:
    record = JournalRecord(
        entry.status, entry.reply_body, bool(entry.committed), entry.duration_ms or 0
    )
    kind = Hang if fault == ABANDONED else FAULT_NAMED[fault]  # a client that left met silence
    return kind.from_journal(record)


def _is_refused(call: ObservedCall) -> bool:
    return (call.entry.status or 0) >= _REFUSED
