"""Owns the messages to tests about reports with failures, and about single requests."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence

from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import ExpectationFailed
from payments_sandbox.client.models import (
    JournalEntryModel,
    ReportExpectationModel,
    ReportRuleModel,
    ReportUndocumentedModel,
    ScenarioModel,
)
from payments_sandbox.verification.report_text import undocumented_in_words

__tracebackhide__ = True


def judge_scenarios(control: SandboxClient, names: Collection[str] = ()) -> None:
    """Check the expectations and rules of the active scenarios of a world.

    Args:
        control: the client for the world.
        names: the scenarios to check; all of them if empty.

    Raises:
        ExpectationFailed: an expectation does not hold within its time, or a rule with
            `then: fail` has run out of steps.
    """
    active = control.list_active_scenarios()["data"] if names else []
    if all(each["name"] in names for each in active):
        raise_if_unmet(control.verify()["expectations"])
        report = control.retrieve_report()
        failed = [] if report["passed"] else failed_rules(report["rules"])
    else:
        own = [each["scenario"] for each in active if each["name"] in names]
        raise_if_unmet(_judged_alone(control, own))
        rules = control.retrieve_report()["rules"]
        failed = failed_rules(each for each in rules if each["scenario"] in names)
    if failed:
        raise ExpectationFailed("\n".join(f"a rule failed: {each}" for each in failed), ())


def _judged_alone(
    control: SandboxClient, scenarios: Iterable[ScenarioModel]
) -> Iterator[ReportExpectationModel]:
    """Judge only some active scenarios; `rules: all_fired` applies to their own rules."""
    for scenario in scenarios:
        expected = scenario.get("expect", [])
        if others := [each for each in expected if "rules" not in each]:
            yield from control.verify(expect=others)["expectations"]
        for each in expected:
            if "rules" in each:
                rules = control.retrieve_report()["rules"]
                own = [rule for rule in rules if rule["scenario"] == scenario["scenario"]]
                idle = ", ".join(rule["rule"] for rule in own if not rule["fired"])
                yield {"expect": each, "met": not idle, "observed": f"never fired: {idle}"}


def raise_if_unmet(expectations: Iterable[ReportExpectationModel]) -> None:
    """Raise ExpectationFailed unless all are met."""
    if unmet := [each for each in expectations if not each["met"]]:
        lines = [f"not met: {json.dumps(each['expect'])}: {each['observed']}" for each in unmet]
        raise ExpectationFailed("\n".join(lines), unmet)


def check_calls(calls: Sequence[ReportUndocumentedModel]) -> None:
    """Raise ExpectationFailed if there are calls that the API does not have."""
    if calls:
        raise ExpectationFailed("\n".join(map(undocumented_in_words, calls)), ())


def failed_rules(rules: Iterable[ReportRuleModel]) -> list[str]:
    """List the failed rules of a report, with the reasons.

    A rule that never fired has a reason, too, but has not failed.
    """
    return [
        f"{each['rule']}: {each['why_not']}" for each in rules if each["fired"] and each["why_not"]
    ]


def explain_request(entry: JournalEntryModel) -> str:
    """Describe a request: its outcome, the rule that answered, and why others did not."""
    response = entry["response"]
    what = f"fault {entry['fault']}"
    if response is not None:
        what = f"{response['status']}{_refusal(response['body'])}"
    if entry["fault"] and response is not None:
        what += f" ({entry['fault']})"
    lines = [f"{entry['id']} at {entry['at']}: {entry['method']} {entry['path']} → {what}"]
    if entry["rule"] is not None:
        committed = {True: ", committed", False: ", not committed", None: ""}[entry["committed"]]
        lines.append(f"  answered by {entry['rule']}, step {entry['step']}{committed}")
    lines += [f"  {each['rule']}: {each['why_not']}" for each in entry["considered"]]
    return "\n".join(lines)


def _refusal(body: object) -> str:
    """The code and details of a reply that is an error; empty otherwise."""
    match body:
        case {"error": {"code": str(code), "details": str(details)}}:
            return f" {code}: {details}"
        case {"error": {"code": str(code)}}:
            return f" {code}"
        case _:
            return ""
