"""Tests signatures: the public test vector, round trips in every scheme, and invalid secrets."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.webhooks.signing import (
    KEY_SIZES,
    STANDARD,
    Encoding,
    Scheme,
    Signing,
    check_secret,
    key_of,
    sign,
)
from payments_sandbox.webhooks.verification import Received, why_refused

VECTOR = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMESTAMPED = Signing(Scheme.TIMESTAMPED, "Stripe-Signature")
SIGNINGS = (
    STANDARD,
    TIMESTAMPED,
    Signing(Scheme.HMAC, "X-Signature"),
    Signing(Scheme.HMAC, "X-Hub-Signature-256", "sha256="),
    Signing(Scheme.HMAC, "X-Signature", "v0:", Encoding.BASE64),
)
SECRETS = st.binary(min_size=24, max_size=64).map(lambda key: f"whsec_{b64encode(key).decode()}")
MESSAGES = st.from_regex("evt_[a-z0-9]{16}", fullmatch=True)
each_signing = st.sampled_from(SIGNINGS)


def received(headers: dict[str, str], body: bytes) -> Received:
    """Return what a receiver gets: HTTP does not keep the case of names."""
    return Received({name.lower(): value for name, value in headers.items()}, body)


def test_the_public_test_vector_of_standard_webhooks_is_reproduced() -> None:
    headers = sign(
        STANDARD,
        [VECTOR],
        message="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=1_614_265_330,
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(each_signing, SECRETS, MESSAGES, st.integers(0, 10**11), st.binary(max_size=300))
def test_a_signed_message_verifies_in_every_scheme(
    signing: Signing, secret: str, message: str, sent_at: int, body: bytes
) -> None:
    """For every body, at the time of its timestamp."""
    headers = sign(signing, [secret], message=message, sent_at=sent_at, body=body)
    assert why_refused(signing, [secret], received(headers, body), now=sent_at) is None
    assert why_refused(signing, [secret], received(headers, body), now=None) is None


@given(each_signing, SECRETS, SECRETS, st.binary(max_size=50))
def test_a_signature_verifies_only_with_its_own_secret(
    signing: Signing, secret: str, other: str, body: bytes
) -> None:
    """A receiver with several secrets accepts any of them."""
    headers = sign(signing, [secret], message="evt_1", sent_at=9, body=body)
    arrived = received(headers, body)
    assert (why_refused(signing, [other], arrived, now=9) is None) is (other == secret)
    assert why_refused(signing, [other, secret], arrived, now=9) is None


@given(each_signing, SECRETS, st.binary(min_size=1, max_size=99), st.data())
def test_a_signature_does_not_verify_with_one_byte_of_the_body_changed(
    signing: Signing, secret: str, body: bytes, data: st.DataObject
) -> None:
    headers = sign(signing, [secret], message="evt_1", sent_at=9, body=body)
    place = data.draw(st.integers(0, len(body) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != body[place]))
    changed = body[:place] + bytes([value]) + body[place + 1 :]
    assert why_refused(signing, [secret], received(headers, changed), now=9) is not None


@given(SECRETS, st.sampled_from(["webhook-id", "webhook-timestamp"]))
def test_a_changed_id_or_timestamp_does_not_verify(secret: str, name: str) -> None:
    headers = sign(STANDARD, [secret], message="evt_1", sent_at=1_000, body=b"{}")
    arrived = received(headers | {name: "1001"}, b"{}")
    assert why_refused(STANDARD, [secret], arrived, now=1_000) == (
        "no signature matches: the secret differs, or the body was changed"
    )


@given(st.sampled_from([STANDARD, TIMESTAMPED]), SECRETS, SECRETS)
def test_two_valid_secrets_make_two_signatures_the_new_one_first(
    signing: Signing, new: str, old: str
) -> None:
    """Receivers with either secret accept the message."""
    headers = sign(signing, [new, old], message="evt_1", sent_at=9, body=b"{}")
    alone = sign(signing, [new], message="evt_1", sent_at=9, body=b"{}")
    for secret in (new, old):
        assert why_refused(signing, [secret], received(headers, b"{}"), now=9) is None
    (name,) = {"webhook-signature", "Stripe-Signature"} & headers.keys()
    assert headers[name].startswith(alone[name])


@pytest.mark.parametrize("size", [KEY_SIZES.start, KEY_SIZES.stop - 1])
def test_the_key_of_a_standard_secret_is_its_decoded_base64(size: int) -> None:
    """Of 24 to 64 bytes."""
    secret = f"whsec_{b64encode(b'k' * size).decode()}"
    assert key_of(secret, Scheme.STANDARD) == b"k" * size


@pytest.mark.parametrize("scheme", [Scheme.TIMESTAMPED, Scheme.HMAC])
def test_the_key_of_the_other_schemes_is_the_whole_secret(scheme: Scheme) -> None:
    """Including `whsec_`."""
    assert key_of(VECTOR, scheme) == VECTOR.encode()


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("supersecret", "expected whsec_ and the base64 of 24 to 64 bytes"),
        ("whsec_supersecret!", "expected whsec_ and the base64 of 24 to 64 bytes"),
        ("whsec_", "expected whsec_ and the base64 of 24 to 64 bytes"),
        (VECTOR + "\n", "expected whsec_ and the base64 of 24 to 64 bytes"),
        ("whsec_MfKQ", "expected whsec_ and the base64 of 24 to 64 bytes, not of 3"),
        ("whsec_MfKQ9", "this base64 is not padded to a multiple of four"),
    ],
)
def test_an_invalid_standard_secret_is_rejected_without_being_quoted(
    secret: str, problem: str
) -> None:
    """Before anything is signed with it."""
    with pytest.raises(ValueError, match=problem) as refused:
        check_secret(secret, Scheme.STANDARD)
    assert "MfKQ" not in str(refused.value)
    with pytest.raises(ValueError, match=problem):
        sign(STANDARD, [secret], message="evt_1", sent_at=9, body=b"")


@pytest.mark.parametrize("secret", ["short", "has a blank", "grüße-grüße", "x" * 256, "line\nend!"])
def test_a_secret_of_the_other_schemes_must_be_8_to_255_printable_characters(secret: str) -> None:
    with pytest.raises(ValueError, match="expected 8 to 255 printable ASCII characters"):
        check_secret(secret, Scheme.HMAC)
