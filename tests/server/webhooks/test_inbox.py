"""The built-in receivers: as endpoints, over their real url, scripted, and read with patience."""

import asyncio
from typing import Any

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import Server
from payments_sandbox.webhooks.signing import Signing, sign
from payments_sandbox.world.registry import DEFAULT_WEBHOOK_SECRET
from tests.support.bodies import AUTHORIZED
from tests.support.clients import Api, ask, bearer, until
from tests.support.hooks import Hooks, errors
from tests.support.wire import PATIENCE, request

DURATION = "expected a duration such as 300ms, 5s, 10m, 2h or 45d"
BODY = b'{"id":"evt_1","type":"payment.completed"}'


async def read(hooks: Hooks, name: str = "orders", **query: str) -> list[dict[str, Any]]:
    """What an inbox has."""
    page = await hooks.control("read_inbox", query=query, ids={"name": name})
    return list(page["data"])


async def test_an_inbox_is_an_endpoint(hooks: Hooks) -> None:
    """It verifies what arrives, and keeps it whole."""
    await hooks.to("inbox:orders")
    await hooks.pay()
    delivery = await hooks.only()
    event = (await hooks.control("list_events"))["data"][0]
    (message,) = await read(hooks)
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


async def test_scripted_answers(hooks: Hooks) -> None:
    """500, 500, then 200: three attempts, without a receiver of one's own."""
    await hooks.to("inbox:orders")
    script = await hooks.control("script_inbox", {"respond": [500, 500]}, ids={"name": "orders"})
    await hooks.pay()
    await hooks.advance("4d")
    (delivery,) = await hooks.deliveries()

    assert script == {"name": "orders", "respond": [500, 500]}
    assert errors(delivery) == ["answered 500", "answered 500", None]
    assert [each["received_at"] for each in await read(hooks)] == [
        "2030-01-15T10:30:00Z",
        "2030-01-15T10:30:05Z",
        "2030-01-15T10:35:05Z",
    ]


async def test_gone(hooks: Hooks) -> None:
    """An inbox that answers 410 disables its endpoint like any other."""
    endpoint_id = await hooks.to("inbox:orders")
    await hooks.control("script_inbox", {"respond": [410]}, ids={"name": "orders"})
    await hooks.pay()
    assert (await hooks.only())["status"] == "disabled"
    endpoint = await hooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    assert endpoint["enabled"] is False


async def test_by_its_real_url(hooks: Hooks) -> None:
    """The address of an inbox is that inbox: no key is needed to deliver to it."""
    await hooks.to(f"http://{hooks.api.host}:{hooks.api.port}/_sandbox/inbox/orders")
    await hooks.pay()
    await hooks.settled()
    assert [each["verified"] for each in await read(hooks)] == [True]


async def test_what_others_send(hooks: Hooks, api: Api) -> None:
    """Anything is taken in and answered 200, verified or not, with the reason."""
    sent_at = 1_000
    good = sign(Signing(), [DEFAULT_WEBHOOK_SECRET], message="evt_1", sent_at=sent_at, body=BODY)
    for headers, body in ((good, BODY), ({}, BODY), ({}, b"\xff\x00"), ({}, b"")):
        async with api.post(
            "/_sandbox/inbox/mine", data=body, headers=AUTHORIZED | headers
        ) as reply:
            assert (reply.status, await reply.json()) == (200, {"received": True})
    found = await read(hooks, "mine")

    assert [each["verified"] for each in found] == [False] * 4
    assert found[0]["reason"].startswith("the timestamp is too old")
    assert found[1]["reason"] == "the header webhook-id is missing"
    assert [each["body"] for each in found[1:]] == [
        {"id": "evt_1", "type": "payment.completed"},
        "\ufffd\x00",
        "",
    ]
    assert "sk_test_sandbox" not in str(found)


async def test_a_scripted_answer_to_others(api: Api, hooks: Hooks) -> None:
    """Over a socket, too."""
    await hooks.control("script_inbox", {"respond": [503]}, ids={"name": "mine"})
    async with api.post("/_sandbox/inbox/mine", data=BODY) as reply:
        assert (reply.status, await reply.read()) == (503, b"")


