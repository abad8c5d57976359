"""Owns `payments-sandbox run`: a private server for as long as a command runs, and its verdict."""

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.cli.failure import FAILED, MISTAKEN, CommandFailedError
from sandbox.cli.hosting import Facts, Server, host
from sandbox.cli.options import Commands, Options, file_to_write, refuse
from sandbox.cli.server_options import add_server_options

if TYPE_CHECKING:
    from sandbox.cli.remote import Remote

TEXT: Final = """\
Run a command, such as a test suite, with a server of its own on a free port. The command
finds it by PAYMENTS_BASE_URL, PAYMENTS_API_KEY, PAYMENTS_WEBHOOK_SECRET and
PAYMENTS_SANDBOX_URL. Then the expectations of the world's scenarios are judged. The exit
code is the command's, or 1 when that is 0 and an expectation is not met.

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
    options = Options(parser)
    for option, form in (("--report", "text"), ("--junit-xml", "JUnit XML")):
        options.value(
            option, f"write the verdict here, as {form}", read=file_to_write, metavar="FILE"
        )
    add_server_options(options, port=0)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Run the command; its exit code, or 1 when that is 0 and the verdict is bad."""
    if chosen.astray or not chosen.command:
        words = " ".join([*chosen.astray, *chosen.command]) or "npm test"
        example = f"payments-sandbox run [options] -- {words}"
        refuse(chosen, "COMMAND", f"expected one, behind `--`: {example}")
    if os.name != "posix":
        sys.stderr.write("payments-sandbox: run needs a POSIX system; serve runs anywhere.\n")
        return MISTAKEN
    say = _say if chosen.log else None
    return host(chosen, say, partial(_run, chosen), level=logging.WARNING)


async def _run(chosen: argparse.Namespace, server: Server) -> int:
    from sandbox.cli.command import NotStartedError, running

    _forget((chosen.report, chosen.junit_xml))
    interrupted = asyncio.Event()
    async with server as facts:
        try:
            async with running(chosen.command, _environment(facts)) as command:

                def heed(number: int) -> None:
                    if command.has_ended:
                        interrupted.set()
                    else:
                        command.forward(number)

                _on_signals(heed)
                code = await command.ended()
                # What the command has left running may still answer webhooks until then.
                verdict = await _verdict(chosen, facts, interrupted)
                return code or verdict
        except NotStartedError as error:
            _say(f"payments-sandbox: cannot run {chosen.command[0]}: {error}.")
            return NOT_FOUND if error.errno == errno.ENOENT else NOT_RUNNABLE


async def _verdict(chosen: argparse.Namespace, facts: Facts, interrupted: asyncio.Event) -> int:
    """Judge the world, and say so; the exit code where the command's own is 0."""
    from sandbox.cli.verdict import in_short, judged, write_down

    judging = asyncio.ensure_future(asyncio.to_thread(judged, _world(facts)))
    waiting = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((judging, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not judging.done():
        judging.cancel()  # the thread that asks ends with the server, and nobody hears of it
        _say("payments-sandbox: interrupted before the expectations were judged.")
        return FAILED
    try:
        report = judging.result()
        write_down(report, text=chosen.report, junit=chosen.junit_xml)
    except CommandFailedError as error:
        _say(error.line.rstrip())
        return error.code
    if said := in_short(report):
        _say(f"payments-sandbox: {said.rstrip()}")
    return 0 if report["passed"] else FAILED


def _world(facts: Facts) -> "Remote":
    """That of the key which the command has."""
    from sandbox.cli.remote import CONTROL, Remote

    url, key, token = (facts.get(fact) for fact in ("sandbox_url", "api_key", "control_token"))
    return Remote(str(url).removesuffix(CONTROL), str(key), None if token is None else str(token))


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


def _on_signals(heed: Callable[[int], None]) -> None:
    """What is meant to end us is for somebody else to hear, for as long as there is a loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heed, number)


def _forget(files: Sequence[Path | None]) -> None:
    """Nobody takes the files of an earlier run for those of this one."""
    for file in files:
        if file is not None:
            file.unlink(missing_ok=True)


def _say(line: str) -> None:
    """On stderr: stdout is the command's."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
