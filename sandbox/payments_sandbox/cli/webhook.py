"""Owns `payments-sandbox webhook verify`: a webhook that was kept is judged, without a server."""

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.options import Commands, Options, add_command, refuse
from payments_sandbox.core.instants import SECOND, read_instant
from payments_sandbox.core.option_values import one_of, text_that

if TYPE_CHECKING:  # imported when something is judged, so that --help is instant
    from payments_sandbox.webhooks.signing import Signing

TEXT: Final = """\
Work on webhooks that were received.

examples:
  payments-sandbox webhook verify --help"""

VERIFY_TEXT: Final = """\
Say whether a webhook that was received is good, or why a careful receiver refuses it.
No server is asked. Without --scheme the headers tell how it is signed.

examples:
  payments-sandbox webhook verify --secret whsec_… --body body.json \\
      --header 'webhook-id: evt_abc123' \\
      --header 'webhook-timestamp: 1736937000' \\
      --header 'webhook-signature: v1,…'
  payments-sandbox webhook verify --secret … --body - --now ignore \\
      --header 'X-Signature: sha256=…' < body.json
      whenever it was sent"""

_EPILOG: Final = """\
Exit code: 0 when it is good, 1 when it is refused.
Every option can come from the environment: --secret is PAYMENTS_SANDBOX_SECRET.
Several secrets or headers are separated by line ends there."""

_FALLBACK: Final = "PAYMENTS_WEBHOOK_SECRET"
_HEADER: Final = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):(?P<value>[^\r\n]*)")
_TIMESTAMP_IS: Final = "the timestamp is"

Header = tuple[str, str]
"""A header's name in lower case, and its value."""


