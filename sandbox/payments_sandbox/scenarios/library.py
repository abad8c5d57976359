"""Owns scenario files and the library: the user's and the shipped scenarios, by name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from payments_sandbox.core.resources import PackageFile, PackageFiles, data_files
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.wording import counted, nearest
from payments_sandbox.scenarios.diagnostics import Problem, render
from payments_sandbox.scenarios.loader import LONGEST_WAIT, Loaded, load
from payments_sandbox.scenarios.yaml_reader import MOST

_FILE: Final = re.compile(r"(?P<name>.+)\.(?:yaml|yml|json)", re.DOTALL)
_LONGEST: Final = 4 * MOST
"""How many bytes the longest allowed text can have."""


File = Path | PackageFile
Folder = Path | PackageFiles


class ScenarioFile(NamedTuple):
    """A scenario file with its content.

    Attributes:
        path: its path in messages.
        text: its text.
        loaded: the scenario, or its problems.
    """

    path: str
    text: str
    loaded: Loaded

    def lint(self, width: int | None = None) -> list[str]:
        """Its problems and warnings as text, each with its line, cut to a width, and a caret."""
        problems = self.loaded.problems
        return [render(problem, self.path, self.text, width=width) for problem in problems]


def read_scenario_file(file: File, *, longest_wait: int = LONGEST_WAIT) -> ScenarioFile:
    """Read a YAML or JSON file, whose name must be that of its scenario.

    Raises:
        OSError: it cannot be read.
    """
    raw = _start_of(file)
    text = raw.decode("utf-8", "replace")
    loaded = load(text, name=name_of(file.name) or file.name, longest_wait=longest_wait)
    try:
        if len(raw) <= _LONGEST:  # otherwise it is cut, and too long anyway
            raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = _no_utf8(raw[: error.start])
        others = (each for each in loaded.problems if each.place != problem.place)
        loaded = Loaded(None, (problem, *others))
    return ScenarioFile(str(file), text, loaded)


def _start_of(file: File) -> bytes:
    """Read a file, or enough of it to show that it is too long: a device may have no end."""
    if not isinstance(file, Path):
        return file.read_bytes()
    with file.open("rb") as opened:
        return opened.read(_LONGEST + 1)


def _no_utf8(before: bytes) -> Problem:
    line = before.rpartition(b"\n")[2].decode("utf-8")
    place = before.count(b"\n") + 1, len(line) + 1
    return Problem((), "the file is not UTF-8", "save the file as UTF-8", place)


def name_of(file: str) -> str | None:
    """The name of the scenario in a file with this name; None if it is not a scenario file."""
    found = _FILE.fullmatch(file)
    return None if found is None else found["name"]


def count_problems(files: Sequence[ScenarioFile]) -> str:
    """Count the problems in a sentence: `2 problems and 1 warning in 3 files`."""
    problems: list[Problem] = [each for file in files for each in file.loaded.problems]
    warnings = sum(each.is_warning for each in problems)
    wrong = len(problems) - warnings
    counts = [counted(wrong, "problem") if wrong else "no problems"]
    if warnings:
        counts.append(counted(warnings, "warning"))
    return f"{' and '.join(counts)} in {counted(len(files), 'file')}"


class UnknownScenario(ValueError):
    """A scenario does not exist; the message names the most similar one, or all."""


class WrongScenarios(ValueError):
    """Scenarios have problems; the message lists all of them, each with its line and a caret.

    Attributes:
        summary: how many problems there are, in how many files.
    """

    def __init__(self, wrong: Sequence[ScenarioFile]) -> None:
        super().__init__("\n".join(line for file in wrong for line in file.lint()))
        self.summary = count_problems(wrong)


class Library:
    """The scenarios in files and folders, read at each use, as they may change.

    Args:
        files: files with one scenario each.
        folders: folders of such files. If several have the same name, the first counts, and files
            come before folders.
        longest_wait: how many wall milliseconds a client may wait (`--max-wall-delay`).
    """

    def __init__(
        self,
        files: Iterable[File],
        folders: Iterable[Folder],
        *,
        longest_wait: int = LONGEST_WAIT,
    ) -> None:
        self._files = tuple(files)
        self._folders = tuple(folders)
        self.longest_wait = longest_wait

    def names(self) -> list[str]:
        """The names of all scenarios, sorted."""
        return sorted(self.files())

    def read(self, name: str) -> ScenarioFile:
        """Read the file of the scenario with a name.

        Raises:
            UnknownScenario: it does not exist.
            OSError: it cannot be read.
        """
        found = self.files()
        check_known(name, found)
        return read_scenario_file(found[name], longest_wait=self.longest_wait)

    def load(self, name: str) -> Loaded:
        """The scenario with a name, or its problems; raises as `read` does."""
        return self.read(name).loaded

    def __iter__(self) -> Iterator[Loaded]:
        return (self.load(name) for name in self.names())

    def files(self) -> dict[str, File]:
        """The files of all scenarios, by their names."""
        entries: list[File] = [*self._files]
        for folder in self._folders:
            with suppress(FileNotFoundError, NotADirectoryError):  # it was removed since the start
                entries += sorted(folder.iterdir(), key=lambda each: each.name)
        found: dict[str, File] = {}
        for entry in entries:
            if (name := name_of(entry.name)) is not None and entry.is_file():
                found.setdefault(name, entry)
        return found


def library_of(settings: Settings) -> Library:
    """The scenarios that a server knows by name: its files, its folders, and the shipped ones."""
    return Library(
        scenario_paths(settings),
        [*settings.scenario_dirs, data_files("scenarios")],
        longest_wait=settings.max_wall_delay,
    )


def scenario_paths(settings: Settings) -> list[Path]:
    """The files among the scenarios that are active from the start."""
    return [wanted for wanted in settings.scenarios if isinstance(wanted, Path)]


def initial_files(settings: Settings) -> list[ScenarioFile]:
    """Read the scenarios that are active from the start, in order.

    Returns:
        Files without problems; some may have warnings.

    Raises:
        UnknownScenario: a name does not exist.
        WrongScenarios: one or more have problems.
        OSError: a file cannot be read.
    """
    library, longest_wait = library_of(settings), settings.max_wall_delay
    files = [
        read_scenario_file(wanted, longest_wait=longest_wait)
        if isinstance(wanted, Path)
        else library.read(wanted)
        for wanted in settings.scenarios
    ]
    if wrong := [file for file in files if file.loaded.scenario is None]:
        raise WrongScenarios(wrong)
    return files


def check_known(name: str, known: Iterable[str]) -> None:
    """Check that a scenario exists.

    Raises:
        UnknownScenario: it is not.
    """
    names = sorted(known)
    if name in names:
        return
    start = f"there is no scenario '{name[:80]}'"
    if close := nearest(name, names):
        raise UnknownScenario(f"{start}; did you mean '{close}'?")
    listed = f"expected one of {', '.join(names)}." if names else "there are none."
    raise UnknownScenario(f"{start}; {listed}")
