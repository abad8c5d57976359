"""Owns `payments-sandbox healthcheck`: it asks a running server whether it is ready."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import FAILED
from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import add_url_option, client_failures
from payments_sandbox.cli.terminal.standard_streams import remark

if TYPE_CHECKING:  # imported only to ask, so that --help is instant
    from payments_sandbox.client.client import SandboxClient

TIMEOUT: Final = 2
"""Seconds that the server may take to answer."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "healthcheck [--url URL]",
        "ask a running server whether it is ready",
        "Ask a running server whether it is ready: exit 0 if it is, otherwise 1.\n\n"
        "examples:\n  payments-sandbox healthcheck\n"
        "  payments-sandbox healthcheck --url http://127.0.0.1:9000",
        run,
    )
    add_url_option(options)


def run(arguments: argparse.Namespace) -> int:
    """Ask once, and print the result in one line."""
    from payments_sandbox.client.client import SandboxClient

    url = arguments.url
    with client_failures(url), SandboxClient(url, timeout=TIMEOUT) as client:
        problem = _problem(client)
    if problem is not None:
        remark(f"{url} is not ready: {problem}")
        return FAILED
    sys.stdout.write(f"{url} is ready.\n")
    return 0


def _problem(client: "SandboxClient") -> str | None:
    """What keeps the server from being ready, or None.

    Raises:
        ControlError: there is no answer, or not that of a sandbox.
    """
    from payments_sandbox.client.errors import Unreachable, UnreachableCause

    state = client.ready()
    try:
        is_ready, problems = state["ready"], "; ".join(map(str, state["problems"]))
    except (LookupError, TypeError):
        raise Unreachable("", UnreachableCause.NOT_A_SANDBOX, "status 200") from None
    return None if is_ready else problems or "status 503, without a reason"
