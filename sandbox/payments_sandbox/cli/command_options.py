"""Owns what `run`, `explore` and `prove` share: a command after `--`, and options about it."""

import argparse
import os
from typing import Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import CommandOptions, refuse
from payments_sandbox.cli.server_options import add_settings
from payments_sandbox.core.option_values import not_empty, seed, time_limit

_USUAL_TIMEOUT: Final = 30_000
_NOT_FOR_THE_USER: Final = {
    "host": "127.0.0.1", "port": 0, "control_token": None, "allow_hosts": [], "coverage": False,
    "watch": False, "tls": None, "tls_faults": [], "unix": None,
}  # fmt: skip
"""Settings that users cannot choose for the server of one run: it has a free port on loopback."""


def add_command_words(options: CommandOptions) -> None:
    """Accept stray words before `--`, so that the error can name them."""
    options.parser.add_argument("astray", nargs="*", help=argparse.SUPPRESS)


def check_command(arguments: argparse.Namespace, usage: str, usual: str) -> None:
    """Check that a command was given; `usage` and `usual` make the error's example."""
    if arguments.astray or not arguments.command:
        words = " ".join([*arguments.astray, *arguments.command]) or usual
        example = f"payments-sandbox {usage} -- {words}"
        refuse(arguments, "COMMAND", f"expected a command after `--`: {example}")


def has_process_groups() -> bool:
    """Whether the system can end a command together with all that it started; Windows cannot."""
    return hasattr(os, "killpg")


def check_process_groups(name: str) -> None:
    """Check that the system can end a command together with all that it has started.

    Raises:
        CommandFailedError: it cannot.
    """
    if not has_process_groups():
        raise CommandFailedError(f"{name} requires a POSIX system; run and serve do not", MISTAKEN)


def add_timeout(options: CommandOptions) -> None:
    """Add the option that limits how long a run of the command may take."""
    options.value(
        "--timeout", "the longest time that the command may take (default: 30s)",
        metavar="DURATION", default=_USUAL_TIMEOUT, read=time_limit,
    )  # fmt: skip


def add_sign_and_seed(options: CommandOptions) -> None:
    """Add `--told-by`, and `--seed`, which makes runs repeatable."""
    options.value(
        "--told-by",
        "how the command reports that money may have moved: `exit N`, or words that it prints",
        metavar="SIGN",
        read=not_empty,
    )
    options.value(
        "--seed", "derive every world's seed from this and its key (default: 0)",
        metavar="N", default=0, read=seed,
    )  # fmt: skip


def add_settings_of_runs(options: CommandOptions, *, without: frozenset[str]) -> None:
    """Add the server settings of runs, except those that the command sets itself."""
    add_settings(options, port=0, without=without | _NOT_FOR_THE_USER.keys())
    options.parser.set_defaults(**_NOT_FOR_THE_USER)
