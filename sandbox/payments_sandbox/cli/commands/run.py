"""Owns `payments-sandbox run`: it runs a command with its own server, and prints the verdict."""

import argparse
import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.command_options import (
    add_command_words,
    check_command,
    has_process_groups,
)
from payments_sandbox.cli.failure import FAILED, CommandFailedError
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.output_files import forget, write_whole
from payments_sandbox.cli.processes.judged_server import JudgedServer, JudgedServers, judged
from payments_sandbox.cli.processes.server_process import run_to_the_end, server_of
from payments_sandbox.cli.processes.signals import on_signals
from payments_sandbox.cli.server_options import add_server_options, check_workers, has_workers
from payments_sandbox.cli.terminal.standard_streams import remark, try_to_print

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from payments_sandbox.cli.processes.child_process import Command, LoneCommand
    from payments_sandbox.client.models import CoverageModel
    from payments_sandbox.verification.report_text import Reports

TEXT: Final = """\
Run a command, such as a test suite, with its own server on a free port. The command finds
the server by PAYMENTS_BASE_URL, PAYMENTS_API_KEY, PAYMENTS_WEBHOOK_SECRET and
PAYMENTS_SANDBOX_URL. Afterwards the expectations of the scenarios are judged. The exit
code is the command's, or 1 if that is 0 and an expectation is not met.

examples:
  payments-sandbox run -- npm test
  payments-sandbox run --scenario lost-reply --junit-xml sandbox.xml -- npm test
      with a lost reply, and the expectations of that scenario
  payments-sandbox run --clock 2030-01-15T09:00:00Z --seed 7 -- go test ./...
      the same run every time
  payments-sandbox run -- sh -c 'curl -s $PAYMENTS_SANDBOX_URL/ready'
      a shell, for more than one command"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands, "run [options] -- COMMAND…", "run a command with its own server", TEXT, run
    )
    add_command_words(options)
    options.file("--report", "write the verdict to this file, as text")
    options.file("--junit-xml", "write the verdict to this file, as JUnit XML")
    options.file("--coverage-json", "write what --coverage counts to this file, as JSON")
    options.file("--coverage-html", "write what --coverage counts to this file, as HTML")
    options.flag("--strict", "fail if a path or method was called that the API does not have")
    add_server_options(options, port=0)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code, or 1 if that is 0 and an expectation is not met."""
    check_workers(arguments)
    check_command(arguments, "run [options]", "npm test")
    arguments.coverage |= bool(arguments.coverage_json or arguments.coverage_html)
    log_to = sys.stderr if arguments.log else None
    if has_workers(arguments):
        from payments_sandbox.cli.processes.run_workers import workers_of

        with workers_of(arguments, log_to=log_to) as workers:
            return run_to_the_end(_run(arguments, workers))
    server = judged(server_of(arguments, log_to=log_to, level=logging.WARNING))
    return run_to_the_end(_run(arguments, server))


async def _run(arguments: argparse.Namespace, server: JudgedServers) -> int:
    from payments_sandbox.cli.processes.child_process import (
        NotStartedError,
        environment_of,
        running,
        running_alone,
    )

    start: Callable[..., AbstractAsyncContextManager[Command | LoneCommand]]
    start = running if has_process_groups() else running_alone
    forget(arguments.report, arguments.junit_xml, arguments.coverage_json, arguments.coverage_html)
    signals = _Signals()
    async with server as listening:
        try:
            on_signals(signals.handle)
            async with start(arguments.command, environment_of(listening.facts)) as command:
                signals.pass_to(command)
                code = await command.ended()
                # Inside the block, because what the command left running may still answer webhooks.
                verdict = await _verdict(arguments, listening, signals.interrupted)
                return code or verdict
        except NotStartedError as error:
            remark(f"cannot run {arguments.command[0]}: {error}")
            return error.exit_code


class _Signals:
    """Handles signals: passes them to the command, or interrupts us if the command has ended.

    Attributes:
        interrupted: set by a signal that arrives after the command has ended.
    """

    def __init__(self) -> None:
        self._command: Command | LoneCommand | None = None
        self._early: list[int] = []  # signals from before we know that the command runs
        self.interrupted = asyncio.Event()

    def handle(self, number: int) -> None:
        """Handle a signal."""
        if self._command is None:
            self._early.append(number)
        elif self._command.has_ended:
            self.interrupted.set()
        else:
            self._command.forward(number)

    def pass_to(self, command: "Command | LoneCommand") -> None:
        """Pass signals to a command from now on, beginning with those that came earlier."""
        self._command = command
        for number in self._early:
            command.forward(number)


async def _verdict(
    arguments: argparse.Namespace, server: JudgedServer, interrupted: asyncio.Event
) -> int:
    """Judge the worlds and print the verdict; return its exit code."""
    judging = asyncio.ensure_future(_judged(arguments, server))
    waiting = asyncio.ensure_future(interrupted.wait())
    await asyncio.wait((judging, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not judging.done():
        judging.cancel()
        remark("interrupted before the expectations were judged")
        return FAILED
    try:
        reports, tallies = judging.result()
        verdict = _publish(arguments, reports)
        _publish_coverage(arguments, tallies)
    except CommandFailedError as error:
        remark(str(error))
        return error.code
    for loss in server.losses:
        remark(f"not judged: {loss}")
    return FAILED if server.losses else verdict


async def _judged(
    arguments: argparse.Namespace, server: JudgedServer
) -> "tuple[Reports, Sequence[CoverageModel]]":
    """The reports of the worlds, and the coverage counts."""
    return await server.reports(is_strict=arguments.strict), await server.tallies()


def _publish(arguments: argparse.Namespace, reports: "Reports") -> int:
    from payments_sandbox.cli.processes.judged_server import write_reports
    from payments_sandbox.cli.terminal.highlight import REPORT, View
    from payments_sandbox.cli.terminal.screen import screen_of
    from payments_sandbox.verification.report_text import as_short_text

    screen = screen_of(arguments, sys.stderr)
    if summary := as_short_text(reports, width=screen.width):
        view = View(screen, REPORT)
        _say(view.text(f"payments-sandbox: {summary}").rstrip("\n"))
    write_reports(reports, text=arguments.report, junit=arguments.junit_xml)
    return 0 if all(world.passed for world in reports) else FAILED


def _publish_coverage(arguments: argparse.Namespace, tallies: "Sequence[CoverageModel]") -> None:
    if not tallies:
        return
    from payments_sandbox.exploration.coverage import as_text, coverage_files, coverage_of

    coverage = coverage_of(tallies)
    _say(f"payments-sandbox: {as_text(coverage, '--coverage-json').rstrip()}")
    files = coverage_files(
        coverage, json_file=arguments.coverage_json, html_file=arguments.coverage_html
    )
    for file, text in files:
        write_whole(file, text)


def _say(line: str) -> None:
    """Print on stderr: stdout belongs to the command."""
    try_to_print(line, sys.stderr)
