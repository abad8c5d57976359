"""Owns `payments-sandbox scenario`: the library, the check, active scenarios, and from-journal."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.commands.new_scenario import add_new
from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import (
    CommandOptions,
    Commands,
    add_command,
    add_group,
    argument,
    naming,
)
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import Cell, Row, print_rows
from payments_sandbox.cli.terminal.highlight import LINT, YAML, View, annotation
from payments_sandbox.cli.terminal.screen import Screen, screen_of
from payments_sandbox.core.colours import BAD, QUIET, STRONG
from payments_sandbox.core.option_values import folder, most_similar_file, scenario, scenario_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.scenarios.diagnostics import Problem
    from payments_sandbox.scenarios.library import Library, ScenarioFile

TEXT: Final = """\
Work with scenarios: what goes wrong, and what must be true afterwards.

examples:
  payments-sandbox scenario list
  payments-sandbox scenario show lost-reply > mine.yaml
  payments-sandbox scenario new mine
  payments-sandbox scenario check scenarios/*.yaml
  payments-sandbox scenario use lost-reply
  payments-sandbox scenario end
  payments-sandbox scenario from-journal req_7k2m9q > seen.yaml"""

LIST_TEXT: Final = """\
List the scenarios of the library and of your folders.

examples:
  payments-sandbox scenario list
  payments-sandbox scenario list --scenario-dir tests/scenarios"""

SHOW_TEXT: Final = """\
Print the file of a scenario, to read it or to start your own from it.

examples:
  payments-sandbox scenario show lost-reply
  payments-sandbox scenario show lost-reply > mine.yaml"""

CHECK_TEXT: Final = """\
Report all problems of scenario files, each with its place. Rules with a chance see only
what earlier rules left, so the rates at which they really answer are printed as well.

examples:
  payments-sandbox scenario check scenarios/*.yaml
  payments-sandbox scenario check --github scenarios/*.yaml
      as annotations of a pull request"""

JOURNAL_TEXT: Final = """\
Print a scenario that reproduces what happened to requests of a running server. Their ids
are in the journal, and in the header Sandbox-Request-Id of answers by a rule.

examples:
  payments-sandbox logs -n 3 --json | jq .id
  payments-sandbox scenario from-journal req_7k2m9q req_7k2m9r > from-journal.yaml
  payments-sandbox scenario from-journal req_7k2m9q --name lost-reply > lost-reply.yaml"""

USE_TEXT: Final = """\
Activate scenarios in a world of a running server, in addition to those that are active.

examples:
  payments-sandbox scenario use lost-reply
  payments-sandbox scenario use ./outage.yaml late-decline"""

END_TEXT: Final = """\
End a scenario of a world of a running server, or all of them if none is named. What their
rules have planned no longer happens.

examples:
  payments-sandbox scenario end lost-reply
  payments-sandbox scenario end"""

FROM_JOURNAL: Final = "from-journal"


def add_to(commands: Commands) -> None:
    """Add the command."""
    verbs = add_group(
        commands,
        "scenario (list | show | new | check | use | end | from-journal) …",
        "list, show, check, write and use scenarios",
        TEXT,
    )
    options = add_command(verbs, "list [options]", "list the library", LIST_TEXT, list_scenarios)
    _add_folders(options)
    options = add_command(verbs, "show NAME [options]", "print a scenario", SHOW_TEXT, show)
    options.parser.add_argument("name", metavar="NAME", help="a name from the library or a folder")
    _add_folders(options)
    add_new(verbs)
    options = add_command(
        verbs, "check FILE… [options]", "report problems of scenarios", CHECK_TEXT, check
    )
    options.parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML or JSON")
    options.flag("--github", "as annotations that GitHub shows at the lines")
    _add_use(verbs)
    _add_end(verbs)
    _add_from_journal(verbs)


def _add_use(verbs: Commands) -> None:
    options = add_command(
        verbs, "use NAME|FILE… [options]", "activate scenarios in a world", USE_TEXT, use
    )
    options.parser.add_argument(
        "scenarios",
        nargs="+",
        type=argument(naming(scenario)),
        metavar="NAME|FILE",
        help="a name that the server knows, or a local file",
    )
    add_remote_options(options)


def _add_end(verbs: Commands) -> None:
    options = add_command(
        verbs, "end [NAME] [options]", "end one or all scenarios of a world", END_TEXT, end
    )
    options.parser.add_argument(
        "name",
        nargs="?",
        type=argument(scenario_name),
        metavar="NAME",
        help="the scenario to end (default: all)",
    )
    add_remote_options(options)


def _add_from_journal(verbs: Commands) -> None:
    options = add_command(
        verbs,
        "from-journal REQUEST_ID… [options]",
        "write a scenario from past requests",
        JOURNAL_TEXT,
        from_journal,
    )
    options.parser.add_argument(
        "requests", nargs="+", metavar="REQUEST_ID", help="its id in the journal"
    )
    options.value(
        "--name",
        f"the name of the scenario and its file (default: {FROM_JOURNAL})",
        default=FROM_JOURNAL,
        read=scenario_name,
        metavar="NAME",
    )
    add_remote_options(options)


def _add_folders(options: CommandOptions) -> None:
    options.many(
        "--scenario-dir",
        "a folder of scenarios; its names take precedence over the library (repeatable)",
        read=folder,
        metavar="DIR",
    )


def list_scenarios(arguments: argparse.Namespace) -> int:
    """Print a line for each scenario: its name, its tags and its first sentence."""
    library = _library(arguments)
    files = {name: library.read(name) for name in library.names()}
    rows = [_row(name, file) for name, file in files.items()]
    print_rows(screen_of(arguments), rows, fold=((2, 50), (1, 18), (2, 30)))
    return 0


def _row(name: str, file: "ScenarioFile") -> Row:
    from payments_sandbox.scenarios.library import count_problems

    scenario, leads_to = file.loaded.scenario, _url_of(file)
    if scenario is None:
        hint = f"{count_problems([file])}: payments-sandbox scenario check {file.path}"
        return Cell(name, BAD, leads_to), "", Cell(hint, BAD)
    sentence, stop, _ = scenario.about.partition(". ")
    about = sentence + stop.rstrip()
    return Cell(name, STRONG, leads_to), Cell(", ".join(scenario.tags), QUIET), about


def _url_of(file: "ScenarioFile") -> str:
    """The url of a file on disk, for a terminal to link to; empty for a file of the package."""
    path = Path(file.path)
    return path.resolve().as_uri() if path.is_file() else ""


def show(arguments: argparse.Namespace) -> int:
    """Print the unchanged file of a scenario."""
    from payments_sandbox.scenarios.library import UnknownScenario

    try:
        file = _library(arguments).read(arguments.name)
    except UnknownScenario as error:
        raise CommandFailedError(str(error), MISTAKEN) from None
    screen = screen_of(arguments)._replace(width=None)  # wrapped lines would not be valid YAML
    sys.stdout.write(View(screen, YAML).text(file.text))
    return 0


def _library(arguments: argparse.Namespace) -> "Library":
    from payments_sandbox.core.settings import Settings
    from payments_sandbox.scenarios.library import library_of

    return library_of(Settings(scenario_dirs=tuple(arguments.scenario_dir)))


def check(arguments: argparse.Namespace) -> int:
    """Print the problems of all files; return 2 if one is more than a warning."""
    from payments_sandbox.scenarios.diagnostics import EXCERPT
    from payments_sandbox.scenarios.library import count_problems
    from payments_sandbox.scenarios.rates import rates_of

    files = [_read(path) for path in arguments.files]
    screen = Screen() if arguments.github else screen_of(arguments)
    lines: list[str] = []
    for file in files:
        if arguments.github:
            lines += (_annotation(problem, file.path) for problem in file.loaded.problems)
        else:
            lines += file.lint(screen.width)
        if file.loaded.scenario is not None:
            lines += (f"{file.path}: {rates}" for rates in rates_of(file.loaded.scenario))
    text = "\n".join([*lines, count_problems(files)])
    sys.stdout.write(View(screen, LINT, verbatim=(EXCERPT,)).text(text))
    return 0 if all(file.loaded.scenario is not None for file in files) else MISTAKEN


def _read(path: Path) -> "ScenarioFile":
    from payments_sandbox.scenarios.library import read_scenario_file

    try:
        return read_scenario_file(path)
    except IsADirectoryError:
        return _unread(
            path, "expected a file, got a folder", f"name its files, such as {path}/*.yaml"
        )
    except OSError as error:
        close = most_similar_file(path)
        hint = None if close is None else f"did you mean {close}?"
        return _unread(path, f"cannot read the file: {error.strerror}", hint)


def _unread(path: Path, problem: str, hint: str | None = None) -> "ScenarioFile":
    from payments_sandbox.scenarios.diagnostics import Problem
    from payments_sandbox.scenarios.library import ScenarioFile
    from payments_sandbox.scenarios.loader import Loaded

    return ScenarioFile(str(path), "", Loaded(None, (Problem((), problem, hint),)))


def _annotation(problem: "Problem", file: str) -> str:
    line, column = problem.place or (1, 1)
    message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    kind = "warning" if problem.is_warning else "error"
    return annotation(kind, message, file=file, line=line, col=column)


def from_journal(arguments: argparse.Namespace) -> int:
    """Print the scenario that the server writes from its journal."""
    with control_client(arguments) as client:
        written = client.write_scenario(arguments.requests, name=arguments.name)
    sys.stdout.write(written["yaml"])
    return 0


def use(arguments: argparse.Namespace) -> int:
    """Activate all of the scenarios, or none if one of them is rejected."""
    wanted = [_checked(each) if isinstance(each, Path) else each for each in arguments.scenarios]
    with control_client(arguments) as client:
        if len(wanted) == 1:
            client.add_active_scenario(wanted[0])
        else:  # in one request, since otherwise the last one might be rejected alone
            active = [each["scenario"] for each in client.list_active_scenarios()["data"]]
            client.put_active_scenarios([*active, *wanted])
        _print_active(client)
    return 0


def end(arguments: argparse.Namespace) -> int:
    """End one scenario, or all."""
    with control_client(arguments) as client:
        client.remove_active_scenarios(name=arguments.name)
        _print_active(client)
    return 0


def _checked(path: Path) -> "Mapping[str, object]":
    """Read the scenario of a file.

    Raises:
        CommandFailedError: it has problems, which are printed.
    """
    from payments_sandbox.scenarios.library import count_problems, read_scenario_file

    file = read_scenario_file(path)
    if file.loaded.scenario is None:
        sys.stdout.write("".join(f"{line}\n" for line in file.lint()))
        raise CommandFailedError(count_problems([file]), MISTAKEN)
    return file.loaded.scenario.source


def _print_active(client: "SandboxClient") -> None:
    active = ", ".join(each["name"] for each in client.list_active_scenarios()["data"])
    sys.stdout.write(f"{client.api_key}: {active or 'no scenario'} active\n")
