"""Tests the verification of messages: each mistake of a sender or receiver has its own reason."""

import json
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.webhooks.signing import STANDARD, Encoding, Scheme, Signing, sign
from payments_sandbox.webhooks.verification import TOLERANCE, Received, guess_signing, why_refused
from tests.support.tables import for_each

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PLAIN = "hush-hush-hush"
BODY = b'{"id":"evt_1","amount":2500,"name":"Gr\\u00f6\\u00dfe"}'
NOW = 1_614_265_330
TIMESTAMPED = Signing(Scheme.TIMESTAMPED, "Stripe-Signature")
HEX = Signing(Scheme.HMAC, "X-Hub-Signature-256", "sha256=")
BASE64 = Signing(Scheme.HMAC, "Square", encoding=Encoding.BASE64)
BLANKS = "it has leading or trailing whitespace"
ANEW = "the JSON was parsed and serialized again; verify the raw bytes"
NO_MATCH = "no signature matches: the secret differs, or the body was changed"


def signed(signing: Signing, secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    """Return the headers of a message, as they arrive."""
    headers = sign(signing, [secret], message="evt_1", sent_at=NOW, body=body)
    return {name.lower(): value for name, value in headers.items()}


def verdict(
    signing: Signing,
    headers: dict[str, str],
    *,
    body: bytes = BODY,
    secret: str = SECRET,
    now: int | None = NOW,
) -> str | None:
    """Return why a careful receiver refuses a message, or None."""
    return why_refused(signing, [secret], Received(headers, body), now=now)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_header_of_the_standard_scheme_is_named(name: str, value: str | None) -> None:
    """Each of the three is required."""
    headers = signed(STANDARD)
    headers = {key: found for key, found in headers.items() if key != name}
    if value is not None:
        headers[name] = value
    assert verdict(STANDARD, headers) == f"the header {name} is missing"


def test_the_older_svix_headers_are_accepted_as_the_standard_scheme() -> None:
    """A missing one is reported by its standard name."""
    headers = signed(STANDARD)
    older = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}

    assert guess_signing(older) == STANDARD
    assert verdict(STANDARD, older) is None
    assert verdict(STANDARD, older | headers) is None
    assert verdict(STANDARD, older | {"svix-signature": "v1,AAAA"}) == NO_MATCH
    del older["svix-timestamp"]
    assert verdict(STANDARD, older) == "the header webhook-timestamp is missing"


@pytest.mark.parametrize("signing", [TIMESTAMPED, HEX, BASE64])
def test_a_missing_signature_header_is_reported_by_its_agreed_name(signing: Signing) -> None:
    assert verdict(signing, {}) == f"the header {signing.header} is missing"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("soon", "webhook-timestamp is not a whole number of seconds"),
        ("1614265330.5", "webhook-timestamp is not a whole number of seconds"),
        ("-5", "webhook-timestamp is not a whole number of seconds"),
        ("1614265330000", "webhook-timestamp is in milliseconds; expected seconds"),
    ],
)
def test_a_malformed_timestamp_is_rejected_with_its_reason(value: str, reason: str) -> None:
    assert verdict(STANDARD, signed(STANDARD) | {"webhook-timestamp": value}) == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("garbled", "webhook-signature has no v1 signature, such as v1,BASE64"),
        ("v2,AAAA", "webhook-signature has no v1 signature, such as v1,BASE64"),
        ("v1,AAAA v1,not*base64", "webhook-signature is not base64"),
        ("v1,AAA", "webhook-signature is not base64"),
        ("v1,AA*AA", "webhook-signature is not base64"),
        ("v1,AAAA", NO_MATCH),
    ],
)
def test_a_malformed_standard_signature_is_rejected_with_its_reason(
    value: str, reason: str
) -> None:
    """The form is checked before the digest."""
    assert verdict(STANDARD, signed(STANDARD) | {"webhook-signature": value}) == reason


