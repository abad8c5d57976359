"""Tests how webhooks are signed on a real socket: schemes, secrets, rotation, custom headers."""

import base64
import hashlib
import hmac

import pytest

from payments_sandbox.core.instants import read_instant
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.attempt_request import USER_AGENT
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing, sign
from payments_sandbox.webhooks.verification import Received, why_refused
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from tests.support.http import Json, WebhookApi
from tests.support.receiver import Answer, Hit, Receiver
from tests.support.values import CVC3, KEY, codes_in, leaks

EXPECTED = "expected whsec_ and the base64 of 24 to 64 bytes"
TOO_LONG = "expected a duration of at most 99999d, 999999h or 99999999m, in whole milliseconds"
OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def refusal(hit: Hit, secret: str, signing: Signing | None = None) -> str | None:
    """Return why a receiver with this secret refuses what has arrived, or None."""
    received = Received(hit.headers, hit.body)
    return why_refused(signing or Signing(), [secret], received, now=None)


async def arrived(webhooks: WebhookApi, receiver: Receiver) -> Hit:
    """Make one more payment; return its webhook."""
    await webhooks.pay()
    await webhooks.settle()
    return receiver.hits[-1]


async def test_the_default_signature_is_standard_with_the_worlds_secret(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """In the three headers of Standard Webhooks and no other."""
    await webhooks.create_endpoint(receiver.url)
    hit = await arrived(webhooks, receiver)
    sent_at = hit.headers["webhook-timestamp"]
    signed = f"{hit.event_id}.{sent_at}.".encode() + hit.body
    key = base64.b64decode(DEFAULT_WEBHOOK_SECRET.removeprefix("whsec_"))
    mac = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()

    assert hit.headers == {
        "host": hit.headers["host"],
        "content-type": "application/json",
        "user-agent": hit.headers["user-agent"],
        "webhook-id": hit.event_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{mac}",
        "content-length": str(len(hit.body)),
    }
    assert hit.headers["user-agent"].startswith("payments-sandbox/")


async def test_the_timestamped_scheme_signs_timestamp_and_body_in_one_header(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """With the whole secret as key."""
    signature = {"scheme": "timestamped", "header": "Stripe-Signature"}
    await webhooks.create_endpoint(receiver.url, signature=signature, secret=OTHER)
    hit = await arrived(webhooks, receiver)
    stamp, found = hit.headers["stripe-signature"].split(",")
    signed = stamp.removeprefix("t=").encode() + b"." + hit.body

    assert found == f"v1={hmac.new(OTHER.encode(), signed, hashlib.sha256).hexdigest()}"
    assert not {"webhook-id", "webhook-signature"} & hit.headers.keys()


@pytest.mark.parametrize(
    ("wanted", "signing"),
    [
        ({}, Signing(Scheme.HMAC, "Payments-Signature")),
        (
            {"header": "X-Hub-Signature-256", "prefix": "sha256="},
            Signing(Scheme.HMAC, "X-Hub-Signature-256", "sha256="),
        ),
        (
            {"header": "Square", "encoding": "base64"},
            Signing(Scheme.HMAC, "Square", encoding=Encoding.BASE64),
        ),
    ],
    ids=["defaults", "GitHub's format", "base64"],
)
async def test_the_hmac_scheme_signs_only_the_body_in_the_configured_format(
    webhooks: WebhookApi, receiver: Receiver, wanted: Json, signing: Signing
) -> None:
    await webhooks.create_endpoint(
        receiver.url, signature={"scheme": "hmac"} | wanted, secret="hush-hush"
    )
    hit = await arrived(webhooks, receiver)
    mac = hmac.digest(b"hush-hush", hit.body, "sha256")
    is_hex = signing.encoding is Encoding.HEX
    digest = mac.hex() if is_hex else base64.b64encode(mac).decode()

    assert hit.headers[signing.header.lower()] == signing.prefix + digest
    assert refusal(hit, "hush-hush", signing) is None


async def test_one_event_is_signed_with_the_secret_and_scheme_of_each_endpoint(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """The bodies are the same."""
    timestamped = Signing(Scheme.TIMESTAMPED, "Payments-Signature")
    await webhooks.create_endpoint(f"{receiver.origin}/1")
    await webhooks.create_endpoint(f"{receiver.origin}/2", secret=OTHER)
    await webhooks.create_endpoint(
        f"{receiver.origin}/3", secret="of-the-third", signature={"scheme": "timestamped"}
    )
    await webhooks.pay()
    await webhooks.settle()
    by_target = {hit.target: hit for hit in receiver.hits}

    assert refusal(by_target["/1"], DEFAULT_WEBHOOK_SECRET) is None
    assert refusal(by_target["/1"], OTHER) is not None
    assert refusal(by_target["/2"], OTHER) is None
    assert refusal(by_target["/3"], "of-the-third", timestamped) is None
    assert len(set(receiver.bodies)) == 1


async def test_each_attempt_is_signed_with_its_own_timestamp_in_real_time(
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The id and the body stay the same."""
    wall = iter([1_700_000_000_500, 1_700_000_099_999])
    monkeypatch.setattr(sandbox.runtime.dispatcher, "_wall", lambda: next(wall))
    receiver.script(500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.advance("1m")
    first, second = receiver.hits

    stamps = [hit.headers["webhook-timestamp"] for hit in receiver.hits]
    assert stamps == ["1700000000", "1700000099"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == first.event_id
    assert first.body == second.body
    assert refusal(second, DEFAULT_WEBHOOK_SECRET) is None


async def test_both_secrets_sign_for_a_day_after_a_rotation_the_new_one_first(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    rotated = await webhooks.control("rotate_secret", {"secret": OTHER}, endpoint_id=endpoint_id)
    both = await arrived(webhooks, receiver)
    await webhooks.advance("23h")
    still = await arrived(webhooks, receiver)
    await webhooks.advance("1h")
    after = await arrived(webhooks, receiver)

    assert rotated["secret"] == OTHER
    assert [len(hit.headers["webhook-signature"].split()) for hit in receiver.hits] == [2, 2, 1]
    assert [refusal(hit, OTHER) for hit in (both, still, after)] == [None] * 3
    assert [refusal(hit, DEFAULT_WEBHOOK_SECRET) for hit in (both, still)] == [None] * 2
    assert refusal(after, DEFAULT_WEBHOOK_SECRET) is not None
    newest = both.headers["webhook-signature"].split()[0]
    alone = Hit(both.target, both.headers | {"webhook-signature": newest}, (), both.body, 0)
    assert refusal(alone, OTHER) is None


async def test_a_rotation_without_a_secret_generates_one_from_the_seed(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """A different one each time."""
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    secrets = [
        (await webhooks.control("rotate_secret", endpoint_id=endpoint_id))["secret"]
        for _ in range(3)
    ]

    assert len({DEFAULT_WEBHOOK_SECRET, *secrets}) == 4
    assert secrets[0] == "whsec_cyL0nZNceJp3Fc+5A3qzKhZrKxGX6gqxxi4Ohl66e6M="
    assert refusal(await arrived(webhooks, receiver), secrets[-1]) is None


async def test_the_hmac_scheme_signs_only_with_the_new_secret_after_a_rotation(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(
        receiver.url, signature={"scheme": "hmac"}, secret="first-one"
    )
    await webhooks.control("rotate_secret", {"secret": "second-one"}, endpoint_id=endpoint_id)
    hit = await arrived(webhooks, receiver)

    assert refusal(hit, "second-one", Signing(Scheme.HMAC, "Payments-Signature")) is None


async def test_changing_the_scheme_drops_a_previous_secret_that_does_not_fit_it(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(
        receiver.url, signature={"scheme": "hmac"}, secret="not-base64"
    )
    await webhooks.control("rotate_secret", {"secret": OTHER}, endpoint_id=endpoint_id)
    await webhooks.update_endpoint(endpoint_id, signature={"scheme": "standard"})
    hit = await arrived(webhooks, receiver)

    assert refusal(hit, OTHER) is None
    assert len(hit.headers["webhook-signature"].split()) == 1


async def test_changing_the_scheme_keeps_a_previous_secret_that_fits_it(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.control("rotate_secret", {"secret": OTHER}, endpoint_id=endpoint_id)
    await webhooks.update_endpoint(
        endpoint_id, signature={"scheme": "timestamped", "header": "X-Signed"}
    )
    hit = await arrived(webhooks, receiver)

    signing = Signing(Scheme.TIMESTAMPED, "X-Signed")
    assert [refusal(hit, secret, signing) for secret in (OTHER, DEFAULT_WEBHOOK_SECRET)] == [
        None,
        None,
    ]


async def test_an_endpoint_with_timestamp_world_gets_signatures_dated_by_the_worlds_clock(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """For a receiver whose clock follows the world's."""
    receiver.script(500)
    endpoint_id = await webhooks.create_endpoint(receiver.url, timestamp="world")
    await webhooks.create_endpoint("inbox:world", timestamp="world")
    await webhooks.create_endpoint("inbox:wall")
    await webhooks.pay()
    await webhooks.advance("5s")
    dates = [int(hit.headers["webhook-timestamp"]) for hit in receiver.hits]
    verified = {}
    for name in ("world", "wall"):
        (message,) = (await webhooks.control("read_inbox", ids={"name": name}))["data"]
        verified[name] = message["reason"]
    shown = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    changed = await webhooks.update_endpoint(endpoint_id, timestamp="wall")

    noon = read_instant("2030-01-15T10:30:00Z") // 1_000
    assert dates == [noon, noon + 5]
    assert verified == {"world": None, "wall": None}
    assert (shown["timestamp"], "timestamp" in changed) == ("world", False)


async def test_an_inbox_does_not_verify_a_signature_dated_by_the_other_clock(
    webhooks: WebhookApi,
) -> None:
    """The world is frozen years from now."""
    body = b'{"id":"evt_1","type":"payment.completed"}'
    noon = read_instant("2030-01-15T10:30:00Z") // 1_000
    for name, clock in (("world", "world"), ("wall", "wall")):
        await webhooks.create_endpoint(f"inbox:{name}", timestamp=clock)
        headers = sign(
            Signing(), [DEFAULT_WEBHOOK_SECRET], message="evt_1", sent_at=noon, body=body
        )
        async with webhooks.api.post(
            f"/_sandbox/inbox/{name}", data=body, headers=headers
        ) as reply:
            assert reply.status == 200
    reasons = [
        (await webhooks.control("read_inbox", ids={"name": name}))["data"][0]["reason"]
        for name in ("world", "wall")
    ]

    assert reasons[0] is None
    assert reasons[1].startswith("the timestamp is too new")


async def test_the_custom_headers_of_an_endpoint_are_sent(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """A custom User-Agent precedes ours."""
    headers = {"X-Tenant": "7", "authorization": "Bearer of-the-receiver", "user-agent": "Acme/1"}
    await webhooks.create_endpoint(receiver.url, headers=headers)
    hit = await arrived(webhooks, receiver)

    sent = {name: hit.headers[name.lower()] for name in headers}
    assert sent == headers | {"user-agent": f"Acme/1 {USER_AGENT}"}
    assert sum(line.lower().startswith("user-agent:") for line in hit.lines) == 1


async def test_a_credential_in_a_custom_header_is_sent_but_shown_nowhere(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Under every usual name of such headers."""
    secret = "s3cret-of-the-receiver"
    receiver.script(500)
    names = (
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Api-Key",
        "api-key",
        "X-Auth-Token",
        "Private-Token",
        "X-Goog-Api-Key",
        "Ocp-Apim-Subscription-Key",
        "X-Client-Secret",
        "X-Shop-Password",
    )
    headers = dict.fromkeys(names, f"Bearer {secret}")
    await webhooks.create_endpoint(receiver.url, headers=headers)
    await webhooks.create_endpoint("inbox:orders", headers=headers)
    await webhooks.pay()
    await webhooks.advance("5s")
    delivery, to_inbox = await webhooks.deliveries()
    messages = await webhooks.control("read_inbox", ids={"name": "orders"})

    assert [hit.headers["authorization"] for hit in receiver.hits] == [f"Bearer {secret}"] * 2
    shown = [each["request"]["headers"] for each in delivery["attempts"]]
    assert [{each[name] for name in names} for each in shown] == [{"…"}] * 2
    assert secret not in str([delivery, to_inbox, messages])


@pytest.mark.parametrize(
    ("wanted", "details"),
    [
        (
            {"secret": "whsec_supersecret!"},
            "/secret: expected whsec_ and the base64 of 24 to 64 bytes.",
        ),
        (
            {"secret": "whsec_" + base64.b64encode(b"x" * 23).decode()},
            "/secret: expected whsec_ and the base64 of 24 to 64 bytes, not of 23.",
        ),
        (
            {"secret": "whsec_" + base64.b64encode(b"x" * 65).decode()},
            "/secret: expected whsec_ and the base64 of 24 to 64 bytes, not of 65.",
        ),
        (
            {"secret": "whsec_" + "A" * 33},
            f"/secret: {EXPECTED}; this base64 is not padded to a multiple of four.",
        ),
        (
            {"secret": "with a blank", "signature": {"scheme": "hmac"}},
            "/secret: expected 8 to 255 printable ASCII characters without blanks.",
        ),
        (
            {"signature": {"scheme": "standard", "header": "X-Signature"}},
            "/signature/header: not allowed with the scheme standard.",
        ),
        (
            {"signature": {"scheme": "timestamped", "prefix": "sha256="}},
            "/signature/prefix: not allowed with the scheme timestamped.",
        ),
        (
            {"signature": {"scheme": "hmac", "header": "Content-Length"}},
            "/signature/header: expected a header without another meaning.",
        ),
        (
            {"signature": {"scheme": "hmac", "header": "X-Mine"}, "headers": {"x-mine": "1"}},
            "/headers/x-mine: expected a header that the sandbox does not set.",
        ),
        (
            {"headers": {"Webhook-Id": "evt_mine"}},
            "/headers/Webhook-Id: expected a header that the sandbox does not set.",
        ),
        (
            {"headers": {"X: 1\r\nInjected": "yes"}},
            "/headers: expected header names, such as X-Tenant.",
        ),
        (
            {"headers": {"X-Tenant": "1", "x-tenant": "2"}},
            "/headers/x-tenant: expected each header once; case is ignored.",
        ),
        (
            {"headers": {"X-Card": "4111 1111 1111 1111"}},
            "/headers/X-Card: expected no card number and no security code.",
        ),
        (
            {"headers": {"X-Payment-Cvc": "987"}},
            "/headers/X-Payment-Cvc: expected no card number and no security code.",
        ),
        (
            {"headers": {"X-4111111111111111": "1"}},
            "/headers: expected header names, such as X-Tenant.",
        ),
        (
            {"signature": {"scheme": "hmac", "header": "X-4111111111111111"}},
            "/signature: expected no card number and no security code.",
        ),
        (
            {"signature": {"scheme": "hmac", "prefix": "4111111111111111="}},
            "/signature: expected no card number and no security code.",
        ),
        (
            {"secret": "4111111111111111", "signature": {"scheme": "hmac"}},
            "/secret: expected no card number.",
        ),
        ({"headers": {"": "1"}}, "/headers: expected header names, such as X-Tenant."),
        ({"headers": {"Größe": "1"}}, "/headers: expected header names, such as X-Tenant."),
        ({"retries": ["soon"]}, "/retries/0: expected a duration such as 5s, 10m or 2h."),
        ({"retries": ["1s", "366d"]}, "/retries/1: expected a duration of at most 365d."),
        ({"retries": ["100000d"]}, f"/retries/0: {TOO_LONG}."),
        ({"timeout": "9ms"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"timeout": "31s"}, "/timeout: expected a duration from 10ms to 30s."),
        ({"timeout": "100000d"}, f"/timeout: {TOO_LONG}."),
        ({"timeout": "long"}, "/timeout: expected a duration from 10ms to 30s."),
    ],
)  # fmt: skip
async def test_an_invalid_signature_header_or_retry_setting_is_rejected_with_its_json_pointer(
    webhooks: WebhookApi, receiver: Receiver, wanted: Json, details: str
) -> None:
    """Nothing is made or changed, and no secret is quoted."""
    body = {"url": receiver.url} | wanted
    refused = await webhooks.control("create_webhook_endpoint", body, status=400)
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    before = await webhooks.control("list_webhook_endpoints")
    change = await webhooks.control(
        "update_webhook_endpoint", wanted, status=400, endpoint_id=endpoint_id
    )

    assert refused["error"]["details"] == change["error"]["details"] == details
    assert await webhooks.control("list_webhook_endpoints") == before
    assert len(before["data"]) == 1


async def test_a_rotation_to_an_invalid_secret_is_rejected_and_the_old_one_stays(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    refused = await webhooks.control(
        "rotate_secret", {"secret": "whsec_short"}, status=400, endpoint_id=endpoint_id
    )

    assert refused["error"]["details"].startswith("/secret: expected whsec_ and the base64 of")
    assert refusal(await arrived(webhooks, receiver), DEFAULT_WEBHOOK_SECRET) is None


async def test_deliveries_events_and_snapshots_contain_no_card_data(
    webhooks: WebhookApi, receiver: Receiver, sandbox: AssembledServer
) -> None:
    """Even if the receiver echoes it in its headers or body."""
    number = "4111111111111111"
    echo = f"you paid with {number}".encode()
    receiver.usual = Answer(status=302, body=echo, headers={"X-Echo": number, "Location": number})
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay(
        card_number=number, description=f"with {number}", customer_id=number, cvc=CVC3
    )
    await webhooks.advance("1m")
    everything = [
        await webhooks.deliveries(),
        await webhooks.control("list_events"),
        await webhooks.control("retrieve_snapshot"),
        receiver.hits,
    ]

    assert leaks(everything, [number]) == []
    assert codes_in(everything) == []
    assert "1111" in str(everything)
    assert sandbox.runtime.worlds.get_or_create(KEY).pending_webhooks == 1
