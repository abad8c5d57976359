"""Owns `payments-sandbox logs`: the journal of a running world, a line for each request."""

import argparse
import json
import sys
from typing import Final, TypedDict, cast

from payments_sandbox.cli.argument_types import whole_number
from payments_sandbox.cli.options import Commands
from payments_sandbox.cli.remote import add_remote_command, add_remote_options, remote_of
from payments_sandbox.cli.signals import until_stopped
from payments_sandbox.cli.stream import MOST, follow
from payments_sandbox.server.log_line import outcome_of, request_line

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


class Request(TypedDict):
    """What was sent."""

    body: object


class Response(TypedDict):
    """What was answered."""

    status: int
    body: dict[str, object]


class Entry(TypedDict):
    """One request of the journal, as far as a line tells of it."""

    operation: str | None
    method: str
    path: str
    request: Request
    response: Response | None
    fault: str | None
    duration_ms: float | None


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
        f"how many of the past to print, up to {MOST} (default: {LAST})",
        default=LAST,
        read=whole_number(0, MOST),
        metavar="N",
        short="-n",
    )
    options.flag("--json", "all that is known of each, as one line of JSON")
    add_remote_options(options)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print what there is; with `--follow`, what comes too."""
    remote = remote_of(chosen)
    if not chosen.follow:
        if chosen.limit:
            page = remote.ask("GET", f"/requests?limit={chosen.limit}")
            for entry in reversed(cast("list[dict[str, object]]", page["data"])):
                _print(entry, as_json=chosen.json)
        return 0
    with until_stopped():
        for message in follow(remote, last=chosen.limit):
            if message.kind == "request":
                _print(json.loads(message.data), as_json=chosen.json)
                sys.stdout.flush()
    return 0


def _print(entry: dict[str, object], *, as_json: bool) -> None:
    line = json.dumps(entry) if as_json else entry_line(cast("Entry", entry))
    sys.stdout.write(line + "\n")


def entry_line(entry: Entry) -> str:
    """The line that `serve` prints of a request; of the card, only what the journal keeps."""
    response = entry["response"]
    return request_line(
        what=entry["operation"] or f"{entry['method']} {entry['path'].partition('?')[0]}",
        outcome=outcome_of(response["status"] if response else None, entry["fault"]),
        reply=response["body"] if response else None,
        card=_card(entry["request"]["body"]),
        duration_ms=entry["duration_ms"],
    )


def _card(body: object) -> str | None:
    method = body.get("payment_method") if isinstance(body, dict) else None
    number = method.get("card_number") if isinstance(method, dict) else None
    last = number[-_LAST_DIGITS:] if isinstance(number, str) else ""
    return f"…{last}" if last.isdigit() else None
