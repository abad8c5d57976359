"""Owns `payments-sandbox openapi`: it prints the OpenAPI 3.1 documents, for client generators."""

import argparse
from typing import Final
from urllib.parse import urlsplit

from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import DEFAULT_URL
from payments_sandbox.cli.terminal.columns import print_json
from payments_sandbox.client.messages import CONTROL_PATH
from payments_sandbox.contract.operations import BASE_PATH, DOCUMENTED_URL
from payments_sandbox.core.option_values import base_url

CONTROL_URL: Final = f"{DEFAULT_URL}/_sandbox"
"""The address of the control API of a server that was started without options."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "openapi [--control] [--server URL]",
        "print the OpenAPI document of the API",
        "Print the OpenAPI 3.1 document of the emulated API, or of the control API.\n\n"
        "examples:\n  payments-sandbox openapi > openapi.json\n"
        "  payments-sandbox openapi --server http://127.0.0.1:8080/v3\n"
        "  payments-sandbox openapi --control > control-openapi.json",
        run,
    )
    options.flag("--control", "the document of the control API, which is below /_sandbox")
    options.value(
        "--server",
        f"the value of servers[0].url (default: {DOCUMENTED_URL}, or with --control {CONTROL_URL})",
        metavar="URL",
        read=base_url,
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the document."""
    from payments_sandbox.contract.schema_files import schema_files

    if arguments.control:
        from payments_sandbox.contract.control_openapi import control_document

        made = control_document(
            schema_files(), server_url=_url(arguments, CONTROL_PATH) or CONTROL_URL
        )
    else:
        from payments_sandbox.contract.openapi import document

        made = document(schema_files(), server_url=_url(arguments, BASE_PATH) or DOCUMENTED_URL)
    print_json(made)
    return 0


def _url(arguments: argparse.Namespace, path: str) -> str | None:
    """The given address, completed with `path` if it has no path itself."""
    given: str | None = arguments.server
    return given if given is None or urlsplit(given).path else f"{given}{path}"
