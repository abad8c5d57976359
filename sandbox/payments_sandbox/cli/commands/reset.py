"""Owns `payments-sandbox reset`: it returns a world to its initial state, wholly or in part."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.options import CommandOptions, Commands, add_command
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.core.option_values import one_of
from payments_sandbox.core.wording import one_of_words

if TYPE_CHECKING:  # keeps --help instant
    from collections.abc import Sequence

    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import ResetWorldOnlyLiteral

_TEXT: Final = """\
Return a world to its initial state. Requests that are being held end without a reply.

examples:
  payments-sandbox {command}
  payments-sandbox {command} --only payments --only journal
      scenarios, webhook endpoints and the clock stay as they are"""

PARTS: Final = ("payments", "journal", "rules", "webhooks", "clock", "rate_limit")


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "reset [--only PART]… [options]",
        "return a world to its initial state",
        text_of("reset"),
        run,
    )
    add_only(options)
    add_remote_options(options)


def text_of(command: str) -> str:
    """The first text in the help of a command that resets a world."""
    return _TEXT.format(command=command)


def add_only(options: CommandOptions) -> None:
    """Add the option that selects the parts."""
    options.many(
        "--only",
        f"only this part: {one_of_words(PARTS)} (repeatable)",
        read=one_of(*PARTS),
        metavar="PART",
    )


def run(arguments: argparse.Namespace) -> int:
    """Reset the world."""
    with control_client(arguments) as client:
        reset_parts(client, arguments.only)
    return 0


def reset_parts(client: "SandboxClient", only: "Sequence[ResetWorldOnlyLiteral]") -> None:
    """Reset these parts of a world, or all if there are none, and print which."""
    parts = list(dict.fromkeys(only))
    client.reset_world(only=parts or None)
    sys.stdout.write(f"{client.api_key}: reset {', '.join(parts or PARTS)}\n")
