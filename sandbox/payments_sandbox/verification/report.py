"""Owns the report: which expectations are met, which rules have fired, what the audit finds."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, assert_never

from payments_sandbox.core.instants import LAST, show_milliseconds
from payments_sandbox.core.slices import Slices, finish
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.rules.active_rule import AnyActiveRule
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule
from payments_sandbox.rules.rule_engine import event_matches
from payments_sandbox.rules.scenario import Expectation, Scenario, WebhookRule
from payments_sandbox.verification.audit import audit_as_json, auditing
from payments_sandbox.verification.expectations.expectation import (
    Check,
    EvaluationContext,
    ExpectationResult,
)
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import (
    Observed,
    UndocumentedCall,
    undocumented_calls,
)
from payments_sandbox.world.timeline import RunTimedRule
from payments_sandbox.world.world import World


class ReportLine(NamedTuple):
    """One expectation and its result."""

    expectation: Expectation
    result: ExpectationResult

    def as_json(self) -> dict[str, object]:
        """The line as the control API lists it."""
        return {
            "expect": dict(self.expectation.source),
            "met": self.result.met,
            "observed": self.result.observed,
        }


class Report(NamedTuple):
    """The report on the active scenarios.

    Attributes:
        lines: the expectations, in the order of activation and then of the file.
        rules: the rules as the control API shows them.
        findings: the findings of the audit.
        has_failed: whether a rule with `then: fail` has run out of steps.
        name: the name of the world, if it has one.
        undocumented: the calls with an undocumented path or method.
    """

    lines: tuple[ReportLine, ...]
    rules: tuple[dict[str, object], ...]
    findings: tuple[Finding, ...]
    has_failed: bool
    name: str | None = None
    undocumented: tuple[UndocumentedCall, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every expectation is met and no rule has run out of steps."""
        return not self.has_failed and all(line.result.met for line in self.lines)

    def as_json(self) -> dict[str, object]:
        """The report as the control API shows it, without an empty `name` or `undocumented`."""
        undocumented = [each._asdict() for each in self.undocumented]
        return {
            **({} if self.name is None else {"name": self.name}),
            "passed": self.passed,
            "expectations": [line.as_json() for line in self.lines],
            "rules": list(self.rules),
            "audit": audit_as_json(self.findings),
            **({"undocumented": undocumented} if undocumented else {}),
        }


def report(observed: Observed) -> Report:
    """Report on the active scenarios at once."""
    return finish(reporting(observed))


def reporting(observed: Observed, only: Sequence[Scenario] | None = None) -> Slices[Report]:
    """Report on the active scenarios, or `only` on these, in slices."""
    world = observed.world
    scenarios = world.rules.scenarios if only is None else only
    names = {each.name for each in scenarios}
    rules = [rule for rule in world.rules.rule_set.all if rule.scenario in names]
    auditing = _audited_once(observed)
    findings = yield from auditing()
    lines: list[ReportLine] = []
    for scenario in scenarios:
        own = [rule for rule in rules if rule.scenario == scenario.name]
        context = EvaluationContext(observed, own, auditing)
        lines += yield from _evaluate(scenario.expectations, context)
    return Report(
        lines=tuple(lines),
        rules=tuple(_rule_as_json(observed, rule) for rule in rules),
        findings=tuple(findings),
        has_failed=any(rule.failed for rule in rules),
        name=world.config.name,
        undocumented=tuple(undocumented_calls(world)),
    )


def verifying(
    observed: Observed, expectations: Iterable[Expectation]
) -> Slices[tuple[ReportLine, ...]]:
    """Evaluate expectations, in slices; `rules: all_fired` applies to every active rule."""
    context = EvaluationContext(
        observed, observed.world.rules.rule_set.all, _audited_once(observed)
    )
    return tuple((yield from _evaluate(expectations, context)))


def _audited_once(observed: Observed) -> Callable[[], Slices[Sequence[Finding]]]:
    """Make a function that audits at the first call and returns the same findings later."""
    found: list[tuple[Finding, ...]] = []

    def auditing_once() -> Slices[Sequence[Finding]]:
        if not found:
            found.append((yield from auditing(observed)))
        return found[0]

    return auditing_once


def _evaluate(
    expectations: Iterable[Expectation], context: EvaluationContext
) -> Slices[list[ReportLine]]:
    lines: list[ReportLine] = []
    for each in expectations:
        check: Check = each.check
        found = check.evaluate(context)
        result = found if isinstance(found, ExpectationResult) else (yield from found)
        lines.append(ReportLine(each, result))
        yield
    return lines


def _rule_as_json(observed: Observed, active_rule: AnyActiveRule) -> dict[str, object]:
    return {
        "scenario": active_rule.scenario,
        "rule": active_rule.rule.name,
        "matched": active_rule.matched,
        "fired": active_rule.fired,
        "why_not": _why_not(observed, active_rule),
    }


def _why_not(observed: Observed, active_rule: AnyActiveRule) -> str | None:
    """Why a rule has not fired, or what went wrong after it had; None if all is well."""
    if active_rule.failed:
        return f"ran out of steps {_times_text(active_rule.failed)} (then: fail)"
    if active_rule.skipped:
        return f"skipped {_times_text(active_rule.skipped)}: {active_rule.why_skipped}"
    if active_rule.fired:
        return None
    if active_rule.matched:
        return f"matched {_times_text(active_rule.matched)}, but lost every draw"
    return _why_unmet(observed, active_rule)


def _why_unmet(observed: Observed, active_rule: AnyActiveRule) -> str:
    match active_rule.rule:
        case RequestRule():
            return _why_unanswered(observed.world, active_rule)
        case EventRule() as rule:
            return _why_no_event(observed.world.ledger, rule)
        case AtRule() as rule:
            return _why_not_timed(observed.world, active_rule.name, rule)
        case WebhookRule() as rule:
            return _why_no_delivery(observed, rule)
        case _:
            assert_never(active_rule.rule)


def _why_no_event(ledger: Ledger, rule: EventRule) -> str:
    events = (ledger.any_event(number).type for number in range(ledger.events))
    if not any(event_matches(rule.event, each) for each in events):
        return f"no {rule.event} has happened"
    if rule.when:
        return f"no {rule.event} met its conditions"
    return f"no {rule.event} has happened since it was activated, except by rules or by hand"


def _why_not_timed(world: World, name: str, rule: AtRule) -> str:
    timeline = world.timeline
    for due, job in timeline.upcoming(len(timeline)):
        if isinstance(job, RunTimedRule) and job.rule == name:
            return f"it is not due until {show_milliseconds(due)}"
    if world.clock.now() + rule.at > LAST:
        return "it is due after the year 2999, or no payment met its conditions"
    return "it was due, but no payment met its conditions"


def _why_no_delivery(observed: Observed, rule: WebhookRule) -> str:
    event = rule.webhook
    if not any(event_matches(event, each.type) for each in observed.deliveries):
        return f"no delivery of {event} was made{observed.why_undelivered(event)}"
    if rule.when:
        return f"no delivery of {event} met its conditions"
    return f"no delivery of {event} was made since it was activated"


def _why_unanswered(world: World, active_rule: AnyActiveRule) -> str:
    """Why the rule did not answer the last call of its operation."""
    for entry in world.journal.before(None):
        for scenario, rule, why in entry.considered:
            is_same_rule = scenario == active_rule.scenario and rule == active_rule.rule.name
            if is_same_rule and not why.startswith("it is for"):
                return f"at {world.journal.id_of(entry)}, {why}"
    return "no such call was made"


def _times_text(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
