"""Owns the verification of a webhook, as in a receiver, and the reason if it fails."""

import hmac
import json
import re
from base64 import b64decode
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, NoReturn, assert_never

from payments_sandbox.webhooks.signing import (
    PREFIX,
    SIGNATURE_HEADER,
    STANDARD,
    STANDARD_HEADERS,
    TIMESTAMP_HEADER,
    Encoding,
    Scheme,
    Signing,
    key_of,
)

TOLERANCE: Final = 300
"""How many seconds a timestamp may differ from now, in both directions."""

_OLDER_NAMES: Final = {name: name.replace("webhook", "svix") for name in STANDARD_HEADERS}
"""The names of the headers of `standard` before it became a standard."""

_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")
_MILLISECONDS: Final = 10**11
"""A larger timestamp is one in milliseconds."""

_HEX_DIGEST: Final = re.compile("[0-9A-Fa-f]{64}")
_DIGEST: Final = re.compile(
    r"(?P<prefix>(?:[ -~]{0,31}[^A-Za-z0-9+/])?)(?:(?P<hex>[0-9A-Fa-f]{64})|[A-Za-z0-9+/]{43}=)"
)


class Received(NamedTuple):
    """A webhook as it arrived: header names in lower case, and the body's exact bytes."""

    headers: Mapping[str, str]
    body: bytes


class _Claim(NamedTuple):
    """The timestamp of a message, the bytes that were signed, and the signatures."""

    sent_at: int | None
    signed: bytes
    signatures: Sequence[bytes]


def guess_signing(headers: Mapping[str, str]) -> Signing | None:
    """Guess from a message's headers how it is signed; None if none looks like a signature.

    Args:
        headers: the headers, with their names in lower case.
    """
    if headers.keys() & {*STANDARD_HEADERS, *_OLDER_NAMES.values()}:
        return STANDARD
    for name in sorted(headers, key=_lacks_signature_name):
        value = headers[name].strip()
        if _looks_timestamped(value):
            return Signing(Scheme.TIMESTAMPED, header=name)
        if found := _DIGEST.fullmatch(value):
            encoding = Encoding.HEX if found["hex"] else Encoding.BASE64
            return Signing(Scheme.HMAC, name, found["prefix"], encoding)
    return None


def describe_signing(signing: Signing) -> str:
    """Describe scheme and header, such as `hmac (X-Signature: sha256=HEX)`."""
    match signing.scheme:
        case Scheme.STANDARD:
            return f"standard ({SIGNATURE_HEADER}: v1,BASE64)"
        case Scheme.TIMESTAMPED:
            return f"timestamped ({signing.header}: t=SECONDS,v1=HEX)"
        case Scheme.HMAC:
            return f"hmac ({signing.header}: {signing.prefix}{signing.encoding.upper()})"
        case _:
            assert_never(signing.scheme)


def why_refused(
    signing: Signing, secrets: Sequence[str], received: Received, *, now: int | None
) -> str | None:
    """Say why a careful receiver rejects a message; None if it is valid.

    Args:
        signing: scheme and header.
        secrets: the valid secrets.
        received: headers and body.
        now: the receiver's clock in epoch seconds; None accepts any timestamp.

    Raises:
        ValueError: a secret is not valid for the scheme.
    """
    keys = [key_of(secret, signing.scheme) for secret in secrets]
    try:
        claim = _claim(signing, received)
    except _NoClaimError as error:
        return str(error)
    if not any(_matches_key(key, claim) for key in keys):
        return _diagnose(signing, secrets, keys, received, claim)
    if now is None or claim.sent_at is None or abs(now - claim.sent_at) <= TOLERANCE:
        return None
    age = now - claim.sent_at
    kind = "too old" if age > 0 else "too new"
    return f"the timestamp is {kind}: {abs(age)} s from now, with a tolerance of {TOLERANCE} s"


class _NoClaimError(Exception):
    """A message has no signature of the scheme; the text says what is missing or wrong."""


def _claim(signing: Signing, received: Received) -> _Claim:
    """Parse the signed parts of a message.

    Raises:
        _NoClaimError: it has no signature, or none of this scheme.
    """
    match signing.scheme:
        case Scheme.STANDARD:
            return _standard_claim(received)
        case Scheme.TIMESTAMPED:
            return _timestamped_claim(signing, received)
        case Scheme.HMAC:
            return _hmac_claim(signing, received)
        case _:
            assert_never(signing.scheme)


def _standard_claim(received: Received) -> _Claim:
    message, written, signature = [_standard_header(name, received) for name in STANDARD_HEADERS]
    if not _TIMESTAMP.fullmatch(written):
        raise _NoClaimError(f"{TIMESTAMP_HEADER} is not a whole number of seconds")
    sent_at = _seconds(written, TIMESTAMP_HEADER)
    parts = [part.partition(",") for part in signature.split()]
    macs = [value for version, comma, value in parts if comma and version == "v1"]
    if not macs:
        raise _NoClaimError(f"{SIGNATURE_HEADER} has no v1 signature, such as v1,BASE64")
    if all(map(_HEX_DIGEST.fullmatch, macs)):  # which is also valid base64, of other bytes
        raise _NoClaimError(f"{SIGNATURE_HEADER} is hexadecimal; expected base64")
    try:
        signatures = [_base64(value) for value in macs]
    except ValueError:
        raise _NoClaimError(f"{SIGNATURE_HEADER} is not base64") from None
    signed = b"%b.%b.%b" % (message.encode(), written.encode(), received.body)
    return _Claim(sent_at, signed, signatures)


