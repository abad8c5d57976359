"""Tests that equal seeds and commands give equal events, deliveries, order and bodies."""

import asyncio
from typing import Any

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.webhooks import outbox
from tests.support.http import Api, Control, WebhookApi, client_of, paid
from tests.support.receiver import Answer, Receiver, receiving
from tests.support.values import AUTHORIZED, KEY

CARDS = ("4111111111111111", "4000000000000002", "4000009900000012", "4000000000000259")


async def story(webhooks: WebhookApi, receiver: Receiver) -> list[Any]:
    """Do a bit of everything; return what the control API shows of it."""
    receiver.script(500, 200, 429, 503, 302, 200, 500)
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.create_endpoint("inbox:orders", events=["payment.*"])
    await webhooks.create_endpoint("inbox:all", signature={"scheme": "hmac"}, secret="hush-hush")
    ids = []
    for card in CARDS:
        await paid(
            webhooks.api, 400 if card.endswith("0002") else 201, key=webhooks.key, card_number=card
        )
        ids.append(await webhooks.advance("30s"))
    await webhooks.control("rotate_secret", key=webhooks.key, endpoint_id=endpoint_id)
    made = await webhooks.control("create_event", {"type": "refund.created"}, key=webhooks.key)
    await webhooks.advance("0s")
    await webhooks.control("resend_event", key=webhooks.key, event_id=made["id"])
    ids.append(await webhooks.advance("4d"))
    events = await webhooks.control("list_events", key=webhooks.key)
    return [ids, events, [without_wall_time(each) for each in await webhooks.deliveries()]]


def without_wall_time(delivery: dict[str, Any]) -> dict[str, Any]:
    """Return a delivery without what depends on real time."""
    attempts = [
        {
            "at": each["at"],
            "names": sorted(map(str.lower, each["request"]["headers"])),
            "body": each["request"]["body"],
            "response": each["response"],
            "error": each["error"],
        }
        for each in delivery["attempts"]
    ]
    return delivery | {"attempts": attempts}


def sent(receiver: Receiver) -> list[tuple[str, bytes]]:
    """Return the ids and bodies that arrived, in order."""
    return [(hit.headers["webhook-id"], hit.body) for hit in receiver.hits]


async def test_two_servers_with_equal_seeds_send_equal_webhooks(
    aiohttp_client: AiohttpClient,
) -> None:
    """Except for real time."""
    stories, arrivals = [], []
    async with receiving() as receiver:  # one address for both
        for _ in range(2):
            sandbox = assemble(Settings(clock="2030-01-15T10:30:00Z", seed=7))
            api = await client_of(aiohttp_client, sandbox, headers=AUTHORIZED)
            webhooks = WebhookApi(api, Control(api, sandbox.contract), sandbox)
            receiver.hits.clear()
            stories.append(await story(webhooks, receiver))
            arrivals.append(sent(receiver))
            await sandbox.runtime.dispatcher.close()

    assert stories[0] == stories[1]
    assert arrivals[0] == arrivals[1]
    assert len(arrivals[0]) > 8


async def test_eight_concurrent_worlds_with_equal_seeds_send_equal_webhooks(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    keys = [f"sk_test_twin{number}" for number in range(8)]
    for key in keys:
        body = {"api_key": key, "seed": 99, "clock": "2030-01-15T10:30:00Z"}
        await control("create_world", body)

    async def told(key: str) -> tuple[list[Any], list[tuple[str, bytes]]]:
        async with receiving() as receiver:
            return await story(WebhookApi(api, control, sandbox, key), receiver), sent(receiver)

    stories = await asyncio.gather(*map(told, keys))

    assert all(told == stories[0] for told in stories)


async def test_an_advance_lists_simultaneous_attempts_in_the_order_of_their_deliveries(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url)
    for _ in range(12):
        await webhooks.pay()
    await webhooks.advance("0s")
    happened = await webhooks.advance("5s")
    deliveries = await webhooks.deliveries()

    assert [each["delivery_id"] for each in happened] == [each["id"] for each in deliveries]


async def test_an_advance_lists_every_attempt_even_if_the_log_keeps_fewer(
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "KEPT", 100)
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url, retries=["5s"])
    world = sandbox.runtime.worlds.get_or_create(KEY)
    for _ in range(120):
        world.make_event("payout.paid", {})
    await webhooks.advance("0s")
    happened = await webhooks.advance("5s")

    assert len(happened) == 120
    assert len({each["delivery_id"] for each in happened}) == 120
    assert len(receiver.hits) == 240
