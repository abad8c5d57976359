"""Owns `payments-sandbox logs`: it prints the journal of a running world, a line per request."""

import argparse
import json
import re
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from payments_sandbox.cli.follow import JOURNAL_SIZE, SILENCE, follow, sum_up
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.processes.signals import until_stopped
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.instants import read_duration, read_instant
from payments_sandbox.core.option_values import one_of, whole_number
from payments_sandbox.core.wording import one_of_words

if TYPE_CHECKING:  # keeps --help instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import JournalEntryModel
    from payments_sandbox.server.log.lines import LogLine

TEXT: Final = """\
Print the requests of a world, oldest first: one line each, as `serve` prints it, or with
all details as JSON.

examples:
  payments-sandbox logs
  payments-sandbox logs -f
      continue with each new one until Ctrl-C
  payments-sandbox logs --status 4xx --customer cust_abc123 --since 10m
      only rejected requests of one customer in the last ten minutes
  payments-sandbox logs -n 1 --json
      the last one, with headers, bodies and the rule that answered"""

LAST: Final = 20
_LAST_DIGITS: Final = 4
_STATUS: Final = re.compile(r"[1-5](?:[0-9]{2}|xx)")


class _Filters(NamedTuple):
    """The filters of the printed requests; None filters nothing.

    Attributes:
        status: the first digits of the status.
        operation: its name.
        customer: a `customer_id`.
        since: the first instant on the world's clock, in milliseconds.
    """

    status: str | None
    operation: str | None
    customer: str | None
    since: int | None

    def match(self, entry: "JournalEntryModel") -> bool:
        """Whether a request passes all filters."""
        response = entry["response"]
        status = "" if response is None else str(response["status"])
        return (
            (self.status is None or status.startswith(self.status))
            and self.operation in (None, entry["operation"])
            and (self.since is None or read_instant(entry["at"]) >= self.since)
            and (self.customer is None or self.customer == _customer(entry))
        )


_NO_FILTERS: Final = _Filters(None, None, None, None)


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "logs [-f] [-n N] [--json] [options]",
        "print the requests of a world",
        TEXT,
        run,
    )
    options.flag("--follow", "continue with new ones; wait for a server that goes away", short="-f")
    options.value(
        "--limit",
        f"the number of past ones to print, up to {JOURNAL_SIZE} (default: {LAST})",
        default=LAST,
        read=whole_number(0, JOURNAL_SIZE),
        metavar="N",
        short="-n",
    )
    options.value(
        "--status",
        "only those with this status, such as 404 or 5xx",
        read=_status,
        metavar="STATUS",
    )
    options.value(
        "--operation",
        f"only {one_of_words(BY_NAME)}",
        read=one_of(*BY_NAME),
        metavar="NAME",
    )
    options.value("--customer", "only those with this customer_id", metavar="ID")
    options.value(
        "--since",
        "only those since this instant, or within this time before the world's present",
        read=_since,
        metavar="ISO|DURATION",
    )
    options.flag("--json", "all details of each, as one line of JSON")
    add_remote_options(options)


def _status(text: str) -> str:
    if not _STATUS.fullmatch(text):
        raise ValueError("expected a status such as 404, or a class such as 5xx")
    return text.removesuffix("xx")


def _since(text: str) -> str:
    """Check that a text is an instant or a duration; it is read when the clock is known."""
    for read in (read_instant, read_duration):
        with suppress(ValueError):
            read(text)
            return text
    raise ValueError("expected an instant such as 2030-01-15T10:30:00Z, or a duration such as 10m")


def run(arguments: argparse.Namespace) -> int:
    """Print the requests of the journal; with `--follow`, new ones too."""
    if arguments.follow:
        _print_followed(arguments)
    elif arguments.limit:
        with control_client(arguments) as client:
            filters = _read_filters(client, arguments)
            for entry in _last_matching(client, filters, arguments.limit)[::-1]:
                _print(client, entry, arguments)
    return 0


def _print_followed(arguments: argparse.Namespace) -> None:
    """Print requests as they arrive until a signal comes, then print how many there were."""
    printed: Counter[str] = Counter()
    with until_stopped(), control_client(arguments, timeout=SILENCE) as client:
        filters = _read_filters(client, arguments)
        for message in follow(client, last=_how_far_back(client, filters, arguments.limit)):
            if message.kind == "request":
                entry = cast("JournalEntryModel", message.value)
                if filters.match(entry):
                    response = entry["response"]
                    printed[entry["fault"] or str(response and response["status"])] += 1
                    _print(client, entry, arguments)
                    sys.stdout.flush()
    sum_up("requests", printed)


def _read_filters(client: "SandboxClient", arguments: argparse.Namespace) -> _Filters:
    since: int | None = None
    if arguments.since is not None:
        try:
            since = read_instant(arguments.since)
        except ValueError:
            since = read_instant(client.retrieve_clock()["now"]) - read_duration(arguments.since)
    return _Filters(arguments.status, arguments.operation, arguments.customer, since)


def _last_matching(
    client: "SandboxClient", filters: _Filters, limit: int
) -> "list[JournalEntryModel]":
    """The last requests that pass the filters, newest first."""
    fetched = limit if filters == _NO_FILTERS else JOURNAL_SIZE
    page = client.list_requests(limit=fetched)["data"]
    return [each for each in page if filters.match(each)][:limit]


def _how_far_back(client: "SandboxClient", filters: _Filters, limit: int) -> int:
    """How many requests of the journal to go back over to find `limit` that pass the filters."""
    if filters == _NO_FILTERS or limit == 0:
        return limit
    page = client.list_requests(limit=JOURNAL_SIZE)["data"]
    places = [place for place, each in enumerate(page, 1) if filters.match(each)]
    return places[:limit][-1] if places else 0


def _print(
    client: "SandboxClient", entry: "JournalEntryModel", arguments: argparse.Namespace
) -> None:
    if arguments.json:
        sys.stdout.write(json.dumps(entry) + "\n")
        return
    from payments_sandbox.server.log.text import format_line

    screen, line = screen_of(arguments), entry_line(entry, str(client.api_key))
    text = format_line(line, screen.width, is_coloured=screen.has_colours)
    sys.stdout.write(f"{text}\n")


def entry_line(entry: "JournalEntryModel", api_key: str) -> "LogLine":
    """The data of the line that `serve` prints; of the card there is only what the journal keeps.

    A world without a name is identified by its key.
    """
    from payments_sandbox.server.log.lines import LogLine

    response = entry["response"]
    return LogLine(
        at=entry["at"],
        what=entry["operation"] or f"{entry['method']} {entry['path'].partition('?')[0]}",
        status=response["status"] if response else None,
        fault=entry["fault"],
        target=entry["path"],
        body=entry["request"]["body"],
        reply=response["body"] if response else None,
        card=_card(entry["request"]["body"]),
        rule=entry["rule"],
        step=entry["step"],
        committed=entry["committed"],
        duration_ms=entry["duration_ms"],
        id=entry["id"],
        world=entry.get("world", api_key),
    )


def _customer(entry: "JournalEntryModel") -> str | None:
    from payments_sandbox.server.log.lines import customer_of

    return customer_of(entry_line(entry, ""))


def _card(body: object) -> str | None:
    method = body.get("payment_method") if isinstance(body, dict) else None
    number = method.get("card_number") if isinstance(method, dict) else None
    last = number[-_LAST_DIGITS:] if isinstance(number, str) else ""
    return f"…{last}" if last.isdigit() else None
