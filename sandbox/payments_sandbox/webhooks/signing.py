"""Owns webhook signatures: the three schemes, valid secrets, and how a body is signed.

Source: Standard Webhooks 1.0.0 for `standard`; `timestamped` and `hmac` follow common practice. The
API documentation specifies neither a header nor a scheme (section "WEBHOOKS").
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

from payments_sandbox.core.masking import mask_text


class Scheme(StrEnum):
    """How a webhook is signed."""

    STANDARD = "standard"
    TIMESTAMPED = "timestamped"
    HMAC = "hmac"


class Encoding(StrEnum):
    """How the digest of the scheme `hmac` is written."""

    HEX = "hex"
    BASE64 = "base64"


DEFAULT_HEADER: Final = "Payments-Signature"
"""The default header of the signature of `timestamped` and `hmac`."""

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
STANDARD_HEADERS: Final = (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)

PREFIX: Final = "whsec_"
KEY_SIZES: Final = range(24, 65)
"""How many bytes the key of a `standard` secret may have."""

_STANDARD_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}")
_PLAIN_SECRET: Final = re.compile(r"[!-~]{8,255}")


class Signing(NamedTuple):
    """How an endpoint's webhooks are signed.

    Attributes:
        header: the header of the signature; `standard` has three fixed headers.
        prefix: the text before the digest of `hmac`, such as `sha256=`.
        encoding: how the digest of `hmac` is written.
    """

    scheme: Scheme = Scheme.STANDARD
    header: str = ""
    prefix: str = ""
    encoding: Encoding = Encoding.HEX


STANDARD: Final = Signing()


def check_secret(secret: str, scheme: Scheme) -> None:
    """Check that a secret is valid for a scheme.

    Raises:
        ValueError: it is not; the message describes a valid secret, without quoting this one.
    """
    if mask_text(secret) != secret:
        raise ValueError("expected no card number")
    if scheme is not Scheme.STANDARD:
        if not _PLAIN_SECRET.fullmatch(secret):
            raise ValueError("expected 8 to 255 printable ASCII characters without blanks")
        return
    expected = "expected whsec_ and the base64 of 24 to 64 bytes"
    if not _STANDARD_SECRET.fullmatch(secret):
        raise ValueError(expected)
    try:
        size = len(b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        raise ValueError(f"{expected}; this base64 is not padded to a multiple of four") from None
    if size not in KEY_SIZES:
        raise ValueError(f"{expected}, not of {size}")


@lru_cache(maxsize=256)
def key_of(secret: str, scheme: Scheme) -> bytes:
    """The key for signatures: `standard` decodes the part after `whsec_`, others use all of it.

    Raises:
        ValueError: the secret is not valid for the scheme.
    """
    check_secret(secret, scheme)
    if scheme is Scheme.STANDARD:
        return b64decode(secret.removeprefix(PREFIX))
    return secret.encode()


def sign(
    signing: Signing, secrets: Sequence[str], *, message: str, sent_at: int, body: bytes
) -> dict[str, str]:
    """Sign a body and return the headers with the signature.

    Args:
        signing: scheme and header.
        secrets: the secrets to sign with, newest first; `hmac` uses only the first.
        message: the event's id, `evt_…`, which is the same in every attempt.
        sent_at: the timestamp to sign, in epoch seconds, which receivers compare with their clock.
        body: the bytes to sign.
    """
    keys = [key_of(secret, signing.scheme) for secret in secrets]
    match signing.scheme:
        case Scheme.STANDARD:
            signed = b"%b.%d.%b" % (message.encode(), sent_at, body)
            macs = [f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
            return {
                ID_HEADER: message,
                TIMESTAMP_HEADER: str(sent_at),
                SIGNATURE_HEADER: " ".join(macs),
            }
        case Scheme.TIMESTAMPED:
            signed = b"%d.%b" % (sent_at, body)
            macs = [f"v1={hmac.digest(key, signed, 'sha256').hex()}" for key in keys]
            return {signing.header: ",".join([f"t={sent_at}", *macs])}
        case Scheme.HMAC:
            return {signing.header: signing.prefix + digest(signing, keys[0], body)}
        case _:
            assert_never(signing.scheme)


def digest(signing: Signing, key: bytes, body: bytes) -> str:
    """The encoded digest of the scheme `hmac`."""
    mac = hmac.digest(key, body, "sha256")
    return mac.hex() if signing.encoding is Encoding.HEX else b64encode(mac).decode()
