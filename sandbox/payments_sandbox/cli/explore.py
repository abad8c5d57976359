"""Owns `payments-sandbox explore`: a command, run once for every failure that could have met it."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Final

from payments_sandbox.cli.failure import MISTAKEN
from payments_sandbox.cli.options import CommandOptions, Commands, add_command, refuse
from payments_sandbox.cli.server_options import EPILOG, add_settings, read_settings
from payments_sandbox.cli.standard_streams import try_to_print
from payments_sandbox.core.option_values import duration, file_to_write, whole_number

TEXT: Final = """\
Run a command once for every failure that could have met it, and hold what it says
against the ledger: who was charged twice, which payment was lost, what has crashed. The
command has to end well where nothing fails; its exit code says whether all went well for
the user. It finds its world as under `run`, a fresh one each time.

examples:
  payments-sandbox explore -- python pay.py
  payments-sandbox explore --report found -- npm run checkout
      a page, and a scenario for each finding, in the folder found
  payments-sandbox explore --depth 2 --budget 60s -- ./checkout.sh
      a second failure after each that was survived, for a minute at most
  payments-sandbox explore --faults drop,malform,forged -- python pay.py
      those alone; or a set: all, calls, errors, wire, webhooks, quick; or a file
  payments-sandbox explore --told-by 'exit 4' -- python pay.py
      exit code 4 says that money may have moved and somebody has to look

exit code: 0 nothing was found, 1 something was, 2 the command fails without any failure"""

_USUAL_TIMEOUT: Final = 30_000

_OF_EACH_SERVER: Final = frozenset({"host", "port", "control_token", "allow_hosts", "coverage"})
"""Settings that are not for the user to say: each run has a port of its own, on loopback."""

_MAX_SEED: Final = 2**53 - 1


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_command(
        commands,
        "explore",
        usage="explore [options] -- COMMAND…",
        does="run a command once for every failure that could meet it",
        text=TEXT,
        epilog=EPILOG,
    )
    parser.add_argument("astray", nargs="*", help=argparse.SUPPRESS)
    _add_options(options)
    add_settings(options, port=0, without=_OF_EACH_SERVER | {"seed"})
    parser.set_defaults(
        run=run,
        watch=False,
        host="127.0.0.1",
        port=0,
        control_token=None,
        allow_hosts=[],
        coverage=False,
    )


def _add_options(options: CommandOptions) -> None:
    options.value(
        "--depth", "how many failures a run meets, 1 or 2 (default: 1)",
        metavar="N", default=1, read=whole_number(1, 2),
    )  # fmt: skip
    options.value(
        "--jobs", "how many commands run at once (default: one for each core)",
        metavar="N", read=whole_number(1, 256),
    )  # fmt: skip
    options.value(
        "--faults", "the failures to try: a set, names, or a file of names (default: all)",
        metavar="FILE|SET", read=_failures,
    )  # fmt: skip
    options.value(
        "--timeout", "how long the command may take (default: 30s)",
        metavar="DURATION", default=_USUAL_TIMEOUT, read=_time,
    )  # fmt: skip
    options.value(
        "--budget", "begin no run after so long; what is most likely comes first",
        metavar="DURATION", read=_time,
    )  # fmt: skip
    options.value(
        "--report", "a folder for the page, the JSON and the scenarios", metavar="DIR", read=Path
    )
    options.value(
        "--junit-xml", "write the outcome here, as JUnit XML", metavar="FILE", read=file_to_write
    )
    options.value("--json", "write the report here, as JSON", metavar="FILE", read=file_to_write)
    options.many(
        "--allow", "accept findings of a verdict (repeatable)", metavar="CLASS", read=_verdict
    )
    options.value(
        "--baseline", "accept what this JSON report of an earlier run has found",
        metavar="FILE", read=_baseline,
    )  # fmt: skip
    options.value(
        "--told-by",
        "how the command says that money may have moved: `exit N`, or words that it prints",
        metavar="SIGN",
    )
    options.value(
        "--seed", "derive every world's seed from this and its key (default: 0)",
        metavar="N", default=0, read=whole_number(0, _MAX_SEED),
    )  # fmt: skip


def _time(text: str) -> int:
    if not (milliseconds := duration(text)):
        raise ValueError("expected 1ms or more, such as 30s")
    return milliseconds


def _failures(text: str) -> frozenset[str]:
    from payments_sandbox.exploration.failure_sets import read_failures

    return read_failures(text)


def _verdict(text: str) -> str:
    from payments_sandbox.exploration.verdicts import UNWELL

    if text not in UNWELL:
        raise ValueError(f"expected {', '.join(UNWELL[:-1])} or {UNWELL[-1]}")
    return text


def _baseline(text: str) -> frozenset[str]:
    from payments_sandbox.exploration.baseline import read_baseline

    return read_baseline(Path(text))


def run(arguments: argparse.Namespace) -> int:
    """Explore the command; 0 when nothing was found that nobody has accepted."""
    if arguments.astray or not arguments.command:
        words = " ".join([*arguments.astray, *arguments.command]) or "python pay.py"
        example = f"payments-sandbox explore [options] -- {words}"
        refuse(arguments, "COMMAND", f"expected one, behind `--`: {example}")
    if os.name != "posix":
        line = "payments-sandbox: explore needs a POSIX system; serve runs anywhere."
        try_to_print(line, sys.stderr)
        return MISTAKEN
    settings = read_settings(arguments)
    from payments_sandbox.cli.server_process import no_certificates, run_loop, to_the_end

    logging.getLogger("payments_sandbox").setLevel(logging.ERROR)  # runs end as they will
    with no_certificates():
        from payments_sandbox.cli.exploring import explore_command
    return run_loop(to_the_end(explore_command(arguments, settings)))
