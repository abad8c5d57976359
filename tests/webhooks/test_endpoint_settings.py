"""What a body says of an endpoint: what is not said stays, what cannot be is refused by name."""

from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, MINUTE, SECOND
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.signing import STANDARD, Encoding, Scheme, Signing
from payments_sandbox.webhooks.target_policy import TargetPolicy

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = TargetPolicy(public=False, sandbox_host="127.0.0.1:8080")
PLAIN = Endpoint(number=0, id="we_1", url="inbox:orders", secret=SECRET, inbox="orders")


def changed(**body: Any) -> Endpoint:  # noqa: ANN401 - as JSON has it
    """The endpoint that a body makes of a plain one."""
    return apply_settings(PLAIN, body, POLICY)


def refusal(**body: Any) -> str:  # noqa: ANN401 - as JSON has it
    """Why a body is refused."""
    with pytest.raises(InvalidRequest) as caught:
        changed(**body)
    return str(caught.value.details)


def test_what_is_not_said_stays_as_it_is() -> None:
    """All of it, one field after the other."""
    every: dict[str, Any] = {
        "url": "http://localhost:3000/",
        "events": ["payment.*"],
        "description": "Orders",
        "enabled": False,
        "headers": {"X-Tenant": "7"},
        "retries": ["1s", "10m"],
        "timeout": "500ms",
        "signature": {"scheme": "timestamped"},
    }
    whole = changed(**every)

    assert changed() == PLAIN
    assert apply_settings(whole, {}, POLICY) == whole
    for name, value in every.items():
        assert changed(**{name: value}) != PLAIN
        assert apply_settings(whole, {name: value}, POLICY) == whole


def test_each_setting_is_read() -> None:
    """As the endpoint keeps it."""
    found = changed(
        url="http://localhost:3000/", events=["payment.*"], description="", enabled=False,
        headers={"X-Tenant": "7"}, retries=["1s", "10m"], timeout="500ms",
    )  # fmt: skip

    assert (found.url, found.inbox, found.events) == (
        "http://localhost:3000/",
        None,
        ("payment.*",),
    )
    assert (found.description, found.enabled) == (None, False)
    assert (found.headers, found.delays) == ((("X-Tenant", "7"),), (SECOND, 10 * MINUTE))
    assert found.timeout == 500


def test_the_address_of_an_inbox_is_the_inbox() -> None:
    """By its short name or by its real one; any other address of the sandbox is no receiver."""
    own = "http://127.0.0.1:8080/_sandbox"

    assert changed(url=f"{own}/inbox/other").inbox == "other"
    assert changed(url="inbox:other").inbox == "other"
    assert refusal(url=f"{own}/events").startswith("/url: expected a receiver, not the sandbox")


@pytest.mark.parametrize(
    ("wanted", "signing"),
    [
        ({"scheme": "standard"}, STANDARD),
        ({"scheme": "timestamped"}, Signing(Scheme.TIMESTAMPED, "Payments-Signature")),
        ({"scheme": "timestamped", "header": "X-S"}, Signing(Scheme.TIMESTAMPED, "X-S")),
        ({"scheme": "hmac"}, Signing(Scheme.HMAC, "Payments-Signature")),
        (
            {"scheme": "hmac", "header": "X-S", "prefix": "sha256=", "encoding": "base64"},
            Signing(Scheme.HMAC, "X-S", "sha256=", Encoding.BASE64),
        ),
    ],
    ids=str,
)
def test_a_signature_has_the_parts_of_its_scheme(wanted: dict[str, str], signing: Signing) -> None:
    """What is not said is the usual."""
    assert changed(signature=wanted).signing == signing


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"signature": {"scheme": "standard", "header": "X"}},
         "/signature/header: expected nothing; standard has none."),
        ({"signature": {"scheme": "timestamped", "prefix": "v"}},
         "/signature/prefix: expected nothing; timestamped has none."),
        ({"signature": {"scheme": "hmac", "header": "Host"}},
         "/signature/header: expected a header that has no other meaning."),
        ({"retries": ["1s", "366d"]}, "/retries/1: expected a duration of at most 365d."),
        ({"timeout": "9ms"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"timeout": "31s"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"headers": {"Content-Type": "x"}},
         "/headers/Content-Type: expected a header that is not the sandbox's."),
        ({"headers": {"webhook-id": "x"}},
         "/headers/webhook-id: expected a header that is not the sandbox's."),
        ({"headers": {"X-A": "1", "x-a": "2"}},
         "/headers/x-a: expected each header once, however written."),
        ({"headers": {"X-Card": "4242424242424242"}},
         "/headers/X-Card: expected no card number and no security code."),
        ({"headers": {"a b": "x"}}, "/headers: expected names of headers, such as X-Tenant."),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(body: dict[str, Any], details: str) -> None:
    """With what would have worked."""
    assert refusal(**body) == details


def test_the_longest_retry_and_the_shortest_and_longest_timeout_are_taken() -> None:
    """Bounds are included."""
    assert PLAIN.timeout == 10 * SECOND
    assert changed(retries=["365d"]).delays == (365 * DAY,)
    assert [changed(timeout=each).timeout for each in ("10ms", "30s")] == [10, 30 * SECOND]


def test_credentials_of_a_receiver_are_taken_as_headers() -> None:
    """They are shown to nobody, and sent as they are."""
    headers = {"Authorization": "Bearer 7", "X-Api-Key": "4242424242424242"}

    assert changed(headers=headers).headers == tuple(headers.items())


def test_durations_that_are_none_name_their_place() -> None:
    """Retries are counted from 0."""
    assert refusal(retries=["1s", "soon"]).startswith("/retries/1: expected a duration")
    assert refusal(timeout="soon").startswith("/timeout: expected a duration")


def test_a_secret_is_held_against_the_scheme_that_signs() -> None:
    """One of an earlier scheme is not kept beside it."""
    assert refusal(secret="short").startswith("/secret: expected")
    plain = apply_settings(
        PLAIN, {"signature": {"scheme": "hmac"}, "secret": "a-plain-secret"}, POLICY
    )
    assert plain.secret == "a-plain-secret"
    rotated = Endpoint(
        number=0, id="we_1", url="inbox:orders", secret=SECRET, previous="a-plain-secret",
        signing=Signing(Scheme.HMAC, "X-S"),
    )  # fmt: skip
    assert apply_settings(rotated, {}, POLICY).previous == "a-plain-secret"
    assert apply_settings(rotated, {"signature": {"scheme": "standard"}}, POLICY).previous is None
