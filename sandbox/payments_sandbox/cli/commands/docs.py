"""Owns `payments-sandbox docs`: it prints the documentation's pages, which the package contains."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.terminal.columns import Cell, print_rows
from payments_sandbox.cli.terminal.screen import screen_of
from payments_sandbox.core.colours import STRONG

TEXT: Final = """\
Print a page of the documentation of this version, or without a topic the list of pages.
This needs no network, and writes no file.

examples:
  payments-sandbox docs
  payments-sandbox docs scenario-language
  payments-sandbox docs time-travel
  payments-sandbox docs agents > AGENTS.md
      what a coding agent needs to know; docs skill is the same as a SKILL.md"""

_ENDING: Final = ".md"
_DECISIONS: Final = "adr/"


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(commands, "docs [TOPIC]", "print a page of the documentation", TEXT, run)
    options.parser.add_argument(
        "topic", nargs="?", metavar="TOPIC", help="such as testing, or how-to/go"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a page, or the list of pages."""
    from payments_sandbox.core.resources import data_files

    pages = data_files("docs")
    topics = topics_of(list(pages))
    if arguments.topic is None:
        rows = [(Cell(each, STRONG), _title(pages[f"{each}{_ENDING}"])) for each in topics]
        print_rows(screen_of(arguments), rows, fold=((1, 30),))
    else:
        sys.stdout.write(pages[f"{find_topic(arguments.topic, topics)}{_ENDING}"])
    return 0


def topics_of(names: Sequence[str]) -> list[str]:
    """List the topics of page files, leaving out decisions."""
    pages = (name for name in names if name.endswith(_ENDING))
    return [name.removesuffix(_ENDING) for name in pages if not name.startswith(_DECISIONS)]


def find_topic(wanted: str, topics: Sequence[str]) -> str:
    """Find a topic by its name, or by the last part of it; case does not matter.

    Raises:
        CommandFailedError: there is no such topic.
    """
    word = wanted.lower().removeprefix("docs/").removesuffix(_ENDING)
    for topic in topics:
        if word in (topic.lower(), topic.lower().rpartition("/")[2]):
            return topic
    from payments_sandbox.core.wording import nearest

    last = {topic.lower().rpartition("/")[2]: topic for topic in topics}
    close = nearest(word, list(last))
    hint = f"did you mean '{close}'?" if close else "payments-sandbox docs lists all pages"
    raise CommandFailedError(f"there is no page '{wanted[:80]}'; {hint}", MISTAKEN)


def _title(page: str) -> str:
    return next(line.removeprefix("# ") for line in page.splitlines() if line.startswith("# "))