def add_to(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command."""
    group, _ = add_command(
        commands,
        "webhook",
        usage="webhook verify [options]",
        does="say why a webhook is refused",
        text=TEXT,
    )
    verbs = group.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="payments-sandbox webhook"
    )
    parser, options = add_command(
        verbs,
        "verify",
        usage="webhook verify --body FILE --header 'NAME: VALUE'… [options]",
        does="say whether a webhook is good, or why it is refused",
        text=VERIFY_TEXT,
        epilog=_EPILOG,
    )
    _add_message(options)
    _add_signing(options)
    group.set_defaults(options=options)  # where the environment's names are looked for
    parser.set_defaults(run=run)


def _add_message(options: Options) -> None:
    options.many(
        "--secret",
        f"what it should be signed with; repeat it while one is rotated (default: what"
        f" {_FALLBACK} says)",
        metavar="S",
        separator="\n",
    )
    options.value("--body", "the exact bytes that arrived; - reads stdin", metavar="FILE")
    options.many(
        "--header",
        "a header that arrived (repeatable)",
        read=header,
        metavar="'NAME: VALUE'",
        separator="\n",
    )
    options.value(
        "--now",
        "the receiver's time, which the timestamp may differ from by five minutes; ignore accepts"
        " any (default: the real time)",
        read=now,
        metavar="ISO|ignore",
    )


def _add_signing(options: Options) -> None:
    options.value(
        "--scheme",
        "how it should be signed (default: what the headers look like)",
        read=one_of("standard", "timestamped", "hmac"),
        metavar="standard|timestamped|hmac",
    )
    options.value(
        "--header-name",
        "the header that carries the signature of timestamped and hmac",
        metavar="NAME",
    )
    options.value("--prefix", "what stands before the digest of hmac, such as sha256=", metavar="P")
    options.value(
        "--encoding",
        "how the digest of hmac is written",
        read=one_of("hex", "base64"),
        metavar="hex|base64",
    )


def header(text: str) -> Header:
    """Reads a line of an HTTP head."""
    if not (found := _HEADER.fullmatch(text.strip())):
        raise ValueError("expected 'NAME: VALUE', as it arrived")
    return found["name"].lower(), found["value"].strip()


def now(text: str) -> str:
    """Reads an ISO 8601 instant, or `ignore`, and keeps the text."""
    return text if text == "ignore" else text_that(read_instant)(text)


def run(chosen: argparse.Namespace) -> int:
    """Print `good`, or why not."""
    from payments_sandbox.webhooks.verification import Received, describe_signing, why_refused

    secrets, received = _secrets(chosen), Received(_headers(chosen), _body(chosen))
    signing = _signing(chosen, received.headers)
    if signing is None:
        given = ", ".join(received.headers)
        sys.stdout.write(
            f"refused: no header looks like a signature; there are {given}, and --header-name and"
            " --scheme say which is one\n"
        )
        return 1
    if chosen.scheme is None:
        sys.stderr.write(f"payments-sandbox: by its headers this is {describe_signing(signing)}.\n")
    try:
        reason = why_refused(signing, secrets, received, now=_seconds(chosen))
    except ValueError as error:
        refuse(chosen, "--secret", f"{error}, for the scheme {signing.scheme}")
    if reason is None:
        sys.stdout.write("good\n")
        return 0
    if reason.startswith(_TIMESTAMP_IS):
        reason = f"the signature holds, but {reason}; --now ignore accepts any"
    sys.stdout.write(f"refused: {reason}\n")
    return 1


def _secrets(chosen: argparse.Namespace) -> list[str]:
    given = os.environ.get(_FALLBACK)
    secrets: list[str] = chosen.secret or ([given] if given else [])
    if not secrets:
        refuse(chosen, "--secret", f"expected one, here or in {_FALLBACK}")
    return secrets


def _headers(chosen: argparse.Namespace) -> dict[str, str]:
    headers: dict[str, str] = dict(chosen.header)
    if not headers:
        refuse(chosen, "--header", "expected those that arrived, the signature's at least")
    if len(headers) < len(chosen.header):
        refuse(chosen, "--header", "expected each name once")
    return headers


def _body(chosen: argparse.Namespace) -> bytes:
    if chosen.body is None:
        refuse(chosen, "--body", "expected a file with what arrived, or - for stdin")
    try:
        return sys.stdin.buffer.read() if chosen.body == "-" else Path(chosen.body).read_bytes()
    except OSError as error:
        refuse(chosen, "--body", f"expected a file to read; {error.strerror}")


def _signing(chosen: argparse.Namespace, headers: Mapping[str, str]) -> "Signing | None":
    """How the message should be signed: what is said of it, and else what it looks like."""
    from payments_sandbox.webhooks.signing import (
        DEFAULT_HEADER,
        STANDARD,
        Encoding,
        Scheme,
        Signing,
    )
    from payments_sandbox.webhooks.verification import guess_signing

    name = None if chosen.header_name is None else chosen.header_name.lower()
    seen = guess_signing(headers if name is None else {name: headers.get(name, "")})
    scheme = chosen.scheme or (seen and seen.scheme)
    if scheme is None:
        return None
    _check_parts(chosen, scheme)
    if scheme == Scheme.STANDARD:
        return STANDARD
    like = seen if seen is not None and seen.scheme == scheme else Signing(Scheme(scheme))
    return Signing(
        Scheme(scheme),
        header=chosen.header_name or like.header or DEFAULT_HEADER,
        prefix=like.prefix if chosen.prefix is None else chosen.prefix,
        encoding=like.encoding if chosen.encoding is None else Encoding(chosen.encoding),
    )


def _check_parts(chosen: argparse.Namespace, scheme: str) -> None:
    """A part that the scheme has not would be ignored in silence."""
    taken = {"standard": (), "timestamped": ("header_name",)}.get(scheme)
    for part in ("header_name", "prefix", "encoding"):
        if taken is not None and part not in taken and getattr(chosen, part) is not None:
            option = f"--{part.replace('_', '-')}"
            refuse(chosen, option, f"expected nothing; the scheme {scheme} has none")


def _seconds(chosen: argparse.Namespace) -> int | None:
    if chosen.now == "ignore":
        return None
    if chosen.now is not None:
        return read_instant(chosen.now) // SECOND
    return int(time.time())  # noqa: TID251 - a receiver's clock is the wall's, and no world is here
