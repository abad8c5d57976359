"""Owns how a report reads: what was expected, which rules have fired, what the audit finds."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from payments_sandbox.client.models import (
    AuditFindingModel,
    ReportExpectationModel,
    ReportModel,
    ReportRuleModel,
)

_PLAIN: Final = re.compile(r"[A-Za-z_][\w.*/-]*( [\w.*/-]+)*|[0-9]+(ms|[smhd])")
_NOT_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What YAML would read as something else than these words."""

_WIDTH: Final = 88
"""Columns of a finding's text."""


Reports = Mapping[str, ReportModel]
"""The reports of one or more worlds, by the name that a reader knows each by."""


def as_one_line(reports: Reports) -> str:
    """The outcome of all, with what there is of each part."""
    expectations = [each for report in reports.values() for each in report["expectations"]]
    rules = [rule for report in reports.values() for rule in report["rules"]]
    found = sum(len(report["audit"]["findings"]) for report in reports.values())
    wrong = sum(bool(rule["fired"] and rule["why_not"]) for rule in rules)
    parts = (
        _counted(len(reports), "world") if len(reports) > 1 else "",
        _share([each["met"] for each in expectations], "expectation", "met", "not met"),
        _share([bool(rule["fired"]) for rule in rules], "rule", "fired", "never fired"),
        f"{_counted(wrong, 'rule')} went wrong" if wrong else "",
        _counted(found, "audit finding") if found else "the audit is clean",
    )
    has_passed = all(report["passed"] for report in reports.values())
    return f"{'passed' if has_passed else 'failed'}: {'; '.join(part for part in parts if part)}"


def as_text(reports: Reports) -> str:
    """All of it, the outcome first; each part is left out where there is nothing to say."""
    return f"{as_one_line(reports)}\n{_worlds(reports, are_named=len(reports) > 1)}"


def as_short_text(reports: Reports) -> str:
    """What there is to say at the end: nothing, a line when all is well, or what is not besides."""
    unwell = {name: report for name, report in reports.items() if not _is_well(report)}
    if not unwell and not any(each["expectations"] or each["rules"] for each in reports.values()):
        return ""
    return f"{as_one_line(reports)}\n{_worlds(unwell, are_named=len(reports) > 1)}"


def _is_well(report: ReportModel) -> bool:
    """Whether all has gone as it was meant to."""
    is_as_meant = all(rule["why_not"] is None for rule in report["rules"])
    return report["passed"] and report["audit"]["clean"] and is_as_meant


def flow(value: object) -> str:
    """A value as a scenario has it on one line: `{request: create_payment, count: 2}`."""
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _share(outcomes: Sequence[bool], noun: str, well: str, not_well: str) -> str:
    """Such as "1 of 3 expectations not met", or "3 expectations met"; "" where there is none."""
    count = _counted(len(outcomes), noun)
    if bad := outcomes.count(False):
        return f"{bad} of {count} {not_well}"
    return f"{count} {well}" if outcomes else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _worlds(reports: Reports, *, are_named: bool) -> str:
    lines: list[str] = []
    for name, report in reports.items():
        if are_named:
            lines += ["", name, as_one_line({name: report})]
        lines += _section("expectations", list(_expectations(report["expectations"])))
        lines += _section("rules", list(_rules(report["rules"])))
        lines += _section("audit", list(_findings(report["audit"]["findings"])))
    return "".join(f"{line}\n" for line in lines)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _expectations(expectations: Sequence[ReportExpectationModel]) -> Iterator[str]:
    for each in expectations:
        yield f"{'met    ' if each['met'] else 'NOT MET'}  {flow(each['expect'])}"
        yield f"         {each['observed']}"


def _rules(rules: Sequence[ReportRuleModel]) -> Iterator[str]:
    for rule in rules:
        yield f"{_times(rule)}  {rule['scenario']}: {rule['rule']}"
        if rule["why_not"] is not None:
            yield f"         {rule['why_not']}"


def _times(rule: ReportRuleModel) -> str:
    """How often it fired, and of how many chances where it let some go."""
    match rule["fired"]:
        case 0:
            return "never fired"
        case fired if fired == rule["matched"]:
            return f"fired {fired}×"
        case fired:
            return f"fired {fired}× of {rule['matched']}"


def _findings(findings: Sequence[AuditFindingModel]) -> Iterator[str]:
    for each in findings:
        yield each["kind"]
        for text in (each["message"], each["advice"], ", ".join(each["requests"])):
            for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
                yield f"         {line}"
