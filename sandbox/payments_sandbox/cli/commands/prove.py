"""Owns `payments-sandbox prove`: it shows that a scenario fails with the old code only."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.command_options import (
    add_command_words,
    add_settings_of_runs,
    add_sign_and_seed,
    add_timeout,
    check_command,
    check_process_groups,
)
from payments_sandbox.cli.options import Commands, add_command, refuse
from payments_sandbox.cli.server_options import read_settings
from payments_sandbox.core.option_values import scenario

if TYPE_CHECKING:
    from payments_sandbox.core.settings import Settings
    from payments_sandbox.rules.scenario import Scenario

TEXT: Final = """\
Prove that a repair works: run a command with a scenario on an earlier tree of the git
repository and on the current tree, with the same seed. The repair is proved if the first
run fails and the second passes; only then is the exit code 0. Whether a run passes is
decided as by `run`. A further run without the scenario's failures shows that the command
works on both trees.

examples:
  payments-sandbox prove found/01-double_charge-create_payment-drop.yaml -- python pay.py
      compare uncommitted changes with HEAD
  payments-sandbox prove lost-reply --against HEAD~1 -- npm run checkout
      compare the last commit with the one before it
  payments-sandbox prove FILE.yaml --against found/report.json -- python pay.py
      compare with what explore recorded when it wrote the scenario
  payments-sandbox prove FILE.yaml --told-by 'exit 3' -- python pay.py
      exit code 3 reports what happened, and is not a failure

exit code: 0 proved, 1 not proved, 2 nothing to compare"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "prove SCENARIO [options] -- COMMAND…",
        "prove that a repair works",
        TEXT,
        run,
    )
    options.parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a name or a file")
    add_command_words(options)
    options.value(
        "--against",
        "the old tree: a revision, or the JSON report of an exploration (default: HEAD)",
        metavar="REV|FILE", default="HEAD",
    )  # fmt: skip
    add_timeout(options)
    add_sign_and_seed(options)
    add_settings_of_runs(options, without=frozenset({"scenarios", "seed"}))
    options.parser.set_defaults(scenarios=[])


def run(arguments: argparse.Namespace) -> int:
    """Compare the two trees; return 0 if the repair is proved."""
    if arguments.scenario is None:
        example = "payments-sandbox prove lost-reply -- npm test"
        refuse(arguments, "SCENARIO", f"expected a name or a file: {example}")
    check_command(arguments, f"prove {arguments.scenario} [options]", "python pay.py")
    check_process_groups("prove")
    logging.getLogger("payments_sandbox").setLevel(logging.ERROR)  # runs may end in any way
    settings = read_settings(arguments)
    wanted = _scenario(arguments, settings)
    from payments_sandbox.cli.processes.server_process import no_certificates, run_to_the_end

    with no_certificates():
        from payments_sandbox.cli.exploration.proof import prove_command
    return run_to_the_end(prove_command(arguments, settings, wanted))


def _scenario(arguments: argparse.Namespace, settings: "Settings") -> "Scenario":
    """Read the scenario; its problems are printed as `run` prints them."""
    from payments_sandbox.cli.processes.server_process import reporting_scenario_problems
    from payments_sandbox.scenarios.library import initial_files

    try:
        name: str | Path = scenario(arguments.scenario)
    except ValueError as error:
        refuse(arguments, "SCENARIO", str(error))
    with reporting_scenario_problems("SCENARIO"):
        [file] = initial_files(replace(settings, scenarios=(name,)))
    assert file.loaded.scenario is not None  # noqa: S101 - files with problems raise before
    return file.loaded.scenario