def _standard_header(name: str, received: Received) -> str:
    value = received.headers.get(name) or received.headers.get(_OLDER_NAMES[name])
    return value or _missing_header(name, received)


def _timestamped_claim(signing: Signing, received: Received) -> _Claim:
    header = received.headers.get(signing.header.lower()) or _missing_header(
        signing.header, received
    )
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    found = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]):
        raise _NoClaimError(f"{signing.header} has no t=SECONDS{_other_scheme(signing, header)}")
    sent_at = _seconds(times[0], f"t of {signing.header}")
    if not found:
        raise _NoClaimError(f"{signing.header} has no v1 signature, such as v1=HEX")
    try:
        signatures = [bytes.fromhex(value) for value in found]
    except ValueError:
        raise _NoClaimError(f"{signing.header} is not hexadecimal") from None
    return _Claim(sent_at, b"%b.%b" % (times[0].encode(), received.body), signatures)


def _seconds(written: str, name: str) -> int:
    """Parse a timestamp in seconds; `name` is its place in error texts."""
    if (seconds := int(written)) > _MILLISECONDS:
        raise _NoClaimError(f"{name} is in milliseconds; expected seconds")
    return seconds


def _hmac_claim(signing: Signing, received: Received) -> _Claim:
    header = received.headers.get(signing.header.lower()) or _missing_header(
        signing.header, received
    )
    if not header.startswith(signing.prefix):
        shape = _other_scheme(signing, header)
        raise _NoClaimError(f"{signing.header} does not start with {signing.prefix}{shape}")
    read = bytes.fromhex if signing.encoding is Encoding.HEX else _base64
    try:
        mac = read(header.removeprefix(signing.prefix))
    except ValueError:
        shape = _other_scheme(signing, header)
        raise _NoClaimError(f"{signing.header} is not {signing.encoding.value}{shape}") from None
    return _Claim(None, received.body, [mac])


def _missing_header(name: str, received: Received) -> NoReturn:
    """Raise the error for a missing header, which says what the message looks like instead."""
    shape, other = "", guess_signing(received.headers)
    if other is not None and not (name in STANDARD_HEADERS and other is STANDARD):
        shape = f", and the message looks like {describe_signing(other)}"
    raise _NoClaimError(f"the header {name} is missing{shape}")


def _other_scheme(signing: Signing, value: str) -> str:
    """Say what a signature looks like if it has the form of another scheme, else return ""."""
    other = guess_signing({signing.header: value})
    if other is None or other.scheme is signing.scheme is Scheme.TIMESTAMPED:
        return ""
    return f"; it looks like {describe_signing(other)}"


def _looks_timestamped(value: str) -> bool:
    """Whether a header's value has the parts of `timestamped`, whatever their contents."""
    names = {part.strip().partition("=")[0] for part in value.split(",") if "=" in part}
    return "t" in names and any(name.startswith("v") for name in names)


def _lacks_signature_name(name: str) -> bool:
    """Whether a header's name does not suggest a signature; other headers may have digests, too."""
    return "sign" not in name and "hmac" not in name


def _base64(value: str) -> bytes:
    return b64decode(value, validate=True)


def _decoded(value: str) -> bytes | None:
    try:
        return _base64(value)
    except ValueError:
        return None


def _matches_key(key: bytes, claim: _Claim) -> bool:
    mac = hmac.digest(key, claim.signed, "sha256")
    return any(hmac.compare_digest(mac, each) for each in claim.signatures)


def _diagnose(
    signing: Signing,
    secrets: Sequence[str],
    keys: Sequence[bytes],
    received: Received,
    claim: _Claim,
) -> str:
    """The likeliest reason why no signature matches, found by trying the usual mistakes."""
    for secret in secrets:
        for key, mistake in _misread_keys(signing, secret):
            if _matches_key(key, claim):
                return f"it is signed with {mistake}"
    head = claim.signed[: len(claim.signed) - len(received.body)]
    for body, mistake in _possible_originals(received.body):
        changed = claim._replace(signed=head + body)
        if any(_matches_key(key, changed) for key in keys):
            return f"the body was changed after signing: {mistake}"
    return "no signature matches: the secret differs, or the body was changed"


def _misread_keys(signing: Signing, secret: str) -> Iterator[tuple[bytes, str]]:
    if signing.scheme is Scheme.STANDARD:
        yield secret.encode(), "the whole secret as text; the key is the base64 after whsec_"
        yield secret.removeprefix(PREFIX).encode(), "the secret's base64 as text; decode it first"
        return
    if secret.startswith(PREFIX):
        yield secret.removeprefix(PREFIX).encode(), "the secret without whsec_; include whsec_"
        if (key := _decoded(secret.removeprefix(PREFIX))) is not None:
            yield key, "the decoded secret; this scheme uses the secret as it is"


def _possible_originals(body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield bodies that may have been signed, such as the same JSON in other bytes, and why."""
    yield body + b"\n", "a trailing newline is missing"
    yield body.strip(), "it has leading or trailing whitespace"
    yield body.removeprefix(BOM_UTF8), "a byte order mark was added"
    yield body.replace(b"\r\n", b"\n"), "its newlines became CRLF"
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    again = "the JSON was parsed and serialized again; verify the raw bytes"
    for ordered in (False, True):
        for separators in ((",", ":"), (", ", ": ")):
            for is_ascii in (False, True):
                text = json.dumps(
                    value, separators=separators, sort_keys=ordered, ensure_ascii=is_ascii
                )
                yield text.encode("utf-8", "replace"), again
