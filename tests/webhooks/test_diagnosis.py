"""Tests the diagnosis of webhooks: how a message is signed, and what was changed after signing."""

import hmac
from codecs import BOM_UTF8
from typing import Final

import pytest

from payments_sandbox.webhooks.signing import STANDARD, Encoding, Scheme, Signing, key_of, sign
from payments_sandbox.webhooks.verification import (
    Received,
    describe_signing,
    guess_signing,
    why_refused,
)
from tests.support.tables import for_each

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY: Final = b'{"id": "evt_1",\n "amount": 2500}'
NOW: Final = 1_614_265_330
TIMESTAMPED: Final = Signing(Scheme.TIMESTAMPED, "x-signature")
HEX: Final = Signing(Scheme.HMAC, "x-signature", "sha256=")
BASE64: Final = Signing(Scheme.HMAC, "x-signature", "", Encoding.BASE64)
SCHEMES: Final = [STANDARD, TIMESTAMPED, HEX, BASE64]
each_scheme = pytest.mark.parametrize("signing", SCHEMES, ids=["standard", "t", "hex", "base64"])


def signed(signing: Signing, body: bytes = BODY) -> dict[str, str]:
    """Return the headers of a signed message."""
    return sign(signing, [SECRET], message="evt_1", sent_at=NOW, body=body)


def verdict(signing: Signing, headers: dict[str, str], body: bytes = BODY) -> str | None:
    """Return why a careful receiver refuses a message, or None."""
    return why_refused(signing, [SECRET], Received(headers, body), now=NOW)


@each_scheme
def test_each_of_our_signing_schemes_is_recognised_from_the_headers(signing: Signing) -> None:
    """Among other headers."""
    others = {"content-type": "application/json", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e"}
    assert guess_signing(others | signed(signing)) == signing
    assert guess_signing(others) is None


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_one_header_of_the_standard_scheme_is_enough_to_recognise_it(name: str) -> None:
    """The verification then names the missing ones."""
    assert guess_signing({name: "1"}) == STANDARD


@pytest.mark.parametrize(
    ("value", "prefix", "encoding"),
    [
        ("A1" * 32, "", Encoding.HEX),
        (f"sha256={'0f' * 32}", "sha256=", Encoding.HEX),
        (f"HMAC-SHA256 {'0f' * 32}", "HMAC-SHA256 ", Encoding.HEX),
        (f"sha256={'A' * 43}=", "sha256=", Encoding.BASE64),
        (f"  {'a' * 43}=  ", "", Encoding.BASE64),
    ],
)
def test_the_prefix_and_encoding_of_a_signature_header_are_recognised(
    value: str, prefix: str, encoding: Encoding
) -> None:
    """From the digest of 32 bytes at its end."""
    assert guess_signing({"x": value}) == Signing(Scheme.HMAC, "x", prefix, encoding)


def test_a_header_with_a_timestamp_and_a_version_is_recognised_as_timestamped() -> None:
    """Whatever their values: the verification reports those."""
    for value in ("t=1,v1=00", "v0=zz, t=soon", "a=1,t=,v2="):
        assert guess_signing({"x": value}) == Signing(Scheme.TIMESTAMPED, "x")


@for_each("value", ["", "1", "0f" * 31, f"a{'0f' * 32}", "A" * 44, "t=1", "v1=00"])
def test_a_header_of_the_wrong_length_is_not_recognised_as_a_signature(value: str) -> None:
    assert guess_signing({"x": value}) is None


@pytest.mark.parametrize("name", ["x-signature", "payments-sign", "x-hmac"])
def test_a_header_named_like_a_signature_is_preferred_to_other_digests(name: str) -> None:
    """Such as a digest of the content."""
    digest = f"SHA-256={'A' * 43}="
    found = guess_signing({"digest": digest, "etag": "0f" * 32, name: "a1" * 32, "x-other": digest})
    assert found == Signing(Scheme.HMAC, name)


def test_a_scheme_is_described_with_its_header_and_format() -> None:
    assert [describe_signing(each) for each in SCHEMES] == [
        "standard (webhook-signature: v1,BASE64)",
        "timestamped (x-signature: t=SECONDS,v1=HEX)",
        "hmac (x-signature: sha256=HEX)",
        "hmac (x-signature: BASE64)",
    ]


@for_each("signing", [STANDARD, TIMESTAMPED, HEX])
@for_each("sender", SCHEMES)
def test_a_message_without_the_agreed_header_is_described_by_the_scheme_it_looks_like(
    signing: Signing, sender: Signing
) -> None:
    agreed = signing._replace(header="X-Agreed") if signing.header else STANDARD
    name = agreed.header or "webhook-id"
    is_same = agreed is STANDARD is sender
    looks = "" if is_same else f", and the message looks like {describe_signing(sender)}"
    headers = {key: value for key, value in signed(sender).items() if key != "webhook-id"}
    assert verdict(agreed, headers) == f"the header {name} is missing{looks}"


@pytest.mark.parametrize(
    ("signing", "sender", "reason"),
    [
        (TIMESTAMPED, HEX, "x-signature has no t=SECONDS"),
        (HEX, TIMESTAMPED, "x-signature does not start with sha256="),
        (HEX, BASE64, "x-signature does not start with sha256="),
        (HEX._replace(prefix=""), HEX, "x-signature is not hex"),
        (HEX._replace(prefix=""), BASE64, "x-signature is not hex"),
        (BASE64, TIMESTAMPED, "x-signature is not base64"),
        (BASE64, HEX, "x-signature is not base64"),
    ],
)
def test_a_header_in_the_format_of_another_scheme_is_described_by_that_scheme(
    signing: Signing, sender: Signing, reason: str
) -> None:
    expected = f"{reason}; it looks like {describe_signing(sender)}"
    assert verdict(signing, signed(sender)) == expected


def test_a_header_of_no_known_scheme_is_described_by_what_it_lacks() -> None:
    assert verdict(TIMESTAMPED, {"x-signature": "t=1;v1=00"}) == "x-signature has no t=SECONDS"
    twice = {"x-signature": "t=1,t=2,v1=00"}
    assert verdict(TIMESTAMPED, twice) == "x-signature has no t=SECONDS"


def test_a_timestamp_in_milliseconds_is_reported() -> None:
    headers = sign(TIMESTAMPED, [SECRET], message="", sent_at=NOW * 1_000, body=BODY)
    assert verdict(TIMESTAMPED, headers) == "t of x-signature is in milliseconds; expected seconds"


@pytest.mark.parametrize(
    ("arrived", "mistake"),
    [
        (BOM_UTF8 + BODY, "a byte order mark was added"),
        (BODY.replace(b"\n", b"\r\n"), "its newlines became CRLF"),
    ],
)
@each_scheme
def test_a_byte_order_mark_or_crlf_in_the_body_is_named(
    signing: Signing, arrived: bytes, mistake: str
) -> None:
    """Neither is visible in an editor."""
    said = verdict(signing, signed(signing), arrived)
    assert said == f"the body was changed after signing: {mistake}"


def test_a_hexadecimal_signature_instead_of_base64_is_reported() -> None:
    """Hex is valid base64 of other bytes, so it is looked for."""
    mac = hmac.digest(key_of(SECRET, Scheme.STANDARD), b"evt_1.%d.%b" % (NOW, BODY), "sha256")
    headers = signed(STANDARD) | {"webhook-signature": f"v1,{mac.hex()}"}
    assert verdict(STANDARD, headers) == "webhook-signature is hexadecimal; expected base64"
