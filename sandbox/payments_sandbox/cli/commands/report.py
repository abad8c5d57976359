"""Owns `payments-sandbox report`: it judges whether a running world's expectations are met."""

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import FAILED
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import print_json
from payments_sandbox.cli.terminal.highlight import REPORT, View
from payments_sandbox.cli.terminal.progress import interruptible, progress
from payments_sandbox.cli.terminal.screen import screen_of

if TYPE_CHECKING:  # keeps --help instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.verification.report_text import WorldReport

TEXT: Final = """\
Judge a world: which expectations of its scenarios are met, which rules fired, and what
the audit found. Exit 1 if an expectation is not met, or nothing happened.

examples:
  payments-sandbox report
  payments-sandbox report --junit-xml sandbox.xml
      for the test results of a CI server
  payments-sandbox report --json | jq .audit.findings"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(commands, "report [options]", "judge a world's expectations", TEXT, run)
    options.flag("--json", "as JSON, like GET /_sandbox/report")
    options.flag("--strict", "fail if a path or method was called that the API does not have")
    options.file("--junit-xml", "also write it to this file, as JUnit XML")
    options.file("--html", "also write it to this file, as HTML")
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Wait for what is expected, and print the report; return 1 if it failed."""
    from payments_sandbox.cli.output_files import UnwritableError, forget, text_stream
    from payments_sandbox.cli.processes.judged_server import write_reports
    from payments_sandbox.verification.report_text import as_text

    with suppress(UnwritableError):  # reported after the report itself
        forget(arguments.junit_xml)
        forget(arguments.html)
    with (
        control_client(arguments, timeout=None) as client,
        interruptible(lambda: "nothing was judged"),
        progress(arguments, "waiting for expectations", lambda: None),
    ):
        world = _final_report(client, is_strict=arguments.strict)
    if arguments.json:
        print_json(world.report)
    else:
        stream = text_stream(arguments.junit_xml, arguments.html)
        screen = screen_of(arguments, stream)
        stream.write(View(screen, REPORT).text(as_text([world], width=screen.width)))
        stream.flush()
    write_reports([world], junit=arguments.junit_xml, html=arguments.html)
    return 0 if world.passed and not world.says_nothing else FAILED


def _final_report(client: "SandboxClient", *, is_strict: bool) -> "WorldReport":
    """The report of a world, once everything is over that its expectations allow to wait for."""
    from payments_sandbox.verification.report_text import WorldReport

    client.retrieve_report()  # fails for a key without a world; `verify` would make one
    client.verify()
    world, report = client.retrieve_world(), client.retrieve_report()
    was_used = bool(world["requests"]["kept"] or world["requests"]["dropped"] or world["events"])
    return WorldReport(str(client.api_key), report, was_used=was_used, is_strict=is_strict)
