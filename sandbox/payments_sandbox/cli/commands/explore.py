"""Owns `payments-sandbox explore`: it runs a command with every failure that could affect it."""

import argparse
import logging
from pathlib import Path
from typing import Final

from payments_sandbox.cli.command_options import (
    add_command_words,
    add_settings_of_runs,
    add_sign_and_seed,
    add_timeout,
    check_command,
    check_process_groups,
)
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.server_options import read_settings
from payments_sandbox.core.option_values import time_limit, whole_number
from payments_sandbox.core.wording import one_of_words

TEXT: Final = """\
Run a command once for every failure that could affect it, and compare what it reports
with the ledger: who was charged twice, which payment was lost, what crashed. Without a
failure the command has to succeed; its exit code says whether all went well for the user.
It finds its world as under `run`, a new one for each run.

examples:
  payments-sandbox explore -- python pay.py
  payments-sandbox explore --report found -- npm run checkout
      write a page, and a scenario for each finding, to the folder found
  payments-sandbox explore --depth 2 --budget 60s -- ./checkout.sh
      add a second failure after each that was survived, for at most a minute
  payments-sandbox explore --faults drop,malform,forged -- python pay.py
      try only these; or name a set (all, calls, errors, wire, webhooks, quick) or a file
  payments-sandbox explore --told-by 'exit 4' -- python pay.py
      exit code 4 means that money may have moved and somebody has to look

exit code: 0 no findings, 1 findings, 2 the command fails even without a failure"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "explore [options] -- COMMAND…",
        "find failures that a command does not survive",
        TEXT,
        run,
    )
    add_command_words(options)
    options.value(
        "--depth", "the number of failures in a run, 1 or 2 (default: 1)",
        metavar="N", default=1, read=whole_number(1, 2),
    )  # fmt: skip
    options.value(
        "--jobs", "the number of commands to run at once (default: one per core)",
        metavar="N", read=whole_number(1, 256),
    )  # fmt: skip
    options.value(
        "--faults", "the failures to try: a set, names, or a file of names (default: all)",
        metavar="FILE|SET", read=_failures,
    )  # fmt: skip
    add_timeout(options)
    options.value(
        "--budget", "start no run after this long; the most likely failures come first",
        metavar="DURATION", read=time_limit,
    )  # fmt: skip
    options.value(
        "--report",
        "write a page, the JSON and the scenarios to this folder",
        metavar="DIR",
        read=Path,
    )
    options.file("--junit-xml", "write the result to this file, as JUnit XML")
    options.file("--json", "write the report to this file, as JSON")
    options.many(
        "--allow", "accept findings with this verdict (repeatable)", metavar="CLASS", read=_verdict
    )
    options.value(
        "--baseline", "accept the findings in this JSON report of an earlier run",
        metavar="FILE", read=_baseline,
    )  # fmt: skip
    add_sign_and_seed(options)
    add_settings_of_runs(options, without=frozenset({"seed"}))


def _failures(text: str) -> frozenset[str]:
    from payments_sandbox.exploration.failures import read_failures

    return read_failures(text)


def _verdict(text: str) -> str:
    from payments_sandbox.exploration.judge import UNWELL

    if text not in UNWELL:
        raise ValueError(f"expected {one_of_words(UNWELL)}")
    return text


def _baseline(text: str) -> frozenset[str]:
    from payments_sandbox.exploration.report import read_baseline

    return read_baseline(Path(text))


def run(arguments: argparse.Namespace) -> int:
    """Explore the command; return 0 if there are no findings, or all are accepted."""
    check_command(arguments, "explore [options]", "python pay.py")
    check_process_groups("explore")
    settings = read_settings(arguments)
    from payments_sandbox.cli.processes.server_process import no_certificates, run_to_the_end

    logging.getLogger("payments_sandbox").setLevel(logging.ERROR)  # runs may end in any way
    with no_certificates():
        from payments_sandbox.cli.exploration.runner import explore_command
    return run_to_the_end(explore_command(arguments, settings))
