"""Owns the problems of a scenario: where each is, what is wrong, and what would have worked."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from payments_sandbox.contract.schema_errors import Path, pointer

Place = tuple[int, int]
"""Line and column, both counted from 1."""

KEY: Final = "@key"
"""The last part of a path that leads to a key instead of its value."""

LONGEST_EXCERPT: Final = 160
EXCERPT: Final = " " * 4
"""The indent of a line that is quoted from a text."""


class Problem(NamedTuple):
    """One problem of a scenario, or a warning about something without effect.

    Attributes:
        path: the keys and positions that lead to it, such as `("rules", 0, "do")`.
        message: what is wrong, without a full stop.
        hint: what would have worked, or None if the message says so.
        place: where it is in the text; None if there is no text.
        is_warning: whether the scenario is valid all the same.
        is_missing: whether something is missing; the place is that of the part that lacks it.
    """

    path: Path
    message: str
    hint: str | None = None
    place: Place | None = None
    is_warning: bool = False
    is_missing: bool = False

    @property
    def sentence(self) -> str:
        """Message and hint in one line."""
        message = f"warning: {self.message}" if self.is_warning else self.message
        return f"{message}; {self.hint}" if self.hint else message

    def as_json(self) -> dict[str, object]:
        """The problem as the control API lists it: line, column, path, message and hint."""
        line, column = self.place or (None, None)
        message = f"warning: {self.message}" if self.is_warning else self.message
        return {
            "line": line,
            "column": column,
            "path": pointer(self.path),
            "message": message,
            "hint": self.hint,
        }


def locate(problems: Iterable[Problem], places: Mapping[Path, Place]) -> list[Problem]:
    """Add places to problems, and sort them in the order of the text.

    Only one problem is reported for each value: further findings of the reader, the schema and the
    lint at the same place usually follow from the first. Missing keys are reported in addition.
    """
    found: dict[tuple[Place | None, Path, str], Problem] = {}
    for problem in problems:
        place = problem.place or _place(problem.path, places)
        path = problem.path[:-1] if problem.path[-1:] == (KEY,) else problem.path
        key = (place, () if place else path, problem.message if problem.is_missing else "")
        found.setdefault(key, problem._replace(path=path, place=place))
    return sorted(found.values(), key=_rank)


def _place(path: Path, places: Mapping[Path, Place]) -> Place | None:
    """The place of a path, or of the nearest enclosing part that has one."""
    while path not in places and path:
        path = path[:-1]
    return places.get(path)


def _rank(problem: Problem) -> tuple[Place, list[tuple[int, str]]]:
    steps = [(step, "") if isinstance(step, int) else (-1, step) for step in problem.path]
    return problem.place or (0, 0), steps


def render(problem: Problem, file: str, text: str, *, width: int | None = None) -> str:
    """Write `file:line:column: message; hint`, then the line with a caret below the place.

    The line is cut around the place if it is longer than `width` columns; None stands for enough.
    """
    if problem.place is None:
        return f"{file}: {problem.sentence}"
    line, column = problem.place
    head = f"{file}:{line}:{column}: {problem.sentence}"
    lines = text.splitlines()
    if line > len(lines):
        return head
    whole = lines[line - 1].replace("\t", " ")
    room = LONGEST_EXCERPT if width is None else width - len(EXCERPT)
    start = max(0, min(column - room // 2, len(whole) - room))
    shown = whole[start : start + room]
    shown = f"…{shown[1:]}" if start else shown
    shown = f"{shown[:-1]}…" if start + room < len(whole) else shown
    return f"{head}\n{EXCERPT}{shown}\n{EXCERPT}{' ' * min(column - 1 - start, len(shown))}^"
