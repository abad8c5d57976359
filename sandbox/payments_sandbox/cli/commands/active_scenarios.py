"""Owns `payments-sandbox scenario use` and `scenario end`: which scenarios a world follows."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import Commands, add_command, argument
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.core.option_values import scenario, scenario_name

if TYPE_CHECKING:  # for the type checker alone
    from collections.abc import Mapping

    from payments_sandbox.client.client import SandboxClient

USE_TEXT: Final = """\
Let a world of a running server follow scenarios, beside those that it follows already.

examples:
  payments-sandbox scenario use lost-reply
  payments-sandbox scenario use ./outage.yaml late-decline"""

END_TEXT: Final = """\
Let a world of a running server follow a scenario no longer, or without a name none. What
their rules have planned does not happen.

examples:
  payments-sandbox scenario end lost-reply
  payments-sandbox scenario end"""


def add_use(verbs: "Commands[argparse.ArgumentParser]") -> None:
    """Add `use` to the commands of `scenario`."""
    options = add_command(
        verbs,
        "use",
        usage="NAME|FILE… [options]",
        does="let a world follow scenarios",
        text=USE_TEXT,
        run=use,
    )
    options.parser.add_argument(
        "scenarios",
        nargs="+",
        type=argument(scenario),
        metavar="NAME|FILE",
        help="a name that the server knows, or a file of yours",
    )
    add_remote_options(options)


def add_end(verbs: "Commands[argparse.ArgumentParser]") -> None:
    """Add `end` to the commands of `scenario`."""
    options = add_command(
        verbs,
        "end",
        usage="[NAME] [options]",
        does="end a scenario of a world, or all",
        text=END_TEXT,
        run=end,
    )
    options.parser.add_argument(
        "name",
        nargs="?",
        type=argument(scenario_name),
        metavar="NAME",
        help="of the scenario (default: all)",
    )
    add_remote_options(options)


def use(arguments: argparse.Namespace) -> int:
    """Activate each scenario; if a file has problems, activate none."""
    wanted = [_read(each) if isinstance(each, Path) else each for each in arguments.scenarios]
    with control_client(arguments) as client:
        for each in wanted:
            client.add_active_scenario(each)
        _print_active(client)
    return 0


def end(arguments: argparse.Namespace) -> int:
    """End one, or all."""
    with control_client(arguments) as client:
        client.remove_active_scenarios(name=arguments.name)
        _print_active(client)
    return 0


def _read(path: Path) -> "Mapping[str, object]":
    """The scenario of a file.

    Raises:
        CommandFailedError: it has problems, which are printed.
    """
    from payments_sandbox.scenarios.library import count_problems, read_scenario_file

    file = read_scenario_file(path)
    if file.loaded.scenario is None:
        sys.stdout.write("".join(f"{line}\n" for line in file.lint))
        raise CommandFailedError(count_problems([file]), MISTAKEN)
    return file.loaded.scenario.source


def _print_active(client: "SandboxClient") -> None:
    active = ", ".join(each["name"] for each in client.list_active_scenarios()["data"])
    sys.stdout.write(f"{client.api_key}: {active or 'no scenario'} active\n")
