"""Owns the matrix that a terminal shows: a row for each failure, a column for each call."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from payments_sandbox.exploration.calls import CallName
from payments_sandbox.exploration.exploration import ExplorationResult
from payments_sandbox.exploration.verdicts import RunVerdict

NOT_MET: Final = "-"
AHEAD: Final = "."
_NONE: Final = " "
_LABEL: Final = 34
"""Columns of a failure's name."""

Cells = Mapping[tuple[CallName, str], str]


def cells(result: ExplorationResult) -> Cells:
    """The mark of each failure of each call, of depth 1; failures that were not tried come last."""
    tried = [
        (run.planned, NOT_MET if run.says_nothing else run.verdict.mark) for run in result.runs
    ]
    ahead = [(planned, AHEAD) for planned in result.left]
    return {
        (injection.name, injection.failure.id): mark
        for planned, mark in (*tried, *ahead)
        if planned.depth == 1
        for injection in planned.injections
    }


def columns(result: ExplorationResult, marks: Cells) -> list[CallName]:
    """The calls that have a cell, as they came."""
    tried = {name for name, _ in marks}
    return [name for name in result.names if name in tried]


def matrix(names: Sequence[CallName], marks: Cells, *, width: int) -> list[str]:
    """The lines of the matrix, in parts where a terminal is too narrow for all calls.

    Args:
        names: the calls, a column each.
        marks: the cells.
        width: columns of the terminal.
    """
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
    """What the numbers and the marks stand for."""
    words = {each.mark: each.replace("_", " ") for each in RunVerdict}
    words |= {NOT_MET: "not met", AHEAD: "not tried"}
    present = set(used)
    marks = [f"{mark} {word}" for mark, word in words.items() if mark in present]
    return [f"{number:>3} {name}" for number, name in enumerate(names, 1)] + ["", "  ".join(marks)]
