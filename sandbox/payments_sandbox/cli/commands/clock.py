"""Owns `payments-sandbox clock`: it shows, freezes and resumes a world's clock."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.commands.advance import moving_clock
from payments_sandbox.cli.options import Commands, add_command, add_group
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import Cell, print_json, print_rows
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.colours import NAME, QUIET, STRONG
from payments_sandbox.core.instants import read_instant
from payments_sandbox.core.option_values import text_that

if TYPE_CHECKING:  # keeps --help instant
    from payments_sandbox.client.models import ClockModel

TEXT: Final = """\
Show the clock of a world, freeze it, or let it run; payments-sandbox advance moves it.

examples:
  payments-sandbox clock show
  payments-sandbox clock freeze
  payments-sandbox clock freeze --at 2030-01-18T09:00:00Z
  payments-sandbox clock resume"""

SHOW_TEXT: Final = """\
Show the time of a world's clock, and what is due later, soonest first.

examples:
  payments-sandbox clock show
  payments-sandbox clock show --json | jq .due"""

FREEZE_TEXT: Final = """\
Freeze the clock of a world, now or at a later instant. What is due until then happens.

examples:
  payments-sandbox clock freeze
  payments-sandbox clock freeze --at 2030-01-18T09:00:00Z"""

RESUME_TEXT: Final = """\
Let the clock of a world run from its present time, at the speed of real time.

examples:
  payments-sandbox clock resume"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    verbs = add_group(
        commands,
        "clock (show | freeze | resume) …",
        "show, freeze and resume a world's clock",
        TEXT,
    )
    for name, does, text, run in (
        ("show", "show where it stands, and what is due", SHOW_TEXT, show),
        ("freeze", "stop it", FREEZE_TEXT, freeze),
        ("resume", "let it run", RESUME_TEXT, resume),
    ):
        options = add_command(verbs, f"{name} [options]", does, text, run)
        options.flag("--json", "as JSON, like GET /_sandbox/clock")
        if run is freeze:
            at = text_that(read_instant)
            options.value("--at", "at this ISO 8601 instant", read=at, metavar="ISO")
        add_remote_options(options)


def show(arguments: argparse.Namespace) -> int:
    """Print the clock."""
    with control_client(arguments) as client:
        return _print(client.retrieve_clock(), arguments)


def freeze(arguments: argparse.Namespace) -> int:
    """Freeze the clock; slow receivers of webhooks may delay the answer."""
    at = None if arguments.at is None else read_instant(arguments.at)
    with control_client(arguments, timeout=None) as client:
        with moving_clock(arguments, client, lambda _: at):
            frozen = client.freeze_clock(at=arguments.at)
        return _print(frozen, arguments)


def resume(arguments: argparse.Namespace) -> int:
    """Resume the clock."""
    with control_client(arguments) as client:
        return _print(client.resume_clock(), arguments)


def _print(clock: "ClockModel", arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json(clock)
        return 0
    screen = screen_of(arguments)
    sys.stdout.write(f"now {screen.paint(clock['now'], STRONG)}, {clock['mode']}\n")
    print_rows(
        screen,
        [
            (
                Cell("due", QUIET),
                each["at"],
                each["what"],
                Cell(each["payment_id"] or each.get("delivery_id") or "", NAME),
            )
            for each in clock["due"]
        ],
    )
    return 0
