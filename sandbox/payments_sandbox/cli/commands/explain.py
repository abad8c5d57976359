"""Owns `payments-sandbox explain`: it explains an error code, a card, a fault or a request."""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import add_remote_options, control_client
from payments_sandbox.cli.terminal.columns import Cell, print_rows
from payments_sandbox.cli.terminal.highlight import EXPLANATION, View
from payments_sandbox.cli.terminal.screen import Screen, screen_of
from payments_sandbox.core.colours import STRONG

if TYPE_CHECKING:  # imported only to explain, so that --help is instant
    from payments_sandbox.contract.error_codes import Code
    from payments_sandbox.rules.faults.fault import Fault
    from payments_sandbox.rules.magic_cards import MagicCard

TEXT: Final = """\
Explain an error code, a magic card (by name or number) or a wire fault: what it means,
and how a test causes it. Explain a request of a running server: its outcome, and why each
rule did or did not answer.

examples:
  payments-sandbox explain insufficient_funds
  payments-sandbox explain 4000009900000061
  payments-sandbox explain drop
  payments-sandbox explain req_7k2m9q"""

_WIDTH: Final = 80
_REQUEST: Final = re.compile(r"req_\w+")


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "explain (CODE | CARD | FAULT | REQUEST) [options]",
        "explain an error code, a card, a fault or a request",
        TEXT,
        run,
    )
    options.parser.add_argument(
        "word", metavar="WORD", help="a code, a card, a fault, or the id of a request"
    )
    add_remote_options(options)


def run(arguments: argparse.Namespace) -> int:
    """Explain everything of that name: a code and a card often share one."""
    screen = screen_of(arguments)
    if _REQUEST.fullmatch(arguments.word):
        _explain_request(arguments, screen)
        return 0
    parts = list(_explained(arguments.word))
    if not parts:
        raise CommandFailedError(_unknown(arguments.word), MISTAKEN)
    for number, lines in enumerate(parts):
        sys.stdout.write("\n" if number else "")
        _print(lines, screen)
    return 0


def _explain_request(arguments: argparse.Namespace, screen: Screen) -> None:
    from payments_sandbox.testing.reports import explain_request

    with control_client(arguments) as client:
        text = explain_request(client.retrieve_request(arguments.word))
    sys.stdout.write(View(screen, EXPLANATION).text(text))


def _print(lines: Iterable[str], screen: Screen) -> None:
    """Print lines and tables, each fitted to the width."""
    fitting = screen._replace(width=min(screen.width or _WIDTH, _WIDTH))
    for is_table, part in groupby(lines, key=lambda line: line.lstrip().startswith("|")):
        if is_table:
            rows = [[each.strip() for each in line.strip(" |").split("|")] for line in part]
            head, _, *body = [[f"  {first}", *rest] for first, *rest in rows]
            print_rows(fitting, [[Cell(each, STRONG) for each in head], *body], fold=((1, 30),))
        else:
            sys.stdout.write(View(fitting, EXPLANATION).text("\n".join(part)))


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
        yield f"  returned by {', '.join(code.operations)}"
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

    yield f"{card.number}: the magic card {card.name} ({brand_of(card.number)})"
    yield f"  {card.description}"
    yield f"  {card.operation} answers: {card.outcome}"


def _fault(fault: "type[Fault]") -> Iterator[str]:
    yield f"{fault.name}: a wire fault"
    yield f"  {fault.ROW}"
    yield from (f"  {line}".rstrip() for line in _unbroken(fault.SECTION.strip()))
    yield "  payments-sandbox docs wire-faults shows how some clients handle it."


def _unbroken(text: str) -> "Iterator[str]":
    """Join the lines of each paragraph; rows of a table stay separate."""
    for paragraph in text.split("\n\n"):
        lines = paragraph.splitlines()
        yield from lines if paragraph.startswith("|") else [" ".join(lines)]


def _unknown(word: str) -> str:
    from payments_sandbox.contract.error_codes import CODES, CONTROL_CODES
    from payments_sandbox.core.wording import nearest
    from payments_sandbox.rules.faults import FAULT_NAMED
    from payments_sandbox.rules.magic_cards import MAGIC_CARDS

    known = dict.fromkeys([*CODES, *CONTROL_CODES, *FAULT_NAMED, *(c.name for c in MAGIC_CARDS)])
    close = nearest(word, list(known))
    hint = f"did you mean '{close}'?" if close else "payments-sandbox docs lists pages about them"
    return f"there is no error code, card, fault or request '{word[:80]}'; {hint}"
