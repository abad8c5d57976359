"""The built-in receivers: as endpoints, over their real url, scripted, and read with patience."""

import asyncio
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.signing import Signing, sign
from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET
from tests.support.http import Api, WebhookApi, ask, attempt_errors, bearer, until
from tests.support.sockets import raw_request
from tests.support.values import AUTHORIZED, LONGEST_WAIT

DURATION = "expected a duration such as 300ms, 5s, 10m, 2h or 45d"
BODY = b'{"id":"evt_1","type":"payment.completed"}'


async def read(webhooks: WebhookApi, name: str = "orders", **query: str) -> list[dict[str, Any]]:
    """What an inbox has."""
    page = await webhooks.control("read_inbox", query=query, ids={"name": name})
    return list(page["data"])


async def test_an_inbox_is_delivered_to_and_read(webhooks: WebhookApi) -> None:
    """It verifies what arrives, and keeps it whole."""
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


async def test_an_inbox_answers_as_it_is_scripted(webhooks: WebhookApi) -> None:
    """500, 500, then 200: three attempts, without a receiver of one's own."""
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
    """An inbox that answers 410 disables its endpoint like any other."""
    endpoint_id = await webhooks.create_endpoint("inbox:orders")
    await webhooks.control("script_inbox", {"respond": [410]}, ids={"name": "orders"})
    await webhooks.pay()
    assert (await webhooks.only_delivery())["status"] == "disabled"
    endpoint = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    assert endpoint["enabled"] is False


async def test_an_inbox_can_be_named_by_its_real_url(webhooks: WebhookApi) -> None:
    """The address of an inbox is that inbox: no key is needed to deliver to it."""
    await webhooks.create_endpoint(
        f"http://{webhooks.api.host}:{webhooks.api.port}/_sandbox/inbox/orders"
    )
    await webhooks.pay()
    await webhooks.settle()
    assert [each["verified"] for each in await read(webhooks)] == [True]


async def test_an_inbox_takes_what_others_post_and_says_whether_it_verifies(
    webhooks: WebhookApi, api: Api
) -> None:
    """Anything is taken in and answered 200, verified or not, with the reason."""
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


async def test_an_inbox_answers_others_as_it_is_scripted(api: Api, webhooks: WebhookApi) -> None:
    """Over a socket, too."""
    await webhooks.control("script_inbox", {"respond": [503]}, ids={"name": "mine"})
    async with api.post("/_sandbox/inbox/mine", data=BODY) as reply:
        assert (reply.status, await reply.read()) == (503, b"")


async def test_reading_waits_for_a_message(webhooks: WebhookApi) -> None:
    """Until as many of the type are there as are wanted, and no longer."""
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


async def test_reading_gives_up_when_its_time_is_over(webhooks: WebhookApi) -> None:
    """When time is up, with what there is; at once where there is enough."""
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    assert len(await read(webhooks, wait="60s")) == 1
    assert len(await read(webhooks, wait="20ms", count="2")) == 1
    assert await read(webhooks, "others", wait="20ms") == []


async def test_reading_ends_with_its_world(webhooks: WebhookApi, sandbox: AssembledServer) -> None:
    """A world that is dropped has nothing more to come."""
    reading = asyncio.create_task(read(webhooks, wait="60s"))
    await until(webhooks.api, lambda: len(sandbox.runtime.notifier) == 1)
    await webhooks.control("delete_world")
    async with asyncio.timeout(LONGEST_WAIT):
        assert await reading == []


async def test_messages_are_read_in_pages(webhooks: WebhookApi) -> None:
    """Oldest first, as they came; a cursor goes on where the page ended."""
    await webhooks.create_endpoint("inbox:orders")
    paid = [await webhooks.pay() for _ in range(5)]
    await webhooks.settle()
    first = await webhooks.control("read_inbox", query={"limit": "3"}, ids={"name": "orders"})
    query = {"limit": "3", "starting_after": first["next_cursor"]}
    rest = await webhooks.control("read_inbox", query=query, ids={"name": "orders"})

    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    found = [each["body"]["data"]["payment_id"] for each in first["data"] + rest["data"]]
    assert found == paid


async def test_emptying_an_inbox_forgets_messages_and_script(webhooks: WebhookApi) -> None:
    """What has arrived and the script are forgotten; the endpoint stays."""
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.control("script_inbox", {"respond": [500]}, ids={"name": "orders"})
    await webhooks.control("empty_inbox", ids={"name": "orders"})
    assert await read(webhooks) == []
    await webhooks.pay()
    assert [each["status"] for each in await webhooks.settle()] == ["delivered"] * 2
    assert len(await read(webhooks)) == 1


async def test_an_inbox_belongs_to_its_world(webhooks: WebhookApi, api: Api) -> None:
    """Another key has another inbox of the same name."""
    await webhooks.create_endpoint("inbox:orders")
    await webhooks.pay()
    await webhooks.settle()
    found = await ask(api, "GET", "/_sandbox/inbox/orders", headers=bearer("sk_test_other"))
    assert found == {"data": [], "has_more": False, "next_cursor": None}


@pytest.mark.parametrize(
    ("name", "route", "query", "details"),
    [
        ("a.b", "read_inbox", {}, "/name: expected 1 to 64 letters, digits, '-' or '_'."),
        ("x" * 65, "empty_inbox", {}, "/name: expected 1 to 64 letters, digits, '-' or '_'."),
        ("a", "read_inbox", {"wait": "soon"}, f"/wait: {DURATION}."),
        ("a", "read_inbox", {"wait": "61s"}, "/wait: expected a duration of at most 60s."),
    ],
)  # fmt: skip
async def test_names_waits_and_scripts_that_make_no_sense_are_refused(
    webhooks: WebhookApi, name: str, route: str, query: dict[str, str], details: str
) -> None:
    """With what would have worked."""
    refused = await webhooks.control(route, status=400, query=query, ids={"name": name})
    assert refused["error"]["details"] == details


class TestImpatient:
    """A body that does not come is not waited for."""

    @pytest.fixture
    def settings(self) -> Settings:
        """A tenth of a second."""
        return Settings(clock="2030-01-15T10:30:00Z", seed=7, body_timeout=0.1)

    async def test_half_a_message_is_not_kept(self, webhooks: WebhookApi, api: Api) -> None:
        """400, and nothing is kept."""
        assert api.port is not None
        reader, writer = await asyncio.open_connection(api.host, api.port)
        writer.write(raw_request("POST", "/_sandbox/inbox/mine", {"Content-Length": "9"}, b"half"))
        async with asyncio.timeout(LONGEST_WAIT):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()

        assert status == b"HTTP/1.1 400 Bad Request\r\n"
        assert await read(webhooks, "mine") == []


async def test_of_the_head_of_a_message_the_start_is_kept(api: Api, webhooks: WebhookApi) -> None:
    """The signature is held against all of it."""
    many = {f"X-{number}": "y" * 900 for number in range(60)}
    signed = sign(Signing(), [DEFAULT_WEBHOOK_SECRET], message="evt_1", sent_at=1_000, body=BODY)
    async with api.post("/_sandbox/inbox/mine", data=BODY, headers=many | signed) as reply:
        assert reply.status == 200
    (message,) = await read(webhooks, "mine")

    assert 7_000 < len(str(message["headers"])) < 10_000
    assert message["reason"].startswith("the timestamp is too old")


async def test_no_inbox_is_called_after_a_card(api: Api) -> None:
    """Its name is kept."""
    refused = await ask(api, "POST", "/_sandbox/inbox/4111-1111-1111-1111", 400, data=BODY)
    assert refused["error"]["details"] == "/name: expected a name without a card number."
