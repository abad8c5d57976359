"""Owns `payments-sandbox schema`: it prints the JSON Schema of scenarios, for editors."""

import argparse
import sys
from typing import Final

from payments_sandbox.cli.options import Commands, add_command

TEXT: Final = """\
Print the JSON Schema of scenarios, which editors use for completion and checks.

examples:
  payments-sandbox schema > scenario.schema.json
      for a scenario in the same folder that begins with
      # yaml-language-server: $schema=scenario.schema.json"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "schema", "print the JSON Schema of scenarios", TEXT, run)


def run(_: argparse.Namespace) -> int:
    """Print the schema file of the package."""
    from payments_sandbox.core.resources import data_files
    from payments_sandbox.scenarios.scenario_schema import FILE

    sys.stdout.write(data_files("schemas")[FILE])
    return 0
