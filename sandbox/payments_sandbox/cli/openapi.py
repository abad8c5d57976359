"""Owns `payments-sandbox openapi`: the OpenAPI 3.1 document of the emulated API."""

import argparse
import json
import sys

from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.contract.operations import DOCUMENTED_URL


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_command(
        commands,
        "openapi",
        usage="openapi [--server URL]",
        does="print the API's OpenAPI document",
        text="Print the OpenAPI 3.1 document of the emulated API.\n\n"
        "examples:\n  payments-sandbox openapi > openapi.json\n"
        "  payments-sandbox openapi --server http://127.0.0.1:8080/v3",
    )
    options.value(
        "--server",
        "what servers[0].url says (default: %(default)s)",
        metavar="URL",
        default=DOCUMENTED_URL,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the document."""
    from payments_sandbox.contract.openapi import document
    from payments_sandbox.contract.schema_files import schema_files

    json.dump(document(schema_files(), server_url=arguments.server), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0
