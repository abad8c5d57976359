"""Owns `payments-sandbox healthcheck`: asks a running server whether it is ready."""

import argparse
import sys
from typing import TYPE_CHECKING, Final, assert_never

from payments_sandbox.cli.options import Commands, add_command
from payments_sandbox.cli.remote_options import add_url_option
from payments_sandbox.cli.terminal.standard_streams import remark

if TYPE_CHECKING:  # imported when something is asked, so that --help is instant
    from payments_sandbox.client.errors import Unreachable

TIMEOUT: Final = 2
"""Seconds that the server may take to answer."""

_NOT_OURS: Final = "what answers there is no payments-sandbox"


def add_to(commands: Commands) -> None:
    """Add the command."""
    options = add_command(
        commands,
        "healthcheck [--url URL]",
        "ask a running server whether it is ready",
        "Ask a running server whether it is ready: exit 0 when it is, else 1.\n\n"
        "examples:\n  payments-sandbox healthcheck\n"
        "  payments-sandbox healthcheck --url http://127.0.0.1:9000",
        run,
    )
    add_url_option(options)


def run(arguments: argparse.Namespace) -> int:
    """Ask once, and say in one line what came of it."""
    if problem := _problem(arguments.url):
        remark(f"{arguments.url} is not ready: {problem}")
        return 1
    sys.stdout.write(f"{arguments.url} is ready.\n")
    return 0


def _problem(url: str) -> str | None:
    """What keeps the server from being ready, or None."""
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.errors import ControlApiError, Unreachable

    try:
        with SandboxClient(url, timeout=TIMEOUT) as client:
            state = client.ready()
            is_ready, problems = state["ready"], "; ".join(map(str, state["problems"]))
    except ControlApiError as error:
        return f"status {error.status}, {error.message}"
    except Unreachable as error:
        return _no_answer(error)
    except (LookupError, TypeError):
        return f"{_NOT_OURS} (status 200)"
    return None if is_ready else problems.rstrip(".") or "status 503, and no reason"


def _no_answer(error: "Unreachable") -> str:
    from payments_sandbox.client.errors import UnreachableCause

    match error.cause:
        case UnreachableCause.TIMEOUT:
            return f"no answer within {TIMEOUT} s"
        case UnreachableCause.NO_CONNECTION:
            return error.reason
        case UnreachableCause.NOT_TRUSTED:
            return f"its certificate is not trusted ({error.reason})"
        case UnreachableCause.NOT_HTTP:
            return f"{_NOT_OURS} (no HTTP)"
        case UnreachableCause.NOT_A_SANDBOX:
            return f"{_NOT_OURS} ({error.reason})"
        case _:
            assert_never(error.cause)
