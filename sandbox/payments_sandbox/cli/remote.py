"""Owns how commands reach a running server: where it is, whose world, and what it refuses.

`http.client` and not `urllib.request`: it takes a third of the time to import, follows nothing, and
asks no proxy, which would answer for a server that is not there.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.argument_types import header_value, server_url
from payments_sandbox.cli.failure import CommandFailedError
from payments_sandbox.cli.options import Commands, Options, add_command, refuse

if TYPE_CHECKING:  # imported when something is asked, so that --help is instant
    from http.client import HTTPConnection, HTTPResponse

DEFAULT_URL: Final = "http://127.0.0.1:8080"
DEFAULT_KEY: Final = "sk_test_sandbox"
PATIENCE: Final = 30
"""Seconds of silence after which a server counts as gone."""

CONTROL: Final = "/_sandbox"
NO_CONTENT: Final = 204
SUCCESS: Final = range(200, 300)

_KEY: Final = re.compile(r"sk_test_[A-Za-z0-9_-]{1,64}")
_EXPECTED_KEY: Final = "expected a key of the sandbox, such as sk_test_sandbox"
_FALLBACK: Final = "PAYMENTS_API_KEY"
_HINTS: Final = {
    "invalid_api_key": "--api-key names another",
    "invalid_token": "--control-token says what the server printed when it started",
}


class RemoteError(CommandFailedError):
    """The server refuses, or is none of ours; the text says what would have worked."""


class UnreachableError(RemoteError):
    """The server is not there, or went away."""


def add_remote_command(
    commands: "Commands[argparse.ArgumentParser]", name: str, *, usage: str, does: str, text: str
) -> tuple[argparse.ArgumentParser, Options]:
    """Add a command that asks a running server.

    Args:
        commands: where to.
        name: the command.
        usage: what may follow its name.
        does: one line, for the list of commands.
        text: what `--help` says first.
    """
    return add_command(
        commands,
        name,
        usage=f"{name} {usage}",
        does=does,
        text=text,
        epilog="Every option can come from the environment: --api-key is PAYMENTS_SANDBOX_API_KEY.",
    )


def add_remote_options(options: Options) -> None:
    """Add the options that say which server and whose world."""
    options.value(
        "--url",
        f"where the server is (default: {DEFAULT_URL})",
        default=DEFAULT_URL,
        read=server_url,
        metavar="URL",
    )
    options.value(
        "--api-key",
        f"whose world (default: what {_FALLBACK} says, else {DEFAULT_KEY})",
        read=api_key,
        metavar="KEY",
    )
    options.value(
        "--control-token",
        "what the header Sandbox-Token must say, where the server demands one",
        read=header_value,
        metavar="TOKEN",
    )


def api_key(text: str) -> str:
    """Reads a key of the sandbox; any other is perhaps a real one, and is sent nowhere."""
    if not _KEY.fullmatch(text):
        raise argparse.ArgumentTypeError(_EXPECTED_KEY)
    return text


def remote_of(chosen: argparse.Namespace) -> "Remote":
    """The world that the options name."""
    key = chosen.api_key or os.environ.get(_FALLBACK) or DEFAULT_KEY
    if not _KEY.fullmatch(key):
        refuse(chosen, "--api-key", f"{_EXPECTED_KEY}; {_FALLBACK} has another")
    return Remote(chosen.url, key, chosen.control_token)


class Remote:
    """One world of a running server.

    Args:
        url: the server's origin.
        api_key: the world's key.
        control_token: what the server demands on its control API, if it does.
    """

    def __init__(self, url: str, api_key: str, control_token: str | None) -> None:
        self.url = url
        self.api_key = api_key
        self._headers = {"Authorization": f"Bearer {api_key}"}
        if control_token is not None:
            self._headers["Sandbox-Token"] = control_token

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        patience: float | None = PATIENCE,
    ) -> dict[str, object]:
        """Ask the control API; gives the JSON of its answer, {} where it has none.

        Args:
            method: of HTTP.
            path: below `/_sandbox`, with its query.
            body: JSON, if there is any.
            patience: seconds to wait for the answer; None waits for ever.

        Raises:
            RemoteError: it was refused, or nobody answers.
        """
        headers = {} if body is None else {"Content-Type": "application/json"}
        with self._connected(patience) as connection:
            reply = self._reply(connection, method, path, headers, body)
            with self._in_words():
                read = reply.read()
        if reply.status == NO_CONTENT:
            return {}
        return self._object_in(read, reply.status)

    def lines(self, path: str, headers: dict[str, str], *, silence: float) -> Iterator[bytes]:
        """The lines of an answer that goes on, as they come, until it ends.

        Args:
            path: below `/_sandbox`, with its query.
            headers: what to send besides.
            silence: seconds without a line after which the server counts as gone.

        Raises:
            RemoteError: it was refused, or nobody answers any more.
        """
        with self._connected(silence) as connection:
            reply = self._reply(connection, "GET", path, headers)
            while True:
                with self._in_words():
                    line = reply.readline()
                if not line:
                    return
                yield line

    @contextmanager
    def _connected(self, patience: float | None) -> "Iterator[HTTPConnection]":
        from http.client import HTTPConnection, HTTPSConnection
        from urllib.parse import urlsplit

        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=patience)
        try:
            yield connection
        finally:
            connection.close()

    def _reply(
        self,
        connection: "HTTPConnection",
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None = None,
    ) -> "HTTPResponse":
        """A success, still to be read."""
        with self._in_words():
            connection.request(method, CONTROL + path, body, self._headers | headers)
            reply = connection.getresponse()
            if reply.status in SUCCESS:
                return reply
            refusal = reply.read()
        raise RemoteError(self._refusal(self._object_in(refusal, reply.status), reply.status))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        from http.client import HTTPException

        try:
            yield
        except TimeoutError:
            raise UnreachableError(f"{self.url} does not answer") from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreachableError(
                f"no sandbox answers at {self.url}: {reason};"
                " payments-sandbox serve starts one, and --url names another"
            ) from None
        except HTTPException:
            reason = "its answer is not HTTP, or not all of it"
            raise UnreachableError(self._not_ours(reason)) from None

    def _object_in(self, read: bytes, status: int) -> dict[str, object]:
        try:
            said = json.loads(read)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise RemoteError(self._not_ours(f"status {status}"))
        return said

    def _refusal(self, said: dict[str, object], status: int) -> str:
        error = said.get("error")
        if not isinstance(error, dict):
            return self._not_ours(f"status {status}")
        text = f"{self.url} refuses: {error.get('message')} ({error.get('code')})"
        if details := error.get("details"):
            text += f": {str(details).rstrip('.')}"
        hint = _HINTS.get(str(error.get("code")))
        return f"{text}; {hint}" if hint else text

    def _not_ours(self, reason: str) -> str:
        return f"what answers at {self.url} is no payments-sandbox ({reason}); --url names another"
