"""Owns `payments-sandbox cards`: it lists the magic cards as a table or as JSON."""

import argparse

from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.terminal.columns import Cell, print_json, print_rows
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.colours import NAME, STRONG


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "cards [--json]",
        "list the magic cards",
        "List the magic cards: any future expiry, any cvc of the right length.\n\n"
        "examples:\n  payments-sandbox cards\n  payments-sandbox cards --json",
        run,
    )
    options.flag("--json", "as JSON, like GET /_sandbox/cards")


def run(arguments: argparse.Namespace) -> int:
    """Print every card."""
    from payments_sandbox.contract.representations import page
    from payments_sandbox.rules.magic_cards import MAGIC_CARDS

    if arguments.json:
        shown = [card.as_json() for card in MAGIC_CARDS]
        print_json(page(shown, has_more=False))
        return 0
    rows = [
        (Cell(card.name, STRONG), Cell(card.number, NAME), card.description) for card in MAGIC_CARDS
    ]
    print_rows(screen_of(arguments), rows, fold=((2, 30),))
    return 0
