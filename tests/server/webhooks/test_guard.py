"""Tests where webhooks may go: checked at registration, and again when connecting."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.webhooks.attempt_request import USER_AGENT
from tests.support.http import WebhookApi, attempt_errors
from tests.support.receiver import Receiver
from tests.support.tables import for_each

METADATA = "expected no wildcard, link-local, multicast or metadata address"
PUBLIC = "expected a private address; --webhook-targets public permits others"
HTTP = "expected an http or https url, or inbox:NAME for a built-in receiver"
USER = "expected a url without user and password; send them as a header"
ASCII = "expected a url in ASCII, without blanks"
URL = "expected a url, such as http://localhost:3000/webhooks or inbox:orders"
INBOX = "expected inbox: and 1 to 64 letters, digits, '-' or '_'"
NUMBERS = "expected four numbers from 0 to 255, such as 127.0.0.1, or a name"
NO_CARD = "expected a url without a card number or security code"
OURS = "expected a receiver, not the sandbox itself; use inbox:NAME for a built-in receiver"

REFUSED = [
    ("http://169.254.169.254/latest/meta-data/", METADATA),
    ("http://169.254.1.1/", METADATA),
    ("http://[::ffff:169.254.169.254]/", METADATA),
    ("http://[::ffff:a9fe:a9fe]/", METADATA),
    ("http://[64:ff9b::a9fe:a9fe]/", METADATA),
    ("http://[64:ff9b::7f00:1]/", METADATA),
    ("http://[64:ff9b:1::a9fe:a9fe]/", METADATA),
    ("http://[2002:a9fe:a9fe::]/", METADATA),
    ("http://[fe80::1]/", METADATA),
    ("http://[fe80::1%25eth0]/", METADATA),
    ("http://[fd00:ec2::254]/", METADATA),
    ("http://[fd20:ce::254]/", METADATA),
    ("http://100.100.100.200/", METADATA),
    ("http://192.0.0.192/", METADATA),
    ("http://168.63.129.16/", METADATA),
    ("http://0.0.0.0:3000/", METADATA),
    ("http://[::]:3000/", METADATA),
    ("http://224.0.0.1/", METADATA),
    ("http://[ff02::1]/", METADATA),
    ("http://255.255.255.255/", METADATA),
    ("http://8.8.8.8/", PUBLIC),
    ("https://[2606:4700::1111]/", PUBLIC),
    ("http://[::ffff:8.8.8.8]/", PUBLIC),
    ("http://2852039166/", NUMBERS),
    ("http://0251.0376.0251.0376/", NUMBERS),
    ("http://127.1/", NUMBERS),
    ("http://127.0.0.256/", NUMBERS),
    ("ftp://127.0.0.1/", HTTP),
    ("file:///etc/passwd", HTTP),
    ("unix:///var/run/docker.sock", HTTP),
    ("127.0.0.1:3000", HTTP),
    ("/webhooks", HTTP),
    ("http:///webhooks", HTTP),
    ("javascript:alert(1)", HTTP),
    ("http://user:secret@127.0.0.1/", USER),
    ("http://127.0.0.1@8.8.8.8/", USER),
    ("http://127.0.0.1:99999/", URL),
    ("http://[::1/", URL),
    ("http://[::1]x/", URL),
    ("http://[::1]x:3000/", URL),
    ("http://[v1.a]/", URL),
    ("http://x[::1]/", URL),
    ("http://[2001::1]/", METADATA),
    ("http://[::a9fe:a9fe]/", METADATA),
    ("http://[::808:808]/", PUBLIC),
    ("http://[::ffff:0:a9fe:a9fe]/", METADATA),
    ("http://localhost;x/", URL),
    ("http://a%00b/", URL),
    ("http://local'host/", URL),
    ("http://127.0.0.1:0/", URL),
    ("http://127.0.0.1:00/", URL),
    ("http://[2001:0:53aa:64c:0:7eff:80ff:fffe]:3000/", METADATA),
    ("http://localhost/4111111111111111", NO_CARD),
    ("http://localhost/?a=4111-1111-1111-1111", NO_CARD),
    ("http://localhost/?cvc=987", NO_CARD),
    ("inbox:4111111111111111", "expected a name without a card number"),
    ("http://localhost/a b", ASCII),
    ("http://lócalhost/", ASCII),
    ("http://localhost/\x07", ASCII),
    ("inbox:", INBOX),
    ("inbox:a b", INBOX),
    ("inbox:" + "x" * 65, INBOX),
]


async def refusals(
    webhooks: WebhookApi, route: str, rows: Sequence[tuple[str, str]], endpoint_id: str = ""
) -> dict[str, str]:
    """Return the error of a route for each URL."""
    told = {
        url: await webhooks.control(route, {"url": url}, status=400, endpoint_id=endpoint_id)
        for url, _ in rows
    }
    return {url: refusal["error"]["details"] for url, refusal in told.items()}


def words(rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the expected error for each URL."""
    return {url: f"/url: {problem}." for url, problem in rows}