def test_signatures_of_unknown_versions_are_ignored() -> None:
    """Receivers skip what they do not know, and accept any that matches."""
    headers = signed(STANDARD)
    both = f"v1a,AAAA  v1,AAAA {headers['webhook-signature']}"
    assert verdict(STANDARD, headers | {"webhook-signature": both}) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("v1=00", "Stripe-Signature has no t=SECONDS"),
        ("t=soon,v1=00", "Stripe-Signature has no t=SECONDS"),
        (f"t={NOW},t={NOW},v1=00", "Stripe-Signature has no t=SECONDS"),
        (f"t={NOW}", "Stripe-Signature has no v1 signature, such as v1=HEX"),
        (f"t={NOW},v0=00", "Stripe-Signature has no v1 signature, such as v1=HEX"),
        (f"t={NOW},v1=xyz", "Stripe-Signature is not hexadecimal"),
        (f"t={NOW},v1=00", NO_MATCH),
    ],
)
def test_a_malformed_timestamped_header_is_rejected_with_its_reason(
    value: str, reason: str
) -> None:
    assert verdict(TIMESTAMPED, {"stripe-signature": value}) == reason


def test_unknown_parts_of_a_timestamped_header_are_ignored() -> None:
    """So are blanks and other signatures."""
    value = signed(TIMESTAMPED)["stripe-signature"].replace(",", " , v0=zz, v1=00, ")
    assert verdict(TIMESTAMPED, {"stripe-signature": value}) is None


@pytest.mark.parametrize(
    ("signing", "value", "reason"),
    [
        (HEX, "00", "X-Hub-Signature-256 does not start with sha256="),
        (HEX, "sha256=xyz", "X-Hub-Signature-256 is not hex"),
        (HEX, "sha256=00", NO_MATCH),
        (BASE64, "not*base64", "Square is not base64"),
        (BASE64, "AAAA", NO_MATCH),
    ],
)
def test_a_malformed_hmac_digest_is_rejected_with_its_reason(
    signing: Signing, value: str, reason: str
) -> None:
    """The prefix is checked first, then the encoding, then the digest."""
    assert verdict(signing, {signing.header.lower(): value}, secret=PLAIN) == reason


@for_each(
    ("now", "reason"),
    [
        (NOW + TOLERANCE, None),
        (NOW - TOLERANCE, None),
        (
            NOW + TOLERANCE + 1,
            ("the timestamp is too old: 301 s from now, with a tolerance of 300 s"),
        ),
        (
            NOW - TOLERANCE - 1,
            ("the timestamp is too new: 301 s from now, with a tolerance of 300 s"),
        ),
        (None, None),
    ],
)
@for_each("signing", [STANDARD, TIMESTAMPED])
def test_a_timestamp_more_than_five_minutes_off_is_rejected(
    signing: Signing, now: int | None, reason: str | None
) -> None:
    """In both directions; without a clock any timestamp is accepted."""
    assert verdict(signing, signed(signing), now=now) == reason


def test_an_hmac_signature_is_accepted_at_any_time() -> None:
    """It has no timestamp."""
    assert verdict(HEX, signed(HEX, PLAIN), secret=PLAIN, now=10**11) is None


def test_a_forged_message_is_reported_as_forged_even_if_it_is_old() -> None:
    """The signature is checked first: the age of an unsigned message means nothing."""
    headers = signed(STANDARD) | {"webhook-timestamp": "1"}
    assert verdict(STANDARD, headers) == NO_MATCH


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        (SECRET, "the whole secret as text; the key is the base64 after whsec_"),
        (SECRET.removeprefix("whsec_"), "the secret's base64 as text; decode it first"),
    ],
)
def test_a_signature_with_the_undecoded_secret_is_reported(key: str, mistake: str) -> None:
    """Two ways to misread a standard secret, each with its own reason."""
    wrong = f"whsec_{b64encode(key.encode()).decode()}"
    assert verdict(STANDARD, signed(STANDARD, wrong)) == f"it is signed with {mistake}"


@pytest.mark.parametrize("signing", [TIMESTAMPED, HEX])
def test_a_signature_with_the_secret_without_whsec_is_reported(signing: Signing) -> None:
    """In these schemes the prefix belongs to the secret."""
    headers = signed(signing, SECRET.removeprefix("whsec_"))
    assert verdict(signing, headers) == (
        "it is signed with the secret without whsec_; include whsec_"
    )


