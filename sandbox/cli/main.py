"""Owns the command line as a whole: which commands there are, and what their help says first."""

import argparse
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from sandbox import __version__
from sandbox.cli import cards, openapi, serve

COMMANDS: Final[tuple[ModuleType, ...]] = (serve, cards, openapi)

EXAMPLES: Final = """\
examples:
  payments-sandbox serve                     the API on http://127.0.0.1:8080/v3
  payments-sandbox serve --port 0 --ready-file ready.json
  payments-sandbox cards                     the magic cards
  payments-sandbox openapi > openapi.json    the API's OpenAPI document
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 well, 1 failed, 2 called wrongly."""
    parser = argparse.ArgumentParser(
        prog="payments-sandbox",
        description="A local sandbox for the Payments API v3.2.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"payments-sandbox {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    chosen = parser.parse_args(arguments)
    if "options" in chosen:
        chosen.options.check()
    try:
        code: int = chosen.run(chosen)
    except BrokenPipeError:
        return 0  # the reader of our output has seen enough
    return code
