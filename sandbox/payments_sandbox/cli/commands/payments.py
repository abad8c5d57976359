"""Owns `payments-sandbox payments`: it lists a world's payments, or shows one and its history."""

import argparse
import json
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Final, assert_never

from payments_sandbox.cli.options import Commands, add_command, refuse
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import Cell, Row, print_facts, print_rows
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.cli.terminal.standard_streams import remark
from payments_sandbox.core.colours import BAD, GOOD, NAME, POOR, QUIET, STRONG
from payments_sandbox.core.instants import read_instant
from payments_sandbox.core.option_values import one_of, text_that, whole_number
from payments_sandbox.core.wording import one_of_words

if TYPE_CHECKING:  # keeps --help instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.models import (
        DeliveryModel,
        EventModel,
        JournalEntryModel,
        PaymentModel,
    )
    from payments_sandbox.testing.timeline import HistoryItem

TEXT: Final = """\
Print the payments of a world, newest first, or one payment with its history: requests,
events and webhooks. This leaves no trace in the journal.

examples:
  payments-sandbox payments
  payments-sandbox payments --status pending --customer cust_abc123
  payments-sandbox payments --created-after 2030-01-15 --limit 100 --json
  payments-sandbox payments pay_7k2m9q
      one payment and its history"""

LIMIT: Final = 20
MOST: Final = 1_000
STATUSES: Final = ("pending", "completed", "failed")
_CUT: Final = ((4, 1),)
"""The column of the customer, which may be long, is the one to cut."""

_WIDE: Final = 110
"""The width from which on the outcome of a payment is on the same line."""

_OF_STATUS: Final = {"pending": POOR, "completed": GOOD, "failed": BAD}
"""The colour of each status."""

