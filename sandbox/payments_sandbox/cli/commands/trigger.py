"""Owns `payments-sandbox trigger`: it sends an event by hand, and prints it."""

import argparse
import json
from typing import Final

from payments_sandbox.cli.input_files import read_given
from payments_sandbox.cli.options import Commands, add_command, refuse
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import print_json
from payments_sandbox.cli.terminal.standard_streams import remark

TEXT: Final = """\
Send an event to the webhook endpoints of a world, signed like any other, and print it.
Without --payment and --data a payment is created for it, which the client can retrieve.

examples:
  payments-sandbox trigger payment.completed
  payments-sandbox trigger refund.created --payment pay_xyz789
  payments-sandbox trigger payout.paid --data '{"payout_id": "po_1"}'
  payments-sandbox trigger payout.paid --data @payout.json"""

_EXPECTED: Final = "expected a JSON object, @FILE with one, or - to read one from stdin"
_NOBODY: Final = (
    "no webhook endpoint of this world receives this event;"
    " payments-sandbox listen --forward-to URL creates one"
)


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(commands, "trigger EVENT [options]", "send an event by hand", TEXT, run)
    options.parser.add_argument(
        "event",
        metavar="EVENT",
        help="payment.completed, payment.failed, refund.created, chargeback.created, or with --data"
        " any other",
    )
    options.value("--payment", "the payment that it is about", metavar="ID")
    options.value(
        "--data",
        "its data: a JSON object, @FILE with one, or - to read one from stdin",
        metavar="JSON",
    )
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Send the event, and print it as webhooks carry it."""
    if arguments.payment is not None and arguments.data is not None:
        refuse(arguments, "--data", "not allowed with --payment")
    data = None if arguments.data is None else _data(arguments)
    with control_client(arguments) as client:
        event = client.create_event(arguments.event, payment_id=arguments.payment, data=data)
        print_json(event)
        # If no endpoint gets the event, the user would wait for a webhook that never arrives.
        if not client.list_deliveries(event_id=event["id"], limit=1)["data"]:
            remark(_NOBODY)
    return 0


def _data(arguments: argparse.Namespace) -> dict[str, object]:
    """Read the JSON object of `--data` strictly: a duplicate key is an error."""
    from payments_sandbox.core import strict_json

    try:
        raw = _bytes(arguments.data)
        strict_json.read(raw)
    except OSError as error:
        refuse(arguments, "--data", f"{_EXPECTED}; {error.filename}: {error.strerror}")
    except strict_json.BadJson as error:
        refuse(arguments, "--data", f"{_EXPECTED}; {error}")
    value = json.loads(raw)  # unlike the strict reader, it has floats, which can be sent as JSON
    if not isinstance(value, dict):
        refuse(arguments, "--data", _EXPECTED)
    return value


def _bytes(text: str) -> bytes:
    if text == "-" or text.startswith("@"):
        return read_given(text.removeprefix("@"))
    return text.encode("utf-8", "surrogateescape")
