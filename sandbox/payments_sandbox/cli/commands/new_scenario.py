"""Owns `payments-sandbox scenario new`: a commented scenario to begin with."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from payments_sandbox.cli.failure import MISTAKEN, CommandFailedError
from payments_sandbox.cli.options import Commands, add_command, argument
from payments_sandbox.cli.output_files import write_whole
from payments_sandbox.cli.remote_options import DEFAULT_URL
from payments_sandbox.core.option_values import not_empty, scenario_name

SCHEMA_URL: Final = f"{DEFAULT_URL}/_sandbox/scenario.schema.json"
"""The address of the schema at a server that was started without options."""

TEXT: Final = """\
Write NAME.yaml, a short commented scenario to start your own from. Its first line tells
editors where the schema is, which they use for completion and checks.

examples:
  payments-sandbox scenario new lost-reply
  payments-sandbox schema > scenario.schema.json
  payments-sandbox scenario new lost-reply --schema scenario.schema.json
      for editors without a running server"""

_FILE: Final = """\
# yaml-language-server: $schema={schema}
# With this line, editors complete and check the file while `payments-sandbox serve` runs; to do so
# without a server, name a file instead: `payments-sandbox schema > scenario.schema.json`.

scenario: {name}  # the name of the file
about: The first payment is made, and its reply is lost on the way back.
tags: [retry]

# Where the API deviates. Calls that no rule answers work as usual, with real state.
rules:
  - name: reply-lost
    request: create_payment  # retrieve_payment, list_payments, create_refund, or "*" for all
    # when: {{customer_id: cust_ada, amount: {{gte: 1000}}}}  # only such calls
    # per: customer  # whose calls are counted together; by default, those of the world
    do:  # a step for each call; after the last one the API works again
      - {{drop: {{commit: true, how: reset}}}}  # the payment is made, but the client gets no reply
      # - {{respond: {{error: internal_error}}, times: 2}}
      # - {{delay: 2s}}
      # - pass

# What has to be true afterwards: `payments-sandbox report` checks it.
expect:
  - {{retries: create_payment, max: 0}}  # a client looks before it pays again
  - {{audit: clean}}  # nobody is charged twice
"""


def add_new(verbs: Commands) -> None:
    """Add the command to those of `scenario`."""
    options = add_command(
        verbs, "new NAME [options]", "write a commented file to start from", TEXT, run
    )
    options.parser.add_argument(
        "name", type=argument(_name), metavar="NAME", help="the name of the scenario"
    )
    options.value(
        "--schema",
        f"where editors find the schema: an address, or a file (default: {SCHEMA_URL})",
        default=SCHEMA_URL,
        read=not_empty,
        metavar="PLACE",
    )


def _name(text: str) -> str:
    return scenario_name(text.removesuffix(".yaml"))


def run(arguments: argparse.Namespace) -> int:
    """Write the file, unless it exists."""
    file = Path(f"{arguments.name}.yaml")
    if os.path.lexists(file):
        hint = "choose another name, or move the file"
        raise CommandFailedError(f"{file} already exists, and was not changed; {hint}", MISTAKEN)
    write_whole(file, new_scenario(arguments.name, arguments.schema))
    sys.stdout.write(f"{file}: payments-sandbox serve --scenario {file} --watch\n")
    return 0


def new_scenario(name: str, schema: str) -> str:
    """The text of a new scenario, with the address of its schema."""
    return _FILE.format(name=name, schema=schema)