async def test_reading_waits(hooks: Hooks) -> None:
    """Until as many of the type are there as are wanted, and no longer."""
    await hooks.to("inbox:orders")
    query = {"wait": "30s", "count": "2", "type": "payment.failed"}
    reading = asyncio.create_task(read(hooks, **query))
    for type_ in ("payment.completed", "payment.failed", "payment.completed"):
        await hooks.control("create_event", {"type": type_})
    await hooks.settled()
    assert not reading.done()
    await hooks.control("create_event", {"type": "payment.failed"})
    async with asyncio.timeout(PATIENCE):
        found = await reading

    assert [each["body"]["type"] for each in found] == ["payment.failed"] * 2


async def test_reading_gives_up(hooks: Hooks) -> None:
    """When time is up, with what there is; at once where there is enough."""
    await hooks.to("inbox:orders")
    await hooks.pay()
    await hooks.settled()
    assert len(await read(hooks, wait="60s")) == 1
    assert len(await read(hooks, wait="20ms", count="2")) == 1
    assert await read(hooks, "others", wait="20ms") == []


async def test_reading_ends_with_the_world(hooks: Hooks, sandbox: Server) -> None:
    """A world that is dropped has nothing more to come."""
    reading = asyncio.create_task(read(hooks, wait="60s"))
    await until(hooks.api, lambda: len(sandbox.runtime.notifier) == 1)
    await hooks.control("delete_world")
    async with asyncio.timeout(PATIENCE):
        assert await reading == []


async def test_pages(hooks: Hooks) -> None:
    """Oldest first, as they came; a cursor goes on where the page ended."""
    await hooks.to("inbox:orders")
    paid = [await hooks.pay() for _ in range(5)]
    await hooks.settled()
    first = await hooks.control("read_inbox", query={"limit": "3"}, ids={"name": "orders"})
    query = {"limit": "3", "starting_after": first["next_cursor"]}
    rest = await hooks.control("read_inbox", query=query, ids={"name": "orders"})

    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    found = [each["body"]["data"]["payment_id"] for each in first["data"] + rest["data"]]
    assert found == paid


async def test_emptying(hooks: Hooks) -> None:
    """What has arrived and the script are forgotten; the endpoint stays."""
    await hooks.to("inbox:orders")
    await hooks.pay()
    await hooks.settled()
    await hooks.control("script_inbox", {"respond": [500]}, ids={"name": "orders"})
    await hooks.control("empty_inbox", ids={"name": "orders"})
    assert await read(hooks) == []
    await hooks.pay()
    assert [each["status"] for each in await hooks.settled()] == ["delivered"] * 2
    assert len(await read(hooks)) == 1


async def test_an_inbox_belongs_to_its_world(hooks: Hooks, api: Api) -> None:
    """Another key has another inbox of the same name."""
    await hooks.to("inbox:orders")
    await hooks.pay()
    await hooks.settled()
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
async def test_what_is_refused(
    hooks: Hooks, name: str, route: str, query: dict[str, str], details: str
) -> None:
    """With what would have worked."""
    refused = await hooks.control(route, status=400, query=query, ids={"name": name})
    assert refused["error"]["details"] == details


class TestImpatient:
    """A body that does not come is not waited for."""

    @pytest.fixture
    def settings(self) -> Settings:
        """A tenth of a second."""
        return Settings(clock="2030-01-15T10:30:00Z", seed=7, body_patience=0.1)

    async def test_half_a_message(self, hooks: Hooks, api: Api) -> None:
        """400, and nothing is kept."""
        assert api.port is not None
        reader, writer = await asyncio.open_connection(api.host, api.port)
        writer.write(request("POST", "/_sandbox/inbox/mine", {"Content-Length": "9"}, b"half"))
        async with asyncio.timeout(PATIENCE):
            status = await reader.readline()
        writer.close()
        await writer.wait_closed()

        assert status == b"HTTP/1.1 400 Bad Request\r\n"
        assert await read(hooks, "mine") == []
