"""Owns `payments-sandbox advance`: it moves a world's clock, and prints what happened."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Literal

from payments_sandbox.cli.options import Commands, add_command, argument, refuse
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import Cell, Row, print_rows
from payments_sandbox.cli.terminal.progress import HowFar, interruptible, progress
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.colours import BAD, QUIET, STRONG
from payments_sandbox.core.instants import read_duration, read_instant
from payments_sandbox.core.option_values import text_that

if TYPE_CHECKING:
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import HappenedJobModel

TEXT: Final = """\
Move the clock of a world forward. Everything that falls due on the way happens, including
webhooks and their retries, and is printed in order; the last line is the new time.

examples:
  payments-sandbox advance 3d
  payments-sandbox advance --to 2030-01-18T09:00:00Z
  payments-sandbox advance --next
      to whatever is due next"""

_ONE_OF: Final = "expected one of DURATION, --to ISO or --next"


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "advance (DURATION | --to ISO | --next) [options]",
        "move a world's clock",
        TEXT,
        run,
    )
    options.parser.add_argument(
        "by",
        nargs="?",
        type=argument(text_that(read_duration)),
        metavar="DURATION",
        help="by how much, such as 300ms, 5s, 10m, 2h or 45d",
    )
    options.value("--to", "to this ISO 8601 instant", read=text_that(read_instant), metavar="ISO")
    options.flag("--next", "to whatever is due next")
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Advance the clock, and print a line for each thing that happened."""
    if sum((arguments.by is not None, arguments.to is not None, arguments.next)) != 1:
        refuse(arguments, "DURATION", _ONE_OF)
    # No timeout: the server answers only after all webhooks on the way, and receivers may be slow.
    with control_client(arguments, timeout=None) as client:
        next_due: Literal[True] | None = True if arguments.next else None
        with moving_clock(arguments, client, _target(arguments)):
            advanced = client.advance_clock(by=arguments.by, to=arguments.to, next=next_due)
    screen = screen_of(arguments)
    print_rows(screen, [_row(each) for each in advanced["happened"]], fold=((2, 20),))
    sys.stdout.write(f"now {screen.paint(advanced['now'], STRONG)}\n")
    return 0


def _target(arguments: argparse.Namespace) -> Callable[[int], int | None]:
    """A function from the clock's time to the one it moves to; None if only the server knows."""
    if arguments.by is not None:
        return lambda now: now + read_duration(arguments.by)
    return lambda _: None if arguments.to is None else read_instant(arguments.to)


def _row(happened: "HappenedJobModel") -> Row:
    """Format a timeline entry: its time and name, the ids that it is about, and its error."""
    error = happened.get("error")
    about = (happened["payment_id"], happened["event_id"], happened.get("delivery_id"), error)
    colour = STRONG if error is None else BAD
    ids = "  ".join(part for part in about if part)
    return Cell(happened["at"], QUIET), Cell(happened["what"], colour), ids


@contextmanager
def moving_clock(
    arguments: argparse.Namespace,
    client: "SandboxClient",
    target: Callable[[int], int | None],
) -> Iterator[None]:
    """Show the progress of a moving clock, and report its time if the user interrupts.

    `target` returns the time to reach, given the time at the start; None if it is unknown.
    """
    start = read_instant(client.retrieve_clock()["now"])
    end = target(start)

    def how_far() -> HowFar | None:
        from payments_sandbox.client.errors import ControlError

        with suppress(ControlError):
            now = client.retrieve_clock()["now"]
            whole = None if end is None else end - start
            return HowFar(read_instant(now) - start, whole, f"at {now}")
        return None

    def where() -> str:
        far = how_far()
        place = "" if far is None else f"the clock is {far.words}, and "
        return f"{place}the server continues to advance it"

    with interruptible(where), progress(arguments, "advancing the clock", how_far):
        yield
