"""Owns `payments-sandbox run`: a private server for as long as a command runs, and its verdict."""

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from sandbox.cli.hosting import MISTAKEN, Facts, Server, host
from sandbox.cli.options import Commands, Options
from sandbox.cli.server_options import add_server_options

TEXT: Final = """\
Run a command, such as a test suite, with a server of its own on a free port. The command
finds it by PAYMENTS_BASE_URL, PAYMENTS_API_KEY, PAYMENTS_WEBHOOK_SECRET and
PAYMENTS_SANDBOX_URL. The exit code is the command's; the server ends with it.

examples:
  payments-sandbox run -- npm test
  payments-sandbox run --clock 2030-01-15T09:00:00Z --seed 7 -- go test ./...
      the same run every time
  payments-sandbox run -- sh -c 'curl -s $PAYMENTS_SANDBOX_URL/ready'
      a shell, for more than one command"""

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126
"""Exit codes, as shells have them."""


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        help="run a command with a server of its own",
        usage="payments-sandbox run [options] -- COMMAND…",
        description=TEXT,
        epilog="Every option can come from the environment: --rate-limit is"
        " PAYMENTS_SANDBOX_RATE_LIMIT.\nA list is separated by commas there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("astray", nargs="*", help=argparse.SUPPRESS)
    add_server_options(Options(parser), port=0)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Run the command; its own exit code."""
    if chosen.astray or not chosen.command:
        words = " ".join([*chosen.astray, *chosen.command]) or "npm test"
        example = f"payments-sandbox run [options] -- {words}"
        chosen.options.refuse("COMMAND", f"expected one, behind `--`: {example}")
    if os.name != "posix":
        sys.stderr.write("payments-sandbox: run needs a POSIX system; serve runs anywhere.\n")
        return MISTAKEN
    say = _say if chosen.log else None
    return host(chosen, say, partial(_run, chosen), level=logging.WARNING)


async def _run(chosen: argparse.Namespace, server: Server) -> int:
    from sandbox.cli.command import NotStartedError, running

    async with server as facts:
        try:
            async with running(chosen.command, _environment(facts)) as command:
                with _heeding(command.forward):
                    return await command.ended()
        except NotStartedError as error:
            _say(f"payments-sandbox: cannot run {chosen.command[0]}: {error}.")
            return NOT_FOUND if error.errno == errno.ENOENT else NOT_RUNNABLE


def _environment(facts: Facts) -> dict[str, str]:
    """Ours, and where the server is."""
    found = {
        "PAYMENTS_BASE_URL": "base_url",
        "PAYMENTS_API_KEY": "api_key",
        "PAYMENTS_WEBHOOK_SECRET": "webhook_secret",
        "PAYMENTS_SANDBOX_URL": "sandbox_url",
        "PAYMENTS_SANDBOX_CONTROL_TOKEN": "control_token",
    }
    given = {name: str(facts[fact]) for name, fact in found.items() if fact in facts}
    return {**os.environ, **given}


@contextlib.contextmanager
def _heeding(heed: Callable[[int], None]) -> Iterator[None]:
    """What is meant to end us is for somebody else to hear until the block ends."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, heed, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _say(line: str) -> None:
    """On stderr: stdout is the command's."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
