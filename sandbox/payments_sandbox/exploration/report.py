"""Owns the report of an exploration as plain values, and the reading of reports in JSON.

All times are called `seconds`; everything else is equal for equal seeds.

The scenario of a finding expects the ledger of a run without a failure, so `run` fails with it as
long as the bug exists. A command that fails or crashes makes `run` fail by its own exit code, and
needs no expectation.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from payments_sandbox.exploration.calls import NOBODY, CallName
from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import ExploredFinding, JudgedRun
from payments_sandbox.exploration.judge import Oracle, RunVerdict, customers_money
from payments_sandbox.exploration.planning import Injection
from payments_sandbox.exploration.run_record import Money, call_by_call
from payments_sandbox.rules.schema_parts import Json

FORMAT: Final = 1
"""The version of the format."""

NOT_MET: Final = "not_met"
"""The key in `counts` for runs that say nothing."""


class ExploredFlow(NamedTuple):
    """What was explored, and how.

    Attributes:
        title: the command line, or the id of the test.
        repeat: the command line to run it with a scenario, for which `FILE` stands.
        depth: how many failures a run may meet.
        seed: the seed from which those of the worlds are derived.
        seconds: how long the exploration took.
        accepted: the identities of accepted findings, and accepted verdicts.
        keeps_files: whether the scenarios of findings are written to files.
    """

    title: str
    repeat: str
    depth: int
    seed: int | None
    seconds: float = 0.0
    accepted: frozenset[str] = frozenset()
    keeps_files: bool = True

    def repeat_of(self, finding: ExploredFinding) -> str:
        """The command line to run it with the scenario of a finding."""
        return self.repeat.replace("FILE", f"{finding.name}.yaml")


def as_json(flow: ExploredFlow, result: ExplorationResult) -> Json:
    """The whole report."""
    return {
        "format": FORMAT,
        "command": flow.title,
        "depth": flow.depth,
        "seed": flow.seed,
        "calls": [_name(each) for each in result.names],
        "differences": list(result.differences),
        "undocumented": list(result.undocumented),
        "verdicts": counts(result),
        "runs": [_run(each) for each in result.runs],
        "findings": [finding_json(flow, each, result) for each in result.found],
        "left": [[_injection(each) for each in planned.injections] for planned in result.left],
        "pruned": dict(result.pruned),
        "is_well": result.has_tried and not new_findings(flow, result),
        "seconds": round(flow.seconds, 3),
    }


def counts(result: ExplorationResult) -> dict[str, int]:
    """Count the runs by verdict, and those that say nothing."""
    found = Counter(NOT_MET if each.says_nothing else str(each.verdict) for each in result.runs)
    return {word: found[word] for word in (*map(str, RunVerdict), NOT_MET) if found[word]}


def new_findings(flow: ExploredFlow, result: ExplorationResult) -> list[ExploredFinding]:
    """The findings that are not accepted."""
    return [each for each in result.found if not is_accepted(flow, each)]


def is_accepted(flow: ExploredFlow, finding: ExploredFinding) -> bool:
    """Whether a finding's verdict is accepted, or the finding is in the baseline."""
    return not flow.accepted.isdisjoint({finding.verdict, finding.identity})


def scenario_of(finding: ExploredFinding, result: ExplorationResult) -> Json:
    """The scenario that reproduces a finding, and fails as long as it does."""
    return scenario_of_run(finding.run, finding.name, result)


def scenario_of_run(run: JudgedRun, name: str, result: ExplorationResult) -> Json:
    """The scenario that reproduces any run that went wrong, with a given name."""
    expectations = expected(run, result.oracle)
    return run.planned.scenario(name) | ({"expect": expectations} if expectations else {})


def finding_json(flow: ExploredFlow, finding: ExploredFinding, result: ExplorationResult) -> Json:
    """A finding as plain values."""
    run = finding.run
    return {
        "name": finding.name,
        "verdict": finding.verdict,
        "identity": finding.identity,
        "is_accepted": is_accepted(flow, finding),
        "is_repeatable": finding.is_repeatable,
        "failures": [_injection(each) for each in run.planned.injections],
        "happened": list(call_by_call(run.record)),
        "evidence": list(run.why.evidence),
        "advice": list(run.why.advice),
        "output": run.record.end.output.splitlines()[-5:],
        "witnesses": [each.planned.failure_ids for each in finding.witnesses],
        "scenario": scenario_of(finding, result),
        "repeat": flow.repeat_of(finding),
    }


def read_baseline(file: Path) -> frozenset[str]:
    """The identities of the findings of an earlier exploration.

    Raises:
        ValueError: the file cannot be read, or is not such a report.
    """
    return frozenset(each["identity"] for each in read_report(file)["findings"])


def read_report(file: Path) -> Json:
    """Read the JSON report of an earlier exploration.

    Raises:
        ValueError: the file cannot be read, or is not such a report.
    """
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        report = None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise ValueError("expected a report written by `explore --json FILE`")
    return report


def _run(run: JudgedRun) -> Json:
    end = run.record.end
    return {
        "number": run.planned.number,
        "depth": run.planned.depth,
        "verdict": run.verdict,
        "is_met": run.is_met,
        "failures": [_injection(each) for each in run.planned.injections],
        "exit_code": None if end.timed_out else end.exit_code,
        "evidence": list(run.why.evidence),
        "seconds": round(end.seconds, 3),
    }


def _injection(injection: Injection) -> Json:
    return {
        "call": str(injection.name),
        **_name(injection.name),
        "failure": injection.failure.id,
        "about": injection.failure.about,
    }


def _name(name: CallName) -> Json:
    kind = "event" if name.is_webhook else "operation"
    return {kind: name.what, "customer": name.customer or None, "nth": name.nth}


# What a finding's scenario expects


_MONEY: Final = frozenset(
    {
        RunVerdict.DOUBLE_CHARGE,
        RunVerdict.REFUNDED_TWICE,
        RunVerdict.PHANTOM_SUCCESS,
        RunVerdict.HANDLED_TWICE,
    }
)
_CHARGED: Final = ["completed", "pending"]


def expected(run: JudgedRun, oracle: Oracle) -> list[dict[str, Any]]:
    """List expectations that a run that went wrong does not meet."""
    if run.verdict is RunVerdict.ACCEPTED_FORGERY:
        return [_refused(run)]
    if run.verdict not in _MONEY:
        return []
    return list(_expected_totals(run, oracle)) or [{"audit": "clean"}]


def _refused(run: JudgedRun) -> dict[str, Any]:
    for each in run.planned.injections:
        if each.failure.id == "forged":
            return {"webhook": each.name.what, "forged": "refused"}
    return {"audit": "clean"}


def _expected_totals(run: JudgedRun, oracle: Oracle) -> Iterator[dict[str, Any]]:
    """Yield expectations of the totals without the failure, if they differ."""
    usual, now = customers_money(oracle.money, oracle), customers_money(run.record.money(), oracle)
    for customer, currency in sorted({*usual, *now}):
        before = usual.get((customer, currency), Money())
        money = now.get((customer, currency), Money())
        whose = _whose(customer, oracle) | {"currency": currency}
        if money.charged != before.charged:
            yield {"payments": whose | {"status": _CHARGED}, "total": before.charged}
        if money.refunded != before.refunded:
            yield {"refunds": whose, "total": before.refunded}


def _whose(customer: str, oracle: Oracle) -> dict[str, Any]:
    if not oracle.by_customer:
        return {}
    return {"customer_id": {"exists": False} if customer == NOBODY else customer}
