"""Tests the built-in receivers: as endpoints, over their URL, scripted, and read with a wait."""

import asyncio
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.signing import Signing, sign
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from tests.support.http import Api, WebhookApi, ask, attempt_errors, bearer, until
from tests.support.sockets import raw_request
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED, LONGEST_WAIT

DURATION = "expected a duration such as 300ms, 5s, 10m, 2h or 45d"
BODY = b'{"id":"evt_1","type":"payment.completed"}'


async def read(webhooks: WebhookApi, name: str = "orders", **query: str) -> list[dict[str, Any]]:
    """Return the messages of an inbox."""
    page = await webhooks.control("read_inbox", query=query, ids={"name": name})
    return list(page["data"])


async def test_a_delivery_to_an_inbox_can_be_read_whole_and_verified(webhooks: WebhookApi) -> None:
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    delivery = await webhooks.only_delivery()
    event = (await webhooks.control("list_events"))["data"][0]
    (message,) = await read(webhooks)
    (attempt,) = delivery["attempts"]

    assert (delivery["status"], attempt["response"]) == (
        "delivered",
        {"status": 200, "headers": {}, "body": ""},
    )
    headers = {name.lower(): value for name, value in attempt["request"]["headers"].items()}
    assert message == {
        "headers": headers,
        "body": event,
        "raw": attempt["request"]["body"],
        "verified": True,
        "reason": None,
        "received_at": "2030-01-15T10:30:00Z",
    }


async def test_an_inbox_scripted_to_fail_twice_gets_two_retries(webhooks: WebhookApi) -> None:
    await webhooks.create_endpoint("inbox:orders")
    script = await webhooks.control("script_inbox", {"respond": [500, 500]}, ids={"name": "orders"})
    await webhooks.pay()
    await webhooks.advance("4d")
    (delivery,) = await webhooks.deliveries()

    assert script == {"name": "orders", "respond": [500, 500]}
    assert attempt_errors(delivery) == ["answered 500", "answered 500", None]
    assert [each["received_at"] for each in await read(webhooks)] == [
        "2030-01-15T10:30:00Z",
        "2030-01-15T10:30:05Z",
        "2030-01-15T10:35:05Z",
    ]


async def test_an_inbox_that_answers_410_disables_its_endpoint(webhooks: WebhookApi) -> None:
    endpoint_id = await webhooks.create_endpoint("inbox:orders")
    await webhooks.control("script_inbox", {"respond": [410]}, ids={"name": "orders"})
    await webhooks.pay()
    assert (await webhooks.only_delivery())["status"] == "disabled"
    endpoint = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    assert endpoint["enabled"] is False


async def test_an_endpoint_with_the_url_of_an_inbox_needs_no_key(webhooks: WebhookApi) -> None:
    await webhooks.create_endpoint(
        f"http://{webhooks.api.host}:{webhooks.api.port}/_sandbox/inbox/orders"
    )
    await webhooks.pay()
    await webhooks.settle()
    assert [each["verified"] for each in await read(webhooks)] == [True]


async def test_an_inbox_accepts_any_post_and_says_why_it_does_not_verify(
    webhooks: WebhookApi, api: Api
) -> None:
    sent_at = 1_000
    good = sign(Signing(), [DEFAULT_WEBHOOK_SECRET], message="evt_1", sent_at=sent_at, body=BODY)
    for headers, body in ((good, BODY), ({}, BODY), ({}, b"\xff\x00"), ({}, b"")):
        async with api.post(
            "/_sandbox/inbox/mine", data=body, headers=AUTHORIZED | headers
        ) as reply:
            assert (reply.status, await reply.json()) == (200, {"received": True})
    found = await read(webhooks, "mine")

    assert [each["verified"] for each in found] == [False] * 4
    assert found[0]["reason"].startswith("the timestamp is too old")
    assert found[1]["reason"] == "the header webhook-id is missing"
    assert [each["body"] for each in found[1:]] == [
        {"id": "evt_1", "type": "payment.completed"},
        "\ufffd\x00",
        "",
    ]
    assert "sk_test_sandbox" not in str(found)


async def test_a_scripted_inbox_answers_posts_of_other_senders(
    api: Api, webhooks: WebhookApi
) -> None:
    await webhooks.control("script_inbox", {"respond": [503]}, ids={"name": "mine"})
    async with api.post("/_sandbox/inbox/mine", data=BODY) as reply:
        assert (reply.status, await reply.read()) == (503, b"")


async def test_reading_an_inbox_waits_for_the_wanted_number_of_messages_of_a_type(
    webhooks: WebhookApi,
) -> None:
    await webhooks.create_endpoint("inbox:orders")
    query = {"wait": "30s", "count": "2", "type": "payment.failed"}
    reading = asyncio.create_task(read(webhooks, **query))
    for type_ in ("payment.completed", "payment.failed", "payment.completed"):
        await webhooks.control("create_event", {"type": type_})
    await webhooks.settle()
    assert not reading.done()
    await webhooks.control("create_event", {"type": "payment.failed"})
    async with asyncio.timeout(LONGEST_WAIT):
        found = await reading

    assert [each["body"]["type"] for each in found] == ["payment.failed"] * 2


