"""Owns `payments-sandbox webhook verify`: it judges a stored webhook, without a server."""

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from payments_sandbox.cli.input_files import read_given
from payments_sandbox.cli.options import Commands, add_command, add_group, refuse
from payments_sandbox.cli.terminal.standard_streams import remark
from payments_sandbox.core.instants import SECOND, read_instant
from payments_sandbox.core.option_values import one_of, text_that

if TYPE_CHECKING:  # imported only to verify, so that --help is instant
    from payments_sandbox.webhooks.signing import Signing

TEXT: Final = """\
Work with webhooks that were received.

examples:
  payments-sandbox webhook verify --help"""

VERIFY_TEXT: Final = """\
Say whether a received webhook is genuine, or why a careful receiver rejects it. This
needs no server. Without --scheme, the headers determine how it is signed.

examples:
  payments-sandbox webhook verify --secret whsec_… --body body.json \\
      --header 'webhook-id: evt_abc123' \\
      --header 'webhook-timestamp: 1736937000' \\
      --header 'webhook-signature: v1,…'
  payments-sandbox webhook verify --secret … --body - --now ignore \\
      --header 'X-Signature: sha256=…' < body.json
      accept any timestamp"""

_EPILOG: Final = """\
Exit code: 0 if it is genuine, 1 if it is rejected.
Every option can also be set in the environment: --secret is PAYMENTS_SANDBOX_SECRET.
Separate several secrets or headers by line ends there."""

_FALLBACK: Final = "PAYMENTS_WEBHOOK_SECRET"
_HEADER: Final = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):(?P<value>[^\r\n]*)")
_CGI: Final = "HTTP_"
_TIMESTAMP_IS: Final = "the timestamp is"

Header = tuple[str, str]
"""A header's name in lower case, and its value."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    verbs = add_group(
        commands, "webhook verify [options]", "explain why a webhook is rejected", TEXT
    )
    options = add_command(
        verbs,
        "verify --body FILE --header 'NAME: VALUE'… [options]",
        "say whether a webhook is genuine, or why it is rejected",
        VERIFY_TEXT,
        run,
        epilog=_EPILOG,
    )
    options.many(
        "--secret",
        f"the secret; repeat it while a secret is being rotated (default: {_FALLBACK})",
        metavar="S",
        separator="\n",
    )
    options.value("--body", "the exact bytes of the received body; - reads stdin", metavar="FILE")
    options.many(
        "--header",
        "a received header (repeatable)",
        read=header,
        metavar="'NAME: VALUE'",
        separator="\n",
    )
    options.value(
        "--now",
        "the receiver's time, from which the timestamp may differ by five minutes; ignore accepts"
        " any timestamp (default: the real time)",
        read=now,
        metavar="ISO|ignore",
    )
    options.value(
        "--scheme",
        "the signature scheme (default: derived from the headers)",
        read=one_of("standard", "timestamped", "hmac"),
        metavar="standard|timestamped|hmac",
    )
    options.value(
        "--header-name",
        "the header that carries the signature of timestamped and hmac",
        metavar="NAME",
    )
    options.value("--prefix", "the prefix of the digest of hmac, such as sha256=", metavar="P")
    options.value(
        "--encoding",
        "the encoding of the digest of hmac",
        read=one_of("hex", "base64"),
        metavar="hex|base64",
    )


def header(text: str) -> Header:
    """Read a header line; CGI's form of the name, which WSGI, Rack and PHP use, works as well."""
    if not (found := _HEADER.fullmatch(text.strip())):
        raise ValueError("expected 'NAME: VALUE', as received")
    name, value = found["name"], found["value"].strip()
    if name.startswith(_CGI):
        name = name.removeprefix(_CGI).replace("_", "-")
    return name.lower(), value


def now(text: str) -> str:
    """Check that a text is an ISO 8601 instant or `ignore`, and return it."""
    return text if text == "ignore" else text_that(read_instant)(text)


