"""Owns `payments-sandbox reset`: a world of a running server begins anew, wholly or in part."""

import argparse
import sys
from typing import Final

from payments_sandbox.cli.options import Commands
from payments_sandbox.cli.remote_options import (
    add_remote_command,
    add_remote_options,
    control_client,
)
from payments_sandbox.core.option_values import one_of

TEXT: Final = """\
Put a world back to how it was made. Requests that are being held end without a reply.

examples:
  payments-sandbox reset
  payments-sandbox reset --only payments --only journal
      its scenarios, webhook endpoints and clock stay as they are"""

PARTS: Final = ("payments", "journal", "rules", "webhooks", "clock", "rate_limit")


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_remote_command(
        commands,
        "reset",
        usage="[--only PART]… [options]",
        does="put a world back to how it was made",
        text=TEXT,
    )
    options.many(
        "--only",
        f"only this: {', '.join(PARTS[:-1])} or {PARTS[-1]} (repeatable)",
        read=one_of(*PARTS),
        metavar="PART",
    )
    add_remote_options(options)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Reset it, and say what."""
    parts = list(dict.fromkeys(arguments.only))
    with control_client(arguments) as client:
        client.reset_world(only=parts or None)
        sys.stdout.write(f"{client.api_key}: reset {', '.join(parts or PARTS)}\n")
    return 0