async def test_a_forbidden_webhook_url_is_rejected_with_what_is_expected(
    webhooks: WebhookApi,
) -> None:
    """For new endpoints and for changes; nothing is made or changed."""
    assert await refusals(webhooks, "create_webhook_endpoint", REFUSED) == words(REFUSED)
    assert (await webhooks.control("list_webhook_endpoints"))["data"] == []
    endpoint_id = await webhooks.create_endpoint("inbox:good")
    changed = await refusals(webhooks, "update_webhook_endpoint", REFUSED, endpoint_id=endpoint_id)

    assert changed == words(REFUSED)
    (kept,) = (await webhooks.control("list_webhook_endpoints"))["data"]
    assert kept["url"] == "inbox:good"


@pytest.mark.parametrize("path", ["/v3/payments", "/_sandbox/world/reset", "/", "/_sandbox/inbox/"])
async def test_the_sandbox_itself_is_rejected_as_a_receiver_in_every_spelling(
    webhooks: WebhookApi, path: str
) -> None:
    """Except its inboxes."""
    port = webhooks.api.port
    for host in (
        webhooks.api.host, "localhost", "LOCALHOST", "localhost.", "shop.localhost", "127.0.0.2",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    ):  # fmt: skip
        url = f"http://{host}:{port}{path}"
        refused = await webhooks.control("create_webhook_endpoint", {"url": url}, status=400)
        assert refused["error"]["details"] == f"/url: {OURS}."


@pytest.mark.parametrize(
    "agent",
    [{}, {"User-Agent": "curl/8"}, {"user-agent": "shop"}],
    ids=["default agent", "agent curl", "lower-case header"],
)
@pytest.mark.parametrize("path", ["/_sandbox/events", "/v3/payments", "/"])
async def test_a_webhook_that_reaches_the_sandbox_anyway_is_rejected_except_by_an_inbox(
    webhooks: WebhookApi, path: str, agent: dict[str, str]
) -> None:
    """In a spelling that the check of the text does not recognise: it would trigger itself."""
    port = webhooks.api.port
    headers = {"Authorization": f"Bearer {webhooks.key}", **agent}
    await webhooks.create_endpoint(f"http://0x7f000001:{port}{path}", headers=headers, retries=[])
    await webhooks.create_endpoint(f"http://0x7f000001:{port}/_sandbox/inbox/a", headers=headers)
    await webhooks.pay()
    await webhooks.advance("1h")
    refused, taken = await webhooks.deliveries()

    assert (refused["status"], taken["status"]) == ("failed", "delivered")
    assert "receives a sandbox's webhooks" in refused["attempts"][0]["response"]["body"]
    assert refused["attempts"][0]["request"]["headers"]["User-Agent"].endswith(USER_AGENT)
    assert len((await webhooks.control("list_events"))["data"]) == 1


