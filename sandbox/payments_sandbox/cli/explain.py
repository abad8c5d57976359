"""Owns `payments-sandbox explain`: what an error code, a card, a fault or a request is about."""

import argparse
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import Commands
from payments_sandbox.cli.remote_options import (
    add_remote_command,
    add_remote_options,
    control_client,
)

if TYPE_CHECKING:  # imported when something is explained, so that --help is instant
    from payments_sandbox.contract.error_codes import Code
    from payments_sandbox.rules.faults.fault import Fault
    from payments_sandbox.rules.magic_cards import MagicCard

TEXT: Final = """\
Explain an error code, a magic card by name or number, or a wire fault: what it means, and
how a test meets it. Of a request, which a running server is asked for: what became of it,
and why each rule did or did not answer.

examples:
  payments-sandbox explain insufficient_funds
  payments-sandbox explain 4000009900000061
  payments-sandbox explain drop
  payments-sandbox explain req_7k2m9q"""

_WIDTH: Final = 80
_REQUEST: Final = re.compile(r"req_\w+")


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_remote_command(
        commands,
        "explain",
        usage="(CODE | CARD | FAULT | REQUEST) [options]",
        does="explain an error code, a card, a fault, a request",
        text=TEXT,
    )
    parser.add_argument(
        "word", metavar="WORD", help="a code, a card, a fault, or the id of a request"
    )
    add_remote_options(options)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain all that is called so: a code and a card often share their name."""
    if _REQUEST.fullmatch(arguments.word):
        _explain_request(arguments)
        return 0
    parts = ["\n".join(map(_wrapped, lines)) for lines in _explained(arguments.word)]
    if not parts:
        raise CommandFailedError(_unknown(arguments.word), MISTAKEN)
    sys.stdout.write("\n\n".join(parts) + "\n")
    return 0


def _wrapped(line: str) -> str:
    """A sentence in lines that fit a terminal; a row of a table stays one."""
    from textwrap import fill

    indent = " " * (len(line) - len(line.lstrip()))
    is_row = line.lstrip().startswith("|")
    return line if is_row else fill(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _explain_request(arguments: argparse.Namespace) -> None:
    from payments_sandbox.testing.sandbox import explain_request

    with control_client(arguments) as client:
        sys.stdout.write(explain_request(client.retrieve_request(arguments.word)) + "\n")


def _explained(word: str) -> "Iterator[Iterator[str]]":
    from payments_sandbox.contract.error_codes import CODES, CONTROL_CODES
    from payments_sandbox.rules.faults import FAULT_NAMED
    from payments_sandbox.rules.magic_cards import MAGIC_CARDS

    if word in CODES:
        yield _code(word, CODES[word])
    if word in CONTROL_CODES:
        yield _control_code(word, CONTROL_CODES[word])
    if word in FAULT_NAMED:
        yield _fault(FAULT_NAMED[word])
    number = word.replace(" ", "")
    yield from (_card(card) for card in MAGIC_CARDS if word == card.name or number == card.number)


def _code(name: str, code: "Code") -> Iterator[str]:
    from payments_sandbox.rules.magic_cards import MAGIC_CARDS

    yield f"{name}: an error code of the API, with status {code.status}"
    yield f"  {code.message}."
    if code.operations:
        yield f"  of {', '.join(code.operations)}"
    if code.is_decline:
        yield "  The attempt is kept: a payment with status failed, and the event payment.failed."
    cards = [card for card in MAGIC_CARDS if card.outcome == name]
    yield from (f"  card {card.number} ({card.name}): {card.description}" for card in cards)
    if code.operations:
        yield "  in a scenario:"
        yield f"    - {{request: {code.operations[0]}, do: [{{respond: {{error: {name}}}}}]}}"


def _control_code(name: str, code: "Code") -> Iterator[str]:
    yield f"{name}: an error code of the control API, with status {code.status}"
    yield f"  {code.message}."


def _card(card: "MagicCard") -> Iterator[str]:
    from payments_sandbox.core.card_numbers import brand_of

    yield f"{card.number}: the magic card {card.name}, of {brand_of(card.number)}"
    yield f"  {card.description}"
    yield f"  {card.operation} answers: {card.outcome}"


def _fault(fault: "type[Fault]") -> Iterator[str]:
    yield f"{fault.name}: a wire fault"
    yield f"  {fault.ROW}"
    yield from (f"  {line}".rstrip() for line in fault.SECTION.strip().splitlines())
    yield "  payments-sandbox docs wire-faults has what some clients make of it."


def _unknown(word: str) -> str:
    from payments_sandbox.contract.error_codes import CODES, CONTROL_CODES
    from payments_sandbox.core.suggestions import nearest
    from payments_sandbox.rules.faults import FAULT_NAMED
    from payments_sandbox.rules.magic_cards import MAGIC_CARDS

    known = dict.fromkeys([*CODES, *CONTROL_CODES, *FAULT_NAMED, *(c.name for c in MAGIC_CARDS)])
    close = nearest(word, list(known))
    hint = f"did you mean '{close}'?" if close else "payments-sandbox docs lists pages about them"
    return f"there is no error code, card, fault or request '{word[:80]}'; {hint}"
