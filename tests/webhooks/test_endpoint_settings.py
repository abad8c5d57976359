"""Tests endpoint settings: absent fields stay unchanged, invalid ones are rejected by name."""

from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, MINUTE, SECOND
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.signing import STANDARD, Encoding, Scheme, Signing
from payments_sandbox.webhooks.target_policy import TargetPolicy
from tests.support.tables import for_each

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = TargetPolicy(public=False, sandbox_host="127.0.0.1:8080")
PLAIN = Endpoint(number=0, id="we_1", url="inbox:orders", secret=SECRET, inbox="orders")


def changed(**body: Any) -> Endpoint:  # noqa: ANN401 - as JSON has it
    """Return a plain endpoint with the settings of a body."""
    return apply_settings(PLAIN, body, POLICY)


def refusal(**body: Any) -> str:  # noqa: ANN401 - as JSON has it
    """Return why a body is rejected."""
    with pytest.raises(InvalidRequest) as caught:
        changed(**body)
    return str(caught.value.details)


def test_absent_settings_of_an_endpoint_stay_unchanged() -> None:
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


def test_each_setting_of_an_endpoint_is_applied() -> None:
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


def test_an_inbox_is_recognised_by_its_short_name_or_its_url() -> None:
    """Any other address of the sandbox is rejected as a receiver."""
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
    ids=["standard", "timestamped", "timestamped with header", "hmac", "hmac with all settings"],
)
def test_a_signature_setting_has_the_defaults_of_its_scheme(
    wanted: dict[str, str], signing: Signing
) -> None:
    assert changed(signature=wanted).signing == signing


@for_each(
    ("body", "details"),
    [
        ({"signature": {"scheme": "standard", "header": "X"}},
         "/signature/header: not allowed with the scheme standard."),
        ({"signature": {"scheme": "timestamped", "prefix": "v"}},
         "/signature/prefix: not allowed with the scheme timestamped."),
        ({"signature": {"scheme": "hmac", "header": "Host"}},
         "/signature/header: expected a header without another meaning."),
        ({"retries": ["1s", "366d"]}, "/retries/1: expected a duration of at most 365d."),
        ({"timeout": "9ms"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"timeout": "31s"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"headers": {"Content-Type": "x"}},
         "/headers/Content-Type: expected a header that the sandbox does not set."),
        ({"headers": {"webhook-id": "x"}},
         "/headers/webhook-id: expected a header that the sandbox does not set."),
        ({"headers": {"X-A": "1", "x-a": "2"}},
         "/headers/x-a: expected each header once; case is ignored."),
        ({"headers": {"X-Card": "4242424242424242"}},
         "/headers/X-Card: expected no card number and no security code."),
        ({"headers": {"a b": "x"}}, "/headers: expected header names, such as X-Tenant."),
    ],
)  # fmt: skip
def test_an_invalid_setting_is_rejected_with_its_json_pointer(
    body: dict[str, Any], details: str
) -> None:
    """And with what is expected."""
    assert refusal(**body) == details


def test_the_longest_retry_and_both_bounds_of_the_timeout_are_accepted() -> None:
    assert PLAIN.timeout == 10 * SECOND
    assert changed(retries=["365d"]).delays == (365 * DAY,)
    assert [changed(timeout=each).timeout for each in ("10ms", "30s")] == [10, 30 * SECOND]


def test_credentials_and_api_keys_are_accepted_as_headers_of_an_endpoint() -> None:
    """They are shown to nobody, and sent unchanged."""
    headers = {"Authorization": "Bearer 7", "X-Api-Key": "4242424242424242"}

    assert changed(headers=headers).headers == tuple(headers.items())


def test_an_invalid_duration_is_rejected_with_its_json_pointer() -> None:
    """Retries are counted from 0."""
    assert refusal(retries=["1s", "soon"]).startswith("/retries/1: expected a duration")
    assert refusal(timeout="soon").startswith("/timeout: expected a duration")


def test_a_secret_is_validated_for_the_scheme_of_the_endpoint() -> None:
    """A previous secret that does not fit a new scheme is dropped."""
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
