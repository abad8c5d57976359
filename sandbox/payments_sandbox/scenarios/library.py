"""Owns files of scenarios, and the library: scenarios by name, the users' own and the shipped."""

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
"""Bytes that a text of the most characters can have."""


File = Path | PackageFile
Folder = Path | PackageFiles


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


def read_scenario_file(file: File, *, longest_wait: int = LONGEST_WAIT) -> ScenarioFile:
    """Read a file in YAML or JSON, whose name has to be that of its scenario.

    Raises:
        OSError: it cannot be read.
    """
    raw = _start_of(file)
    text = raw.decode("utf-8", "replace")
    loaded = load(text, name=name_of(file.name) or file.name, longest_wait=longest_wait)
    try:
        if len(raw) <= _LONGEST:  # else it is cut somewhere, and too long
            raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = _no_utf8(raw[: error.start])
        others = (each for each in loaded.problems if each.place != problem.place)
        loaded = Loaded(None, (problem, *others))
    return ScenarioFile(str(file), text, loaded)


def _start_of(file: File) -> bytes:
    """What a file says, and no more than shows that it is too long: a device has no end."""
    if not isinstance(file, Path):
        return file.read_bytes()
    with file.open("rb") as opened:
        return opened.read(_LONGEST + 1)


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
    wrong = len(problems) - warnings
    counts = [counted(wrong, "problem") if wrong else "no problems"]
    if warnings:
        counts.append(counted(warnings, "warning"))
    return f"{' and '.join(counts)} in {counted(len(files), 'file')}"


class UnknownScenario(ValueError):
    """A scenario is not there; the text names the nearest, or all that there are."""


class WrongScenarios(ValueError):
    """Scenarios have problems; the text is all of them, each with its line and a caret.

    Attributes:
        summary: how many problems they have, in how many files.
    """

    def __init__(self, wrong: Sequence[ScenarioFile]) -> None:
        super().__init__("\n".join(line for file in wrong for line in file.lint))
        self.summary = count_problems(wrong)


class Library:
    """The scenarios of files and folders, read each time they are asked for, as they may change.

    Args:
        files: for one scenario each.
        folders: with any number; of several of one name the first counts, and files before folders.
        longest_wait: wall milliseconds that the server lets a client wait (`--max-wall-delay`).
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
        """Read the file of a name.

        Raises:
            UnknownScenario: there is none.
            OSError: it cannot be read.
        """
        found = self.files()
        check_known(name, found)
        return read_scenario_file(found[name], longest_wait=self.longest_wait)

    def load(self, name: str) -> Loaded:
        """The scenario of a name, or what is wrong with it; raises as `read` does."""
        return self.read(name).loaded

    def __iter__(self) -> Iterator[Loaded]:
        return (self.load(name) for name in self.names())

    def files(self) -> dict[str, File]:
        """The files of all scenarios, by their names."""
        entries: list[File] = [*self._files]
        for folder in self._folders:
            with suppress(FileNotFoundError, NotADirectoryError):  # it has gone since the start
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
    """The files among the scenarios that settings make active from the start."""
    return [wanted for wanted in settings.scenarios if isinstance(wanted, Path)]


def initial_files(settings: Settings) -> list[ScenarioFile]:
    """Read the scenarios that settings make active from the start, in their order.

    Returns:
        Files without problems; some may have warnings.

    Raises:
        UnknownScenario: there is none of a name.
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
    """See that a scenario is among those that there are.

    Raises:
        UnknownScenario: it is not.
    """
    names = sorted(known)
    if name in names:
        return
    start = f"there is no scenario '{name[:80]}'"
    if close := nearest(name, names):
        raise UnknownScenario(f"{start}; did you mean '{close}'?")
    listed = f"there are {', '.join(names)}." if names else "there are none."
    raise UnknownScenario(f"{start}; {listed}")
