"""Owns `payments-sandbox logs`: the journal of a running world, a line for each request."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final, cast

from payments_sandbox.cli.follow import JOURNAL_SIZE, SILENCE, follow
from payments_sandbox.cli.options import Commands
from payments_sandbox.cli.remote_options import (
    add_remote_command,
    add_remote_options,
    control_client,
)
from payments_sandbox.cli.signals import until_stopped
from payments_sandbox.core.option_values import whole_number

if TYPE_CHECKING:  # for the type checker alone
    from payments_sandbox.client.models import JournalEntryModel

TEXT: Final = """\
Print the requests to /v3 that a world has seen, oldest first: a line each, as `serve`
prints it, or all that is known of it as JSON.

examples:
  payments-sandbox logs
  payments-sandbox logs --follow
      goes on with each new one until Ctrl-C
  payments-sandbox logs -n 1 --json
      the last one, with headers, bodies and the rule that answered"""

LAST: Final = 20
_LAST_DIGITS: Final = 4


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_remote_command(
        commands,
        "logs",
        usage="[--follow] [-n N] [--json] [options]",
        does="print the requests that a world has seen",
        text=TEXT,
    )
    options.flag("--follow", "go on with what comes; a server that goes is waited for")
    options.value(
        "--limit",
        f"how many of the past to print, up to {JOURNAL_SIZE} (default: {LAST})",
        default=LAST,
        read=whole_number(0, JOURNAL_SIZE),
        metavar="N",
        short="-n",
    )
    options.flag("--json", "all that is known of each, as one line of JSON")
    add_remote_options(options)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is; with `--follow`, what comes too."""
    if arguments.follow:
        with until_stopped(), control_client(arguments, timeout=SILENCE) as client:
            for message in follow(client, last=arguments.limit):
                if message.kind == "request":
                    _print(cast("JournalEntryModel", message.value), as_json=arguments.json)
                    sys.stdout.flush()
    elif arguments.limit:
        with control_client(arguments) as client:
            page = client.list_requests(limit=arguments.limit)
        for entry in reversed(page["data"]):
            _print(entry, as_json=arguments.json)
    return 0


def _print(entry: "JournalEntryModel", *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(entry) if as_json else entry_line(entry)) + "\n")


def entry_line(entry: "JournalEntryModel") -> str:
    """The line that `serve` prints of a request; of the card, only what the journal keeps."""
    from payments_sandbox.server.request_log import format_line, outcome_of

    response = entry["response"]
    return format_line(
        what=entry["operation"] or f"{entry['method']} {entry['path'].partition('?')[0]}",
        outcome=outcome_of(response["status"] if response else None, entry["fault"]),
        reply=response["body"] if response else None,
        card=_card(entry["request"]["body"]),
        duration_ms=entry["duration_ms"],
        world=entry.get("world"),
    )


def _card(body: object) -> str | None:
    method = body.get("payment_method") if isinstance(body, dict) else None
    number = method.get("card_number") if isinstance(method, dict) else None
    last = number[-_LAST_DIGITS:] if isinstance(number, str) else ""
    return f"…{last}" if last.isdigit() else None