async def test_reading_an_inbox_returns_what_it_has_when_the_wait_is_over(
    webhooks: WebhookApi,
) -> None:
    """At once if there is enough."""
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    assert len(await read(webhooks, wait="60s")) == 1
    assert len(await read(webhooks, wait="20ms", count="2")) == 1
    assert await read(webhooks, "others", wait="20ms") == []


async def test_a_waiting_read_of_an_inbox_ends_when_its_world_is_dropped(
    webhooks: WebhookApi, sandbox: AssembledServer
) -> None:
    reading = asyncio.create_task(read(webhooks, wait="60s"))
    await until(webhooks.api, lambda: len(sandbox.runtime.notifier) == 1)
    await webhooks.control("delete_world")
    async with asyncio.timeout(LONGEST_WAIT):
        assert await reading == []


async def test_inbox_messages_are_read_in_pages_oldest_first(webhooks: WebhookApi) -> None:
    await webhooks.create_endpoint("inbox:orders")
    paid = [await webhooks.pay() for _ in range(5)]
    await webhooks.settle()
    first = await webhooks.control("read_inbox", query={"limit": "3"}, ids={"name": "orders"})
    query = {"limit": "3", "starting_after": first["next_cursor"]}
    rest = await webhooks.control("read_inbox", query=query, ids={"name": "orders"})

    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    found = [each["body"]["data"]["payment_id"] for each in first["data"] + rest["data"]]
    assert found == paid


async def test_emptying_an_inbox_removes_messages_and_script_and_keeps_the_endpoint(
    webhooks: WebhookApi,
) -> None:
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.control("script_inbox", {"respond": [500]}, ids={"name": "orders"})
    await webhooks.control("empty_inbox", ids={"name": "orders"})
    assert await read(webhooks) == []
    await webhooks.pay()
    assert [each["status"] for each in await webhooks.settle()] == ["delivered"] * 2
    assert len(await read(webhooks)) == 1


async def test_worlds_have_separate_inboxes_of_the_same_name(
    webhooks: WebhookApi, api: Api
) -> None:
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    found = await ask(api, "GET", "/_sandbox/inbox/orders", headers=bearer("sk_test_other"))
    assert found == {"data": [], "has_more": False, "next_cursor": None}


@for_each(
    ("name", "route", "query", "details"),
    [
        ("a.b", "read_inbox", {}, "/name: expected 1 to 64 letters, digits, '-' or '_'."),
        ("x" * 65, "empty_inbox", {}, "/name: expected 1 to 64 letters, digits, '-' or '_'."),
        ("a", "read_inbox", {"wait": "soon"}, f"/wait: {DURATION}."),
        ("a", "read_inbox", {"wait": "61s"}, "/wait: expected a duration of at most 60s."),
    ],
)  # fmt: skip
async def test_an_invalid_inbox_name_or_wait_is_rejected_with_what_is_expected(
    webhooks: WebhookApi, name: str, route: str, query: dict[str, str], details: str
) -> None:
    refused = await webhooks.control(route, status=400, query=query, ids={"name": name})
    assert refused["error"]["details"] == details


class TestImpatient:
    """With a very short body timeout."""

    @pytest.fixture
    def settings(self) -> Settings:
        """The settings with a body timeout of a tenth of a second."""
        return Settings(clock="2030-01-15T10:30:00Z", seed=7, body_timeout=0.1)

    async def test_an_incomplete_message_to_an_inbox_is_400_and_not_kept(
        self, webhooks: WebhookApi, api: Api
    ) -> None:
        """Its sender waits with the rest."""
        assert api.port is not None
        reader, writer = await asyncio.open_connection(api.host, api.port)
        writer.write(raw_request("POST", "/_sandbox/inbox/mine", {"Content-Length": "9"}, b"half"))
        async with asyncio.timeout(LONGEST_WAIT):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()

        assert status == b"HTTP/1.1 400 Bad Request\r\n"
        assert await read(webhooks, "mine") == []


async def test_an_inbox_keeps_the_start_of_many_headers_and_verifies_all_of_them(
    api: Api, webhooks: WebhookApi
) -> None:
    many = {f"X-{number}": "y" * 900 for number in range(60)}
    signed = sign(Signing(), [DEFAULT_WEBHOOK_SECRET], message="evt_1", sent_at=1_000, body=BODY)
    async with api.post("/_sandbox/inbox/mine", data=BODY, headers=many | signed) as reply:
        assert reply.status == 200
    (message,) = await read(webhooks, "mine")

    assert 7_000 < len(str(message["headers"])) < 10_000
    assert message["reason"].startswith("the timestamp is too old")


async def test_an_inbox_name_with_a_card_number_is_rejected(api: Api) -> None:
    """The name is stored."""
    refused = await ask(api, "POST", "/_sandbox/inbox/4111-1111-1111-1111", 400, data=BODY)
    assert refused["error"]["details"] == "/name: expected a name without a card number."