def run(arguments: argparse.Namespace) -> int:
    """Verify the webhook: print `good`, or why it is refused."""
    from payments_sandbox.webhooks.verification import Received, describe_signing, why_refused

    secrets, received = _secrets(arguments), Received(_headers(arguments), _body(arguments))
    signing = _signing(arguments, received.headers)
    if signing is None:
        given = ", ".join(received.headers)
        sys.stdout.write(
            f"rejected: no header looks like a signature, only {given}; --header-name and --scheme"
            " name it\n"
        )
        return 1
    if arguments.scheme is None:
        remark(f"detected from the headers: {describe_signing(signing)}")
    try:
        reason = why_refused(signing, secrets, received, now=_seconds(arguments))
    except ValueError as error:
        refuse(arguments, "--secret", f"{error}, for the scheme {signing.scheme}")
    if reason is None:
        sys.stdout.write("good\n")
        return 0
    if reason.startswith(_TIMESTAMP_IS):
        reason = f"the signature is valid, but {reason}; --now ignore accepts any"
    sys.stdout.write(f"rejected: {reason}\n")
    return 1


def _secrets(arguments: argparse.Namespace) -> list[str]:
    given = os.environ.get(_FALLBACK)
    secrets: list[str] = arguments.secret or ([given] if given else [])
    if not secrets:
        refuse(arguments, "--secret", f"expected a secret, here or in {_FALLBACK}")
    return secrets


def _headers(arguments: argparse.Namespace) -> dict[str, str]:
    headers: dict[str, str] = dict(arguments.header)
    if not headers:
        refuse(
            arguments,
            "--header",
            "expected the received headers, or at least those of the signature",
        )
    if len(headers) < len(arguments.header):
        refuse(arguments, "--header", "expected each name only once")
    return headers


def _body(arguments: argparse.Namespace) -> bytes:
    if arguments.body is None:
        refuse(arguments, "--body", "expected a file with the received body, or - for stdin")
    try:
        return read_given(arguments.body)
    except OSError as error:
        refuse(arguments, "--body", f"cannot read the file: {error.strerror}")


def _signing(arguments: argparse.Namespace, headers: Mapping[str, str]) -> "Signing | None":
    """How the message should be signed according to the options, or else to its headers."""
    from payments_sandbox.webhooks.signing import (
        DEFAULT_HEADER,
        STANDARD,
        Encoding,
        Scheme,
        Signing,
    )
    from payments_sandbox.webhooks.verification import guess_signing

    name = None if arguments.header_name is None else arguments.header_name.lower()
    seen = guess_signing(headers if name is None else {name: headers.get(name, "")})
    scheme = arguments.scheme or (seen and seen.scheme)
    if scheme is None:
        return None
    _check_parts(arguments, scheme)
    if scheme == Scheme.STANDARD:
        return STANDARD
    like = seen if seen is not None and seen.scheme == scheme else Signing(Scheme(scheme))
    return Signing(
        Scheme(scheme),
        header=arguments.header_name or like.header or DEFAULT_HEADER,
        prefix=like.prefix if arguments.prefix is None else arguments.prefix,
        encoding=like.encoding if arguments.encoding is None else Encoding(arguments.encoding),
    )


def _check_parts(arguments: argparse.Namespace, scheme: str) -> None:
    """Reject options for parts that the scheme does not have."""
    taken = {"standard": (), "timestamped": ("header_name",)}.get(scheme)
    for part in ("header_name", "prefix", "encoding"):
        if taken is not None and part not in taken and getattr(arguments, part) is not None:
            option = f"--{part.replace('_', '-')}"
            refuse(arguments, option, f"not allowed with the scheme {scheme}")


def _seconds(arguments: argparse.Namespace) -> int | None:
    if arguments.now == "ignore":
        return None
    if arguments.now is not None:
        return read_instant(arguments.now) // SECOND
    return int(time.time())  # noqa: TID251 - a receiver's real clock; there is no world here
