"""Owns what commands for a running server share: its options, its client and its errors."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.options import CommandOptions, refuse
from payments_sandbox.core.ids import API_KEY, DEFAULT_API_KEY
from payments_sandbox.core.option_values import (
    LAST_PORT,
    header_value,
    listening_host,
    server_url,
    whole_number,
)

if TYPE_CHECKING:  # imported only to make a request, so that --help is instant
    from payments_sandbox.client.client import SandboxClient
    from payments_sandbox.client.errors import ControlApiError

_HOST: Final = "127.0.0.1"
_PORT: Final = 8080
DEFAULT_URL: Final = f"http://{_HOST}:{_PORT}"
TIMEOUT: Final = 30.0
"""Seconds of silence after which a server counts as gone."""

_EPILOG: Final = (
    "Every option can also be set in the environment: --api-key is PAYMENTS_SANDBOX_API_KEY."
)

_EXPECTED_KEY: Final = f"expected a key of the sandbox, such as {DEFAULT_API_KEY}"
_FALLBACK: Final = "PAYMENTS_API_KEY"
_HINTS: Final = {
    "invalid_api_key": "--api-key selects another",
    "invalid_token": "--control-token takes the token that the server printed at its start",
}


def add_remote_options(options: CommandOptions) -> None:
    """Add the options that select the server and the world."""
    options.parser.epilog = _EPILOG
    add_url_option(options)
    options.value(
        "--api-key",
        f"the key of the world (default: {_FALLBACK}, or else {DEFAULT_API_KEY})",
        read=api_key,
        metavar="KEY",
    )
    options.value(
        "--control-token",
        "the value of the header Sandbox-Token, if the server requires one",
        read=header_value,
        metavar="TOKEN",
    )


def add_url_option(options: CommandOptions) -> None:
    """Add the option that selects the server; by default the one that the environment describes."""
    host = options.environment_default("--host", _HOST, listening_host)
    port = options.environment_default("--port", _PORT, whole_number(0, LAST_PORT))
    options.value(
        "--url",
        f"the address of the server (default: {DEFAULT_URL})",
        default=_url(str(host), port or _PORT),
        read=server_url,
        metavar="URL",
    )


def _url(host: str, port: object) -> str:
    """The url at which a client on this machine reaches a host, which may be a wildcard."""
    reachable = {"0.0.0.0": _HOST, "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound to
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def api_key(text: str) -> str:
    """Read a key of the sandbox; any other may be a real one, and must not be sent."""
    if not API_KEY.fullmatch(text):
        raise ValueError(_EXPECTED_KEY)
    return text


@contextmanager
def control_client(
    arguments: argparse.Namespace, *, timeout: float | None = TIMEOUT
) -> "Iterator[SandboxClient]":
    """Yield a client of the world that the options select; its errors end the command.

    After `timeout` seconds of silence the server counts as gone; None waits forever.

    Raises:
        CommandFailedError: the server rejects a request, or no sandbox answers.
    """
    from payments_sandbox.client.client import SandboxClient

    key = arguments.api_key or os.environ.get(_FALLBACK) or DEFAULT_API_KEY
    if not API_KEY.fullmatch(key):
        refuse(arguments, "--api-key", f"{_EXPECTED_KEY}; {_FALLBACK} is not one")
    client = SandboxClient(arguments.url, key, token=arguments.control_token, timeout=timeout)
    with client, client_failures(client.url):
        yield client


@contextmanager
def client_failures(url: str) -> Iterator[None]:
    """Turn errors of a client of the server at this url into failures of the command.

    Raises:
        CommandFailedError: the server rejects a request, or no sandbox answers.
    """
    from payments_sandbox.client.errors import ControlApiError, Unreachable, describe_unreachable

    try:
        yield
    except ControlApiError as error:
        raise CommandFailedError(_refusal(error, url)) from None
    except Unreachable as error:
        raise CommandFailedError(describe_unreachable(error, url, "--url")) from None


def _refusal(error: "ControlApiError", url: str) -> str:
    text = f"{url} rejected the request: {error.message} ({error.code})"
    if error.details:
        text += f": {error.details.rstrip('.')}"
    hint = _HINTS.get(error.code)
    return f"{text}; {hint}" if hint else text