def test_a_signature_with_a_needlessly_decoded_secret_is_reported() -> None:
    text = "thirty-two printable characters!"
    secret = f"whsec_{b64encode(text.replace(' ', '-').encode()).decode()}"
    headers = signed(HEX, b64decode(secret.removeprefix("whsec_")).decode())
    assert verdict(HEX, headers, secret=secret) == (
        "it is signed with the decoded secret; this scheme uses the secret as it is"
    )


@pytest.mark.parametrize("secret", [PLAIN, "whsec_not*base64"])
def test_a_signature_of_another_secret_is_reported_as_no_match(secret: str) -> None:
    """If the secret cannot have been misread."""
    assert verdict(HEX, signed(HEX, "another-secret"), secret=secret) == NO_MATCH


@for_each(
    ("arrived", "reason"),
    [
        (BODY + b"\n", BLANKS),
        (b"  " + BODY, BLANKS),
        (json.dumps(json.loads(BODY)).encode(), ANEW),
        (json.dumps(json.loads(BODY), indent=2).encode(), ANEW),
        (json.dumps(json.loads(BODY), ensure_ascii=False).encode(), ANEW),
    ],
)
@for_each("signing", [STANDARD, TIMESTAMPED, HEX])
def test_a_body_that_was_reserialised_or_padded_is_reported(
    signing: Signing, arrived: bytes, reason: str
) -> None:
    """The commonest mistake of receivers: equal JSON in other bytes."""
    headers = signed(signing)
    assert verdict(signing, headers, body=arrived) == (
        f"the body was changed after signing: {reason}"
    )


@pytest.mark.parametrize("is_ascii", [False, True], ids=["utf8", "ascii"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "with spaces"])
def test_a_signature_over_json_with_sorted_keys_is_reported(
    separators: tuple[str, str], *, is_ascii: bool
) -> None:
    """With blanks or without, with escapes or without."""
    ordered = json.dumps(
        json.loads(BODY), sort_keys=True, separators=separators, ensure_ascii=is_ascii
    )
    headers = signed(STANDARD, body=ordered.encode())

    assert verdict(STANDARD, headers) == f"the body was changed after signing: {ANEW}"


def test_a_timestamp_above_10_to_the_11_is_reported_as_milliseconds() -> None:
    """As seconds that is the year 5138, as milliseconds 1973."""
    for signing in (STANDARD, TIMESTAMPED):
        headers = sign(signing, [SECRET], message="evt_1", sent_at=10**11, body=BODY)
        arrived = {name.lower(): value for name, value in headers.items()}
        later = {name: value.replace("100000000000", "100000000001") for name, value in
                 arrived.items()}  # fmt: skip

        assert "too new" in str(verdict(signing, arrived))
        assert "is in milliseconds; expected seconds" in str(verdict(signing, later))


def test_a_body_that_lost_its_line_end_is_reported() -> None:
    """Shells strip it."""
    headers = signed(STANDARD, body=BODY + b"\n")
    assert verdict(STANDARD, headers) == (
        "the body was changed after signing: a trailing newline is missing"
    )


@pytest.mark.parametrize("body", [b"not json", b"\xff\xfe", b"[" * 100_000])
def test_a_signature_over_another_body_that_is_not_json_is_reported_as_no_match(
    body: bytes,
) -> None:
    """The search for a reason does not fail on it."""
    assert verdict(STANDARD, signed(STANDARD), body=body) == NO_MATCH


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60), st.binary(max_size=40))
def test_random_headers_and_bodies_are_rejected_with_a_reason(
    message: str, stamp: str, signature: str, body: bytes
) -> None:
    headers = {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": signature,
        "stripe-signature": signature,
        "x-hub-signature-256": f"sha256={signature}",
        "square": signature,
    }
    for signing in (STANDARD, TIMESTAMPED, HEX, BASE64):
        assert verdict(signing, headers, body=body)


def test_verifying_with_a_secret_of_another_scheme_raises_value_error() -> None:
    """It is the caller's mistake."""
    with pytest.raises(ValueError, match="expected whsec_"):
        verdict(STANDARD, signed(STANDARD), secret=PLAIN)
