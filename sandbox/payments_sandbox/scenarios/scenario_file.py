"""Owns files of scenarios: their names, and the result of reading one."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.scenarios.diagnostics import Problem, render
from payments_sandbox.scenarios.loader import LONGEST_WAIT, Loaded, load

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_FILE: Final = re.compile(r"(?P<name>.+)\.(?:yaml|yml|json)", re.DOTALL)


class ScenarioFile(NamedTuple):
    """A file that was read, and the result.

    Attributes:
        path: as its problems name it.
        text: what it says.
        loaded: the scenario, or what is wrong.
    """

    path: str
    text: str
    loaded: Loaded

    @property
    def lint(self) -> list[str]:
        """Its problems and warnings, each with its line and a caret."""
        return [render(problem, self.path, self.text) for problem in self.loaded.problems]


def read_scenario_file(file: "Traversable", *, longest_wait: int = LONGEST_WAIT) -> ScenarioFile:
    """Read a file, whose name has to be that of its scenario.

    Args:
        file: of a scenario, in YAML or JSON.
        longest_wait: wall milliseconds that the server lets a client wait (`--max-wall-delay`).

    Raises:
        OSError: it cannot be read.
    """
    raw = file.read_bytes()
    text = raw.decode("utf-8", "replace")
    loaded = load(text, name=name_of(file.name) or file.name, longest_wait=longest_wait)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = _no_utf8(raw[: error.start])
        others = (each for each in loaded.problems if each.place != problem.place)
        loaded = Loaded(None, (problem, *others))
    return ScenarioFile(str(file), text, loaded)


def _no_utf8(before: bytes) -> Problem:
    line = before.rpartition(b"\n")[2].decode("utf-8")
    place = before.count(b"\n") + 1, len(line) + 1
    return Problem((), "this is not UTF-8", "save the file in UTF-8", place)


def name_of(file: str) -> str | None:
    """The name of the scenario in a file of this name; None where it is not a scenario's file."""
    found = _FILE.fullmatch(file)
    return None if found is None else found["name"]


def count_problems(files: Sequence[ScenarioFile]) -> str:
    """Say how many problems there are: `2 problems and 1 warning in 3 files`."""
    problems: list[Problem] = [each for file in files for each in file.loaded.problems]
    warnings = sum(each.is_warning for each in problems)
    counts = [_counted(len(problems) - warnings, "problem")]
    if warnings:
        counts.append(_counted(warnings, "warning"))
    return f"{' and '.join(counts)} in {_counted(len(files), 'file')}"


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
