"""Owns the report: which expectations are met, which rules have fired, what the audit finds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from payments_sandbox.rules.active_rule import AnyActiveRule
from payments_sandbox.rules.expectations import Expectation
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule
from payments_sandbox.verification.audit import Finding, audit, shown_audit
from payments_sandbox.verification.expectations import Evidence, Judged, judge
from payments_sandbox.verification.observed_deliveries import Deliveries
from payments_sandbox.world.world import World


class Line(NamedTuple):
    """One expectation and its judgement."""

    expectation: Expectation
    judged: Judged

    def shown(self) -> dict[str, object]:
        """As the control API lists it."""
        return {
            "expect": dict(self.expectation.source),
            "met": self.judged.met,
            "observed": self.judged.observed,
        }


class Report(NamedTuple):
    """What has become of the active scenarios."""

    lines: tuple[Line, ...]
    rules: tuple[dict[str, object], ...]
    findings: tuple[Finding, ...]
    has_failed: bool

    @property
    def passed(self) -> bool:
        """Whether every expectation is met and no rule has run out of steps."""
        return not self.has_failed and all(line.judged.met for line in self.lines)

    def shown(self) -> dict[str, object]:
        """As the control API shows it."""
        return {
            "passed": self.passed,
            "expectations": [line.shown() for line in self.lines],
            "rules": list(self.rules),
            "audit": shown_audit(self.findings),
        }


def report(world: World, deliveries: Deliveries) -> Report:
    """How the active scenarios stand now."""
    findings = tuple(audit(world, deliveries))
    active_rules = _cues(world)
    lines: list[Line] = []
    for scenario in world.rules.scenarios:
        own = [active_rule for active_rule in active_rules if active_rule.scenario == scenario.name]
        evidence = Evidence(world, deliveries, own, findings)
        lines += _judged(scenario.expectations, evidence)
    rules = tuple(_shown(world, active_rule) for active_rule in active_rules)
    return Report(
        tuple(lines), rules, findings, any(active_rule.failed for active_rule in active_rules)
    )


def verified(
    world: World, deliveries: Deliveries, expectations: Iterable[Expectation]
) -> tuple[Line, ...]:
    """How expectations stand now; `rules: all_fired` speaks of every active rule."""
    findings = tuple(audit(world, deliveries))
    return tuple(_judged(expectations, Evidence(world, deliveries, _cues(world), findings)))


def _cues(world: World) -> Sequence[AnyActiveRule]:
    return world.rules.rule_set.all


def _judged(expectations: Iterable[Expectation], evidence: Evidence) -> list[Line]:
    return [Line(each, judge(each.what, evidence)) for each in expectations]


def _shown(world: World, active_rule: AnyActiveRule) -> dict[str, object]:
    return {
        "scenario": active_rule.scenario,
        "rule": active_rule.rule.name,
        "matched": active_rule.matched,
        "fired": active_rule.fired,
        "why_not": _why_not(world, active_rule),
    }


def _why_not(world: World, active_rule: AnyActiveRule) -> str | None:
    """Why a rule has not fired, or what went wrong when it had; None when all is well."""
    if active_rule.failed:
        return f"ran out of steps {_times(active_rule.failed)} (then: fail)"
    if active_rule.skipped:
        return f"skipped {_times(active_rule.skipped)}: {active_rule.why_skipped}"
    if active_rule.fired:
        return None
    if active_rule.matched:
        return f"met {_times(active_rule.matched)}, and lost each draw"
    return _why_unmet(world, active_rule)


def _why_unmet(world: World, active_rule: AnyActiveRule) -> str:
    match active_rule.rule:
        case RequestRule():
            return _why_unanswered(world, active_rule)
        case EventRule(event=event):
            return f"no {event} met its conditions"
        case AtRule():
            return "its time has not come, or no payment met its conditions"
        case _:
            return f"no delivery of {active_rule.rule.webhook} met its conditions"


def _why_unanswered(world: World, active_rule: AnyActiveRule) -> str:
    """What kept the rule from answering the last call of its operation."""
    for entry in world.journal.before(None):
        for scenario, rule, why in entry.considered:
            is_its = scenario == active_rule.scenario and rule == active_rule.rule.name
            if is_its and not why.startswith("it is about"):
                return f"at {world.journal.id_of(entry)}, {why}"
    return "no such call was made"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
