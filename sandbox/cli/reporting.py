"""Owns how a report reads: what was expected, which rules have fired, what the audit finds."""

import json
import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final, TypedDict

_PLAIN: Final = re.compile(r"[A-Za-z_][\w.*/-]*( [\w.*/-]+)*|[0-9]+(ms|[smhd])")
_NOT_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What YAML would read as something else than these words."""

_WIDTH: Final = 88
"""Columns of a finding's text."""


class Expected(TypedDict):
    """One expectation; `observed` says in words what was seen."""

    expect: dict[str, object]
    met: bool
    observed: str


class RuleSeen(TypedDict):
    """One rule; `why_not` says why it has not fired, or what went wrong when it had."""

    scenario: str
    rule: str
    matched: int
    fired: int
    why_not: str | None


class Finding(TypedDict):
    """One thing that the audit finds, with the ids of the requests or deliveries behind it."""

    kind: str
    message: str
    advice: str
    requests: list[str]


class Audit(TypedDict):
    """What a real ledger would not forgive."""

    clean: bool
    findings: list[Finding]


class Report(TypedDict):
    """What the control API answers to `GET report`."""

    passed: bool
    expectations: list[Expected]
    rules: list[RuleSeen]
    audit: Audit


def in_one_line(report: Report) -> str:
    """The outcome, with what there is of each part."""
    unmet = sum(not each["met"] for each in report["expectations"])
    silent = sum(not rule["fired"] for rule in report["rules"])
    wrong = sum(bool(rule["fired"] and rule["why_not"]) for rule in report["rules"])
    parts = (
        _share(unmet, len(report["expectations"]), "expectation", "not met", "met"),
        _share(silent, len(report["rules"]), "rule", "never fired", "fired"),
        f"{_counted(wrong, 'rule')} went wrong" if wrong else "",
        "the audit is clean"
        if report["audit"]["clean"]
        else _counted(len(report["audit"]["findings"]), "audit finding"),
    )
    outcome = "passed" if report["passed"] else "failed"
    return f"{outcome}: {'; '.join(part for part in parts if part)}"


def in_text(report: Report) -> str:
    """All of it, the outcome first; each part is left out where there is nothing to say."""
    lines = [
        in_one_line(report),
        *_section("expectations", list(_expectations(report["expectations"]))),
        *_section("rules", list(_rules(report["rules"]))),
        *_section("audit", list(_findings(report["audit"]["findings"]))),
    ]
    return "\n".join(lines) + "\n"


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


def _share(count: int, total: int, noun: str, some: str, none: str) -> str:
    """Such as "1 of 3 expectations not met", or "3 expectations met"; "" where there is none."""
    if count:
        return f"{count} of {_counted(total, noun)} {some}"
    return f"{_counted(total, noun)} {none}" if total else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"{title}:", *(f"  {line}" for line in lines))


def _expectations(expectations: Sequence[Expected]) -> Iterator[str]:
    for each in expectations:
        yield f"{'met    ' if each['met'] else 'NOT MET'}  {flow(each['expect'])}"
        yield f"         {each['observed']}"


def _rules(rules: Sequence[RuleSeen]) -> Iterator[str]:
    for rule in rules:
        yield f"{_times(rule)}  {rule['scenario']}: {rule['rule']}"
        if rule["why_not"] is not None:
            yield f"         {rule['why_not']}"


def _times(rule: RuleSeen) -> str:
    """How often it fired, and of how many chances where it let some go."""
    match rule["fired"]:
        case 0:
            return "never fired"
        case fired if fired == rule["matched"]:
            return f"fired {fired}×"
        case fired:
            return f"fired {fired}× of {rule['matched']}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for each in findings:
        yield each["kind"]
        for text in (each["message"], each["advice"], ", ".join(each["requests"])):
            for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
                yield f"         {line}"
