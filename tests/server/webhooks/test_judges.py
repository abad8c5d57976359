"""Tests that the official libraries verify what the sender puts on a real socket."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

import pytest
import standardwebhooks
import stripe

from payments_sandbox.core.instants import MINUTE, Instant
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from tests.support.http import WebhookApi
from tests.support.receiver import Hit, Receiver

OTHER: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NPM_PACKAGE: Final = "standardwebhooks@1.0.0"
HEADER: Final = "Stripe-Signature"
STRIPE: Final = {"signature": {"scheme": "timestamped", "header": HEADER}}

Judge = Callable[[Hit, str], bool]


def by_standardwebhooks(hit: Hit, secret: str) -> bool:
    """PyPI `standardwebhooks`, the reference library."""
    try:
        standardwebhooks.Webhook(secret).verify(hit.body, hit.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def by_svix(hit: Hit, secret: str) -> bool:
    """PyPI `svix`, whose scheme became the standard."""
    from svix.webhooks import Webhook, WebhookVerificationError  # noqa: PLC0415 - half a second

    try:
        Webhook(secret).verify(hit.body, hit.headers)
    except WebhookVerificationError:
        return False
    return True


def by_stripe(hit: Hit, secret: str) -> bool:
    """PyPI `stripe`, with its own tolerance of five minutes."""
    header = hit.headers[HEADER.lower()]
    try:
        verified = stripe.WebhookSignature.verify_header(
            hit.body.decode(), header, secret, stripe.Webhook.DEFAULT_TOLERANCE
        )
    except stripe.SignatureVerificationError:
        return False
    return bool(verified)


@pytest.fixture(scope="session")
def by_node(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Npm `standardwebhooks`, under Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    patient = ["--fetch-retries=0", "--fetch-timeout=15000"]
    try:
        subprocess.run(
            [*install, *patient, NPM_PACKAGE], capture_output=True, timeout=50, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install {NPM_PACKAGE}: {error}")
    (folder / "judge.js").write_text(_NODE, encoding="utf-8")

    def judge(hit: Hit, secret: str) -> bool:
        """Each library that implements Standard Webhooks."""
        question = {"body": hit.body.decode(), "headers": hit.headers, "secret": secret}
        answer = subprocess.run(
            [node, "judge.js"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert answer.stdout in ("accepted", "refused"), answer
        return answer.stdout == "accepted"

    return judge


_NODE: Final = """\
const { Webhook, WebhookVerificationError } = require("standardwebhooks");
const { body, headers, secret } = JSON.parse(require("fs").readFileSync(0, "utf-8"));
try {
  new Webhook(secret).verify(body, headers);
  process.stdout.write("accepted");
} catch (error) {
  if (!(error instanceof WebhookVerificationError)) throw error;
  process.stdout.write("refused");
}
"""


@pytest.fixture(params=["standardwebhooks", "svix", "node"])
def judge(request: pytest.FixtureRequest) -> Judge:
    """Each library that knows Standard Webhooks."""
    if request.param == "node":
        found: Judge = request.getfixturevalue("by_node")
        return found
    return {"standardwebhooks": by_standardwebhooks, "svix": by_svix}[request.param]


async def sent(webhooks: WebhookApi, receiver: Receiver) -> Hit:
    """Make one more payment; return its webhook."""
    await webhooks.pay()
    await webhooks.settle()
    return receiver.hits[-1]


def changed(hit: Hit) -> Hit:
    """Return the message with one byte of the body changed: another amount, still valid JSON."""
    body = hit.body.replace(b"2500", b"2501")
    assert body != hit.body
    return Hit(hit.target, hit.headers, hit.lines, body, hit.connection)


@pytest.fixture
def skew(sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sets the sender's wall clock ahead by minutes."""
    wall = sandbox.runtime.worlds.context.wall

    def ahead(minutes: int) -> None:
        monkeypatch.setattr(
            sandbox.runtime.dispatcher, "_wall", lambda: Instant(wall() + minutes * MINUTE)
        )

    return ahead


async def test_standard_webhooks_libraries_verify_our_signature(
    webhooks: WebhookApi, receiver: Receiver, judge: Judge
) -> None:
    """And reject it with one changed byte, or with another secret."""
    await webhooks.create_endpoint(receiver.url)
    hit = await sent(webhooks, receiver)

    assert judge(hit, DEFAULT_WEBHOOK_SECRET)
    assert not judge(changed(hit), DEFAULT_WEBHOOK_SECRET)
    assert not judge(hit, OTHER)


async def test_standard_webhooks_libraries_reject_timestamps_over_five_minutes_off(
    webhooks: WebhookApi, receiver: Receiver, judge: Judge, skew: Callable[[int], None]
) -> None:
    """In both directions."""
    await webhooks.create_endpoint(receiver.url)
    found = {}
    for minutes in (-6, -4, 4, 6):
        skew(minutes)
        found[minutes] = judge(await sent(webhooks, receiver), DEFAULT_WEBHOOK_SECRET)

    assert found == {-6: False, -4: True, 4: True, 6: False}


async def test_standard_webhooks_libraries_verify_with_either_secret_of_a_rotation(
    webhooks: WebhookApi, receiver: Receiver, judge: Judge
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.control("rotate_secret", {"secret": OTHER}, endpoint_id=endpoint_id)
    hit = await sent(webhooks, receiver)

    assert judge(hit, OTHER)
    assert judge(hit, DEFAULT_WEBHOOK_SECRET)


async def test_standard_webhooks_libraries_verify_a_custom_event(
    webhooks: WebhookApi, receiver: Receiver, judge: Judge
) -> None:
    """Whatever its data."""
    await webhooks.create_endpoint(receiver.url)
    data = {"text": "grüße 🎉 \u2028", "nested": {"deep": [1, 2.5, None, True]}}
    await webhooks.control("create_event", {"type": "payout.paid", "data": data})
    await webhooks.settle()

    assert judge(receiver.hits[-1], DEFAULT_WEBHOOK_SECRET)


async def test_stripes_library_verifies_our_timestamped_signature(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """And rejects it with one changed byte, or with another secret."""
    await webhooks.create_endpoint(receiver.url, secret=OTHER, **STRIPE)
    hit = await sent(webhooks, receiver)

    assert by_stripe(hit, OTHER)
    assert not by_stripe(changed(hit), OTHER)
    assert not by_stripe(hit, DEFAULT_WEBHOOK_SECRET)


async def test_stripes_library_rejects_a_timestamp_older_than_five_minutes(
    webhooks: WebhookApi, receiver: Receiver, skew: Callable[[int], None]
) -> None:
    """It accepts any timestamp of the future."""
    await webhooks.create_endpoint(receiver.url, secret=OTHER, **STRIPE)
    found = {}
    for minutes in (-6, -4, 6):
        skew(minutes)
        found[minutes] = by_stripe(await sent(webhooks, receiver), OTHER)

    assert found == {-6: False, -4: True, 6: True}


async def test_stripes_library_verifies_with_either_secret_of_a_rotation(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Both signatures are in one header."""
    endpoint_id = await webhooks.create_endpoint(receiver.url, **STRIPE)
    await webhooks.control("rotate_secret", {"secret": OTHER}, endpoint_id=endpoint_id)
    hit = await sent(webhooks, receiver)

    assert by_stripe(hit, OTHER)
    assert by_stripe(hit, DEFAULT_WEBHOOK_SECRET)
