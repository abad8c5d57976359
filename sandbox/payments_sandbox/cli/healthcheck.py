"""Owns `payments-sandbox healthcheck`: asks a running server whether it is ready."""

import argparse
import json
import sys
from typing import Final

from payments_sandbox.cli.argument_types import server_url
from payments_sandbox.cli.options import Commands, add_command

PATIENCE: Final = 2
"""Seconds that the server may take to answer."""

OK: Final = 200
_NOT_OURS: Final = "what answers there is no payments-sandbox"


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser, options = add_command(
        commands,
        "healthcheck",
        usage="healthcheck [--url URL]",
        does="ask a running server whether it is ready",
        text="Ask a running server whether it is ready: exit 0 when it is, else 1.\n\n"
        "examples:\n  payments-sandbox healthcheck\n"
        "  payments-sandbox healthcheck --url http://127.0.0.1:9000",
    )
    options.value(
        "--url",
        "where the server is (default: %(default)s)",
        metavar="URL",
        default="http://127.0.0.1:8080",
        read=server_url,
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Ask once, and say in one line what came of it."""
    if problem := _problem(chosen.url):
        sys.stderr.write(f"payments-sandbox: {chosen.url} is not ready: {problem}.\n")
        return 1
    sys.stdout.write(f"{chosen.url} is ready.\n")
    return 0


def _problem(url: str) -> str | None:
    """What keeps the server from being ready, or None."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    opener = build_opener(ProxyHandler({}))  # a proxy would answer for a server that is not there
    try:
        with opener.open(f"{url}/_sandbox/ready", timeout=PATIENCE) as reply:
            return _problem_in(reply.status, reply.read())
    except HTTPError as error:
        with error:
            return _problem_in(error.code, error.read())
    except HTTPException:
        return f"{_NOT_OURS} (no HTTP)"
    except OSError as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            return f"no answer within {PATIENCE} s"
        return str(getattr(cause, "strerror", None) or cause)


def _problem_in(status: int, body: bytes) -> str | None:
    """What a reply says is wrong; a server of somebody else's is not ours to call ready."""
    try:
        said = json.loads(body)
        is_ready, problems = said["ready"] is True, "; ".join(map(str, said["problems"]))
    except (ValueError, LookupError, TypeError):
        return f"{_NOT_OURS} (status {status})"
    if is_ready and status == OK:
        return None
    return problems.rstrip(".") or f"status {status}, and no reason"