_FILTERS: Final = ("--status", "--customer", "--created-after", "--starting-after")


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands, "payments [ID] [options]", "list the payments of a world, or show one", TEXT, run
    )
    options.parser.add_argument("id", nargs="?", metavar="ID", help="the payment to show")
    options.value(
        "--status",
        f"only those with this status: {one_of_words(STATUSES)}",
        read=one_of(*STATUSES),
        metavar="STATUS",
    )
    options.value("--customer", "only those with this customer_id", metavar="ID")
    options.value(
        "--created-after",
        "only those created after this instant",
        read=text_that(lambda text: read_instant(text, earliest=None)),
        metavar="ISO",
    )
    options.value("--starting-after", "continue after this payment", metavar="ID")
    options.value(
        "--limit",
        f"the number of payments, up to {MOST} (default: {LIMIT})",
        default=LIMIT,
        read=whole_number(1, MOST),
        metavar="N",
        short="-n",
    )
    options.flag("--json", "all details of each, as one line of JSON")
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Print a list of payments, or a single one."""
    with control_client(arguments) as client:
        if arguments.id is None:
            _list(client, arguments)
        else:
            _show(client, arguments)
    return 0


def _list(client: "SandboxClient", arguments: argparse.Namespace) -> None:
    page = client.list_payments(
        limit=arguments.limit,
        status=arguments.status,
        customer_id=arguments.customer,
        created_after=arguments.created_after,
        starting_after=arguments.starting_after,
    )
    if arguments.json:
        sys.stdout.write("".join(f"{json.dumps(each)}\n" for each in page["data"]))
    elif page["data"]:
        screen = screen_of(arguments)
        is_narrow = screen.width is not None and screen.width < _WIDE
        rows = (_rows(each, is_narrow=is_narrow) for each in page["data"])
        print_rows(screen, [row for some in rows for row in some], cut=_CUT)
    else:
        remark(_why_empty(client))
    if page["has_more"]:
        remark(f"there are more; continue with --starting-after {page['next_cursor']}")


def _why_empty(client: "SandboxClient") -> str:
    """Explain why a list is empty: because of its filters, or perhaps because of the key."""
    world = client.retrieve_world()
    if any(world["payments"].values()):
        return f"{client.api_key} has no matching payments"
    is_used = any(world["requests"].values())
    hint = "" if is_used else "; payments-sandbox worlds list shows the existing keys"
    return f"{client.api_key} has no payments{hint}"


def _rows(payment: "PaymentModel", *, is_narrow: bool) -> list[Row]:
    became = [
        payment["failure_code"] or "",
        f"refunded {payment['refunded']}" if payment["refunded"] else "",
        f"charged back {payment['charged_back']}" if payment["charged_back"] else "",
    ]
    row = (
        Cell(payment["created_at"], QUIET),
        Cell(payment["id"], STRONG),
        _status(payment),
        f"{payment['amount']} {payment['currency']}",
        Cell(payment["customer_id"] or "", NAME),
    )
    end = Cell(", ".join(filter(None, became)), POOR)
    if not is_narrow:
        return [(*row, end)]
    return [row, ("", end, "", "", "")] if end.text else [row]


def _status(payment: "PaymentModel") -> Cell:
    return Cell(payment["status"], _OF_STATUS[payment["status"]])


def _show(client: "SandboxClient", arguments: argparse.Namespace) -> None:
    for option in _FILTERS:
        if getattr(arguments, option[2:].replace("-", "_")) is not None:
            refuse(arguments, option, "not allowed with ID; it filters lists")
    payment = client.retrieve_payment(arguments.id)
    events, deliveries, requests = _history(client, payment)
    if arguments.json:
        whole = {"payment": payment, "events": events}
        sys.stdout.write(
            json.dumps(whole | {"deliveries": deliveries, "requests": requests}) + "\n"
        )
        return
    card = payment["payment_method"]
    screen = screen_of(arguments)
    print_facts(
        screen,
        (
            ("payment", Cell(payment["id"], STRONG)),
            ("status", _status(payment)),
            ("amount", f"{payment['amount']} {payment['currency']}"),
            ("failure code", payment["failure_code"]),
            ("refunded", payment["refunded"] or None),
            ("charged back", payment["charged_back"] or None),
            ("customer", Cell(payment["customer_id"] or "", NAME)),
            ("description", payment["description"]),
            ("card", f"{card['brand']} …{card['last4']}"),
            ("created", payment["created_at"]),
        ),
    )
    sys.stdout.write("\n")
    from payments_sandbox.testing.timeline import in_order

    rows = [_row_of(each) for each in in_order(requests, events, deliveries)]
    print_rows(screen, rows, cut=((2, 1),))


def _history(
    client: "SandboxClient", payment: "PaymentModel"
) -> "tuple[list[EventModel], list[DeliveryModel], list[JournalEntryModel]]":
    """Find the events, deliveries and requests about a payment, each oldest first."""
    from payments_sandbox.client.messages import every

    since = takewhile(
        lambda each: each["created_at"] >= payment["created_at"],
        every(client.list_events),
    )
    events = [each for each in since if each["data"].get("payment_id") == payment["id"]][::-1]
    deliveries = [
        delivery
        for event in events
        for delivery in client.list_deliveries(event_id=event["id"], limit=MOST)["data"][::-1]
    ]
    requests = client.list_requests(limit=MOST)["data"][::-1]
    return events, deliveries, [each for each in requests if _is_about(each, payment["id"])]


def _is_about(entry: "JournalEntryModel", payment_id: str) -> bool:
    body = entry["response"]["body"] if entry["response"] else None
    own = body.get("id") if isinstance(body, dict) else None
    return own == payment_id or payment_id in entry["path"].partition("?")[0].split("/")


def _row_of(item: "HistoryItem") -> Row:
    what, outcome = _name_and_outcome(item)
    return Cell(item.at, QUIET), Cell(what, STRONG), outcome


def _name_and_outcome(item: "HistoryItem") -> tuple[str, str]:
    """The name and the outcome of a request, an event or an attempt."""
    from payments_sandbox.testing.timeline import AttemptMade, EventMade, RequestMade

    match item:
        case RequestMade():
            request = item.request
            status = request["response"]["status"] if request["response"] else "no reply"
            outcome = f"{status} {request['fault']}" if request["fault"] else str(status)
            return request["operation"] or request["path"], f"{outcome}  {request['id']}"
        case EventMade():
            return item.event["type"], item.event["id"]
        case AttemptMade():
            attempt = item.attempt
            answered = attempt["response"]["status"] if attempt["response"] else ""
            outcome = attempt["error"] or f"answered {answered}"
            return "webhook", f"{outcome}  {item.delivery['id']}"
        case _:
            assert_never(item)
