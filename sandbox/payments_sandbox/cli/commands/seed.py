"""Owns `payments-sandbox seed`: it fills a world of a running server with past payments."""

import argparse
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.progress import HowFar, interruptible, progress
from payments_sandbox.core.instants import read_duration
from payments_sandbox.core.option_values import seed, text_that, whole_number

if TYPE_CHECKING:  # keeps --help instant
    from payments_sandbox.client.client import SandboxClient

TEXT: Final = """\
Fill a world with realistic past payments, the same for the same seed.

examples:
  payments-sandbox seed
  payments-sandbox seed --payments 500 --customers 20 --over 30d
  payments-sandbox seed --payments 1000000 --seed 7"""

PAYMENTS: Final = 500


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(commands, "seed [options]", "fill a world with past payments", TEXT, run)
    options.value(
        "--payments",
        f"the number of payments (default: {PAYMENTS})",
        default=PAYMENTS,
        read=whole_number(1, 1_000_000),
        metavar="N",
    )
    options.value(
        "--customers",
        "the number of customers (default: a tenth of the payments)",
        read=whole_number(1, 100_000),
        metavar="N",
    )
    options.value(
        "--over",
        "spread them over this time before the world's present (default: 30d)",
        read=text_that(read_duration),
        metavar="DURATION",
    )
    options.value(
        "--seed",
        "the seed that they are drawn from (default: the world's)",
        read=seed,
        metavar="N",
    )
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Fill the world, however long it takes, and print the number of payments by status."""
    with control_client(arguments, timeout=None) as client:
        before = cast("dict[str, int]", client.retrieve_world()["payments"])
        how_far = partial(_progress, client)
        with (
            interruptible(lambda: _summary(how_far())),
            progress(arguments, "making payments", how_far),
        ):
            world = client.seed_world(
                arguments.payments,
                customers=arguments.customers,
                over=arguments.over,
                seed=arguments.seed,
            )
    payments = cast("dict[str, int]", world["payments"])
    made = {status: count - before[status] for status, count in payments.items()}
    counts = {status: count for status, count in made.items() if count}
    by_status = ", ".join(f"{count} {status}" for status, count in counts.items())
    sys.stdout.write(f"{sum(counts.values())} payments: {by_status}\n")
    return 0


def _progress(client: "SandboxClient") -> HowFar | None:
    """Ask the server how many payments are made; None before it begins and after it ends."""
    from payments_sandbox.client.errors import ControlError

    with suppress(ControlError):
        filling = client.retrieve_world().get("filling")
        if filling is not None:
            made, wanted = filling["made"], filling["wanted"]
            return HowFar(made, wanted, f"{made} of {wanted}")
    return None


def _summary(far: HowFar | None) -> str:
    if far is None:
        return "no payments are being made; payments-sandbox worlds show counts them"
    return f"{far.words} payments were made, and the server continues with the rest"