async def test_a_url_of_another_port_or_of_an_inbox_is_accepted(webhooks: WebhookApi) -> None:
    port = webhooks.api.port
    await webhooks.create_endpoint("http://localhost:1/v3/payments")
    await webhooks.create_endpoint(f"http://10.0.0.7:{port}/hooks")
    await webhooks.create_endpoint(f"http://localhost:{port}/_sandbox/inbox/orders")
    await webhooks.pay()
    query = {"wait": "10s"}
    by_port = (await webhooks.control("read_inbox", query=query, ids={"name": "orders"}))["data"]
    assert len(by_port) == 1


@for_each(
    "url",
    [
        "http://localhost:3000/webhooks",
        "https://127.0.0.1/",
        "http://10.0.0.7/",
        "http://192.168.1.9:8080/x?y=z",
        "http://100.64.0.9/",
        "http://[::1]:3000/",
        "http://[fd12:3456::1]/",
        "http://host.docker.internal:3000/",
        "inbox:orders",
    ],
)
async def test_loopback_private_addresses_and_host_names_are_accepted_as_receivers(
    webhooks: WebhookApi, url: str
) -> None:
    await webhooks.create_endpoint(url)


@pytest.mark.parametrize("url", ["http://0x7f000001:{}/", "http://localhost:{}/"])
async def test_a_webhook_to_loopback_in_another_spelling_is_delivered(
    webhooks: WebhookApi, receiver: Receiver, url: str
) -> None:
    """The connected address counts."""
    port = int(receiver.origin.rpartition(":")[2])
    await webhooks.create_endpoint(url.format(port))
    await webhooks.pay()
    assert (await webhooks.only_delivery())["status"] == "delivered"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://0xa9fea9fe/", "169.254.169.254"),
        ("http://0x08080808/", "8.8.8.8"),
    ],
)
async def test_a_blocked_address_in_another_spelling_is_rejected_when_connecting(
    webhooks: WebhookApi, url: str, address: str
) -> None:
    await webhooks.create_endpoint(url)
    await webhooks.pay()
    assert attempt_errors(await webhooks.only_delivery()) == [
        f"{address} is not a permitted webhook target"
    ]


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "8.8.8.8", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254"]
)
async def test_a_host_name_that_resolves_to_a_blocked_address_is_rejected_when_connecting(
    webhooks: WebhookApi, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So DNS rebinding does not help."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    target = (address, 80, 0, 0) if ":" in address else (address, 80)

    asked = socket.getaddrinfo

    def resolved(host: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - the system's
        if host == "rebound.example" and not named.get("flags"):
            return [(family, socket.SOCK_STREAM, 6, "", target)]
        return asked(host, *args, **named)

    await webhooks.create_endpoint("http://rebound.example/")
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", resolved)
        await webhooks.pay()
        delivery = await webhooks.only_delivery()

    assert attempt_errors(delivery) == [f"{address} is not a permitted webhook target"]


class TestPublic:
    """With `--webhook-targets public` the internet is open; metadata addresses never are."""

    @pytest.fixture
    def settings(self) -> Settings:
        """Webhooks may leave."""
        return Settings(clock="2030-01-15T10:30:00Z", seed=7, public_webhooks=True)

    async def test_with_public_targets_a_public_address_is_accepted(
        self, webhooks: WebhookApi
    ) -> None:
        """It is rejected by default."""
        await webhooks.create_endpoint("https://8.8.8.8/")

    async def test_with_public_targets_every_other_forbidden_url_is_still_rejected(
        self, webhooks: WebhookApi
    ) -> None:
        """With the same errors."""
        rows = [row for row in REFUSED if row[1] != PUBLIC]
        assert await refusals(webhooks, "create_webhook_endpoint", rows) == words(rows)

    async def test_with_public_targets_a_metadata_address_is_rejected_when_connecting(
        self, webhooks: WebhookApi
    ) -> None:
        """Its spelling hides it from the check of the text."""
        await webhooks.create_endpoint("http://0xa9fea9fe/")
        await webhooks.pay()
        assert attempt_errors(await webhooks.only_delivery()) == [
            "169.254.169.254 is not a permitted webhook target"
        ]
