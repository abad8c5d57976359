"""Owns the report of an exploration on a terminal: the matrix of failures, and the findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from textwrap import indent, wrap
from typing import Final

from payments_sandbox.core.wording import counted
from payments_sandbox.exploration.calls import CallName
from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.findings import ExploredFinding
from payments_sandbox.exploration.judge import RunVerdict
from payments_sandbox.exploration.report import (
    ExploredFlow,
    counts,
    is_accepted,
    new_findings,
    scenario_of,
)
from payments_sandbox.exploration.run_record import call_by_call
from payments_sandbox.scenarios.yaml_writer import text_of

NOT_MET_MARK: Final = "-"
NOT_TRIED_MARK: Final = "."
_NONE: Final = " "
_LABEL: Final = 34
"""The width of a failure's name, in columns."""

Cells = Mapping[tuple[CallName, str], str]


def cells(result: ExplorationResult) -> Cells:
    """The mark of each failure of each call in depth 1; failures that were not tried come last."""
    tried = [
        (run.planned, NOT_MET_MARK if run.says_nothing else run.verdict.mark) for run in result.runs
    ]
    ahead = [(planned, NOT_TRIED_MARK) for planned in result.left]
    return {
        (injection.name, injection.failure.id): mark
        for planned, mark in (*tried, *ahead)
        if planned.depth == 1
        for injection in planned.injections
    }


def columns(result: ExplorationResult, marks: Cells) -> list[CallName]:
    """The calls that have a cell, in order."""
    tried = {name for name, _ in marks}
    return [name for name in result.names if name in tried]


def matrix(names: Sequence[CallName], marks: Cells, *, width: int) -> list[str]:
    """The lines of the matrix, in parts if the terminal is too narrow for all calls."""
    most = max(1, (width - _LABEL) // 3)
    lines: list[str] = []
    for start in range(0, len(names), most):
        part = names[start : start + most]
        numbers = range(start + 1, start + len(part) + 1)
        lines.append(" " * _LABEL + "".join(f"{number:>3}" for number in numbers))
        for failure in dict.fromkeys(failure for name, failure in marks if name in part):
            row = "".join(f"{marks.get((name, failure), _NONE):>3}" for name in part)
            lines.append(f"{failure[:_LABEL]:<{_LABEL}}{row}".rstrip())
    return lines


def legend(names: Sequence[CallName], used: Iterable[str]) -> list[str]:
    """The lines that explain the numbers and marks."""
    words = {each.mark: each.replace("_", " ") for each in RunVerdict}
    words |= {NOT_MET_MARK: "not met", NOT_TRIED_MARK: "not tried"}
    present = set(used)
    marks = [f"{mark} {word}" for mark, word in words.items() if mark in present]
    return [f"{number:>3} {name}" for number, name in enumerate(names, 1)] + ["", "  ".join(marks)]


WIDTH: Final = 90
_INDENT: Final = "     "


def as_text(flow: ExploredFlow, result: ExplorationResult, *, width: int = WIDTH) -> str:
    """The whole report: the outcome, the matrix, the findings, and what was left out."""
    lines = [summary(flow, result), ""]
    marks = cells(result)
    shown = columns(result, marks)
    lines += matrix(shown, marks, width=width)
    lines += ["", *legend(shown, marks.values())]
    for finding in result.found:
        lines += ["", *finding_lines(flow, finding, width=min(width, WIDTH))]
        if not flow.keeps_files:
            text = text_of(scenario_of(finding, result))
            lines += [f"{_INDENT}with {finding.name}.yaml:", indent(text.rstrip(), _INDENT * 2)]
    lines += remarks(result)
    return "\n".join(lines) + "\n"


def summary(flow: ExploredFlow, result: ExplorationResult) -> str:
    """Summarise in a line: how many findings, in how many runs, with which verdicts."""
    new, all_found = new_findings(flow, result), len(result.found)
    known = f", {all_found - len(new)} accepted" if all_found > len(new) else ""
    what = counted(len(new), "finding") if new else "nothing found"
    spread = ", ".join(f"{word} {count}" for word, count in counts(result).items())
    left = f"; {len(result.left)} left out, since time was up" if result.left else ""
    runs = counted(len(result.runs), "run")
    return f"{what}{known} in {runs} ({spread}){left}"


def finding_lines(
    flow: ExploredFlow, finding: ExploredFinding, *, width: int = WIDTH
) -> Iterator[str]:
    """Write a finding: what happened, the evidence, the advice, and the command that repeats it."""
    run, wrapped = finding.run, partial(_wrapped, width=width)
    accepted = " (accepted)" if is_accepted(flow, finding) else ""
    yield f"{finding.number:02} {finding.verdict}{accepted}: {finding.verdict.meaning}"
    for injection in run.planned.injections:
        yield from wrapped(str(injection))
    for number, line in enumerate(call_by_call(run.record), 1):
        yield from wrapped(f"{number}. {line}")
    for line in run.why.evidence:
        yield from wrapped(f"→ {line}")
    for line in run.why.advice:
        yield from wrapped(f"advice: {line}")
    if len(finding.witnesses) > 1:
        others = [each.planned.failure_ids for each in finding.witnesses[1:]]
        yield from wrapped(f"the same after: {', '.join(dict.fromkeys(others))}")
    if finding.is_repeatable is False:
        yield from wrapped("another run of it had another outcome")
    yield f"{_INDENT}{flow.repeat_of(finding)}"


def remarks(result: ExplorationResult) -> Iterator[str]:
    """Yield how runs without a failure differ, their undocumented calls, and what was left out."""
    past = (
        (f"Without a failure, it makes an undocumented call: {each}")
        for each in result.undocumented
    )
    for remark in (*result.differences, *past):
        yield ""
        yield from wrap(remark, WIDTH, break_long_words=False, break_on_hyphens=False)
    if result.pruned:
        yield ""
        yield "failures left out:"
        for why, count in result.pruned.items():
            yield f"{count:>7}  {why}"


def _wrapped(text: str, *, width: int) -> list[str]:
    return wrap(
        text, width, initial_indent=_INDENT, subsequent_indent=f"{_INDENT}   ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
