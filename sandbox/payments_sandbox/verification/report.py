"""Owns the report: which expectations are met, which rules have fired, what the audit finds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from payments_sandbox.rules.expectations import Expectation
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule
from payments_sandbox.rules.rule_set import AnyCue
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
    cues = _cues(world)
    lines: list[Line] = []
    for scenario in world.active_scenarios:
        own = [cue for cue in cues if cue.scenario == scenario.name]
        evidence = Evidence(world, deliveries, own, findings)
        lines += _judged(scenario.expectations, evidence)
    rules = tuple(_shown(world, cue) for cue in cues)
    return Report(tuple(lines), rules, findings, any(cue.failed for cue in cues))


def verified(
    world: World, deliveries: Deliveries, expectations: Iterable[Expectation]
) -> tuple[Line, ...]:
    """How expectations stand now; `rules: all_fired` speaks of every active rule."""
    findings = tuple(audit(world, deliveries))
    return tuple(_judged(expectations, Evidence(world, deliveries, _cues(world), findings)))


def _cues(world: World) -> Sequence[AnyCue]:
    return () if world.script.play is None else world.script.play.cast.all


def _judged(expectations: Iterable[Expectation], evidence: Evidence) -> list[Line]:
    return [Line(each, judge(each.what, evidence)) for each in expectations]


def _shown(world: World, cue: AnyCue) -> dict[str, object]:
    return {
        "scenario": cue.scenario,
        "rule": cue.rule.name,
        "matched": cue.matched,
        "fired": cue.fired,
        "why_not": _why_not(world, cue),
    }


def _why_not(world: World, cue: AnyCue) -> str | None:
    """Why a rule has not fired, or what went wrong when it had; None when all is well."""
    if cue.failed:
        return f"ran out of steps {_times(cue.failed)} (then: fail)"
    if cue.skipped:
        return f"skipped {_times(cue.skipped)}: {cue.why_skipped}"
    if cue.fired:
        return None
    if cue.matched:
        return f"met {_times(cue.matched)}, and lost each draw"
    return _why_unmet(world, cue)


def _why_unmet(world: World, cue: AnyCue) -> str:
    match cue.rule:
        case RequestRule():
            return _why_unanswered(world, cue)
        case EventRule(event=event):
            return f"no {event} met its conditions"
        case AtRule():
            return "its time has not come, or no payment met its conditions"
        case _:
            return f"no delivery of {cue.rule.webhook} met its conditions"


def _why_unanswered(world: World, cue: AnyCue) -> str:
    """What kept the rule from answering the last call of its operation."""
    for entry in world.journal.before(None):
        for scenario, rule, why in entry.considered:
            is_its = scenario == cue.scenario and rule == cue.rule.name
            if is_its and not why.startswith("it is about"):
                return f"at {world.journal.id_of(entry)}, {why}"
    return "no such call was made"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
