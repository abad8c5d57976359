"""Owns the report as text: expectations, rules, undocumented calls and audit findings."""

import json
import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final, NamedTuple

from payments_sandbox.core.wording import counted
from payments_sandbox.rules.schema_parts import Json

_PLAIN: Final = re.compile(r"[A-Za-z_][\w.*/-]*( [\w.*/-]+)*|[0-9]+(ms|[smhd])")
_NOT_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that YAML may read as something other than text."""

_WIDTH: Final = 88
"""The width of a finding's text, in columns."""

_INDENT: Final = 11
"""The indent of a finding's text."""

_LEAST: Final = 20


class WorldReport(NamedTuple):
    """The report of one world, and what else a reader needs to know.

    Attributes:
        api_key: the key of the world.
        report: the report as the control API shows it.
        reason: why the world was judged before the end of the run; None if it was not.
        was_used: whether it has had a request or an event.
        is_strict: whether an undocumented call fails it.
        is_part: whether it covers only scenarios that have ended; their world has another report.
    """

    api_key: str
    report: Json
    reason: str | None = None
    was_used: bool = True
    is_strict: bool = False
    is_part: bool = False

    @property
    def name(self) -> str:
        """The name of the world, or its key."""
        return str(self.report.get("name", self.api_key))

    @property
    def title(self) -> str:
        """The name and key of the world, and why it was judged before the end."""
        key = "" if self.name == self.api_key else f" ({self.api_key})"
        return f"{self.name}{key}" + (f", {self.reason}" if self.reason else "")

    @property
    def passed(self) -> bool:
        """Whether the world has passed."""
        return self.report["passed"] and not (self.is_strict and self.undocumented)

    @property
    def undocumented(self) -> Sequence[Json]:
        """The calls with an undocumented path or method."""
        found: Sequence[Json] = self.report.get("undocumented", ())
        return found

    @property
    def says_nothing(self) -> bool:
        """Whether nothing was expected of the world and nothing has happened in it."""
        return not self.was_used and not self.report["expectations"]

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to report: expectations met, rules fired, audit clean."""
        is_as_meant = all(rule["why_not"] is None for rule in self.report["rules"])
        return (
            self.report["passed"]
            and self.report["audit"]["clean"]
            and is_as_meant
            and not self.undocumented
        )


Reports = Sequence[WorldReport]


def as_one_line(reports: Reports) -> str:
    """Summarise all reports in a line; findings of a partial report are counted only once."""
    whole = [world for world in reports if not world.is_part] or reports
    is_nothing = all(world.says_nothing for world in reports)
    findings = sum(len(world.report["audit"]["findings"]) for world in whole)
    undocumented = sum(len(world.undocumented) for world in whole)
    parts = ["no requests received"] if is_nothing else []
    if len(whole) > 1:
        parts.append(counted(len(whole), "world"))
    parts += _scenarios_text(reports)
    if undocumented:
        parts.append(counted(undocumented, "undocumented call"))
    if findings:
        parts.append(counted(findings, "audit finding"))
    elif not is_nothing:
        parts.append("the audit is clean")
    if not all(world.passed for world in reports):
        outcome = "failed"
    else:
        outcome = "nothing happened" if is_nothing else "passed"
    return f"{outcome}: {'; '.join(parts)}"


def _scenarios_text(reports: Reports) -> Iterator[str]:
    """Say how many expectations were met, and how many rules have fired."""
    met = [each["met"] for world in reports for each in world.report["expectations"]]
    rules = [rule for world in reports for rule in world.report["rules"]]
    if met:
        yield _share(met, "expectation", "met", "not met")
    if rules:
        yield _share([bool(rule["fired"]) for rule in rules], "rule", "fired", "never fired")
    if wrong := sum(bool(rule["fired"] and rule["why_not"]) for rule in rules):
        yield f"{counted(wrong, 'rule')} went wrong"


def as_text(reports: Reports, *, width: int | None = None) -> str:
    """Write everything, the outcome first; empty sections are left out.

    Args:
        reports: the reports of worlds.
        width: the available columns for the findings; None for a comfortable width.
    """
    return f"{as_one_line(reports)}\n{_worlds(reports, of=len(reports), width=width)}"


def as_short_text(reports: Reports, *, width: int | None = None) -> str:
    """Write what `run` prints at the end: a line, and the worlds in which something is wrong."""
    unwell = [each for each in reports if not each.is_well]
    if not unwell and not any(
        each.report["expectations"] or each.report["rules"] for each in reports
    ):
        return ""
    return f"{as_one_line(reports)}\n{_worlds(unwell, of=len(reports), width=width)}"


def flow(value: object) -> str:
    """Write a value on one line, as in a scenario: `{request: create_payment, count: 2}`."""
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
    """Write "1 of 3 expectations not met" or "3 expectations met"; "" if there are none."""
    count = counted(len(outcomes), noun)
    if bad := outcomes.count(False):
        return f"{bad} of {count} {not_well}"
    return f"{count} {well}" if outcomes else ""


def _worlds(reports: Reports, *, of: int, width: int | None) -> str:
    lines: list[str] = []
    for world in reports:
        report = world.report
        if of > 1:
            lines += ["", world.title, as_one_line([world])]
        elif world.title != world.api_key:
            lines += ["", world.title]
        lines += _section("expectations", list(_expectations(report["expectations"])))
        lines += _section("rules", list(_rules(report["rules"])))
        lines += _section("undocumented calls", list(_undocumented(world.undocumented)))
        lines += _section("audit", list(_findings(report["audit"]["findings"], width)))
    return "".join(f"{line}\n" for line in lines)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _expectations(expectations: Sequence[Json]) -> Iterator[str]:
    for each in expectations:
        yield f"{'met    ' if each['met'] else 'NOT MET'}  {flow(each['expect'])}"
        yield f"         {each['observed']}"


def _rules(rules: Sequence[Json]) -> Iterator[str]:
    for rule in rules:
        yield f"{_times(rule)}  {rule['scenario']}: {rule['rule']}"
        if rule["why_not"] is not None:
            yield f"         {rule['why_not']}"


def _times(rule: Json) -> str:
    """Say how often a rule fired, and for how many matching calls."""
    match rule["fired"]:
        case 0:
            return "never fired"
        case fired if fired == rule["matched"]:
            return f"fired {fired}×"
        case fired:
            return f"fired {fired}× of {rule['matched']}"


def _undocumented(calls: Sequence[Json]) -> Iterator[str]:
    for each in calls:
        yield undocumented_in_words(each)
        yield f"         {each['request']}"


def undocumented_in_words(call: Json) -> str:
    """Say what was called, and what was probably meant."""
    return f"{call['call']}: the API has no such call; did you mean {call['nearest']}?"


def _findings(findings: Sequence[Json], width: int | None) -> Iterator[str]:
    room = _WIDTH if width is None else max(min(_WIDTH, width - _INDENT), _LEAST)
    for each in findings:
        yield each["kind"]
        for text in (each["message"], each["advice"], ", ".join(each["requests"])):
            for line in wrap(text, room, break_long_words=False, break_on_hyphens=False):
                yield f"         {line}"
