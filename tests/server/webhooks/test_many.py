"""Tests many webhooks at once: each event arrives exactly once."""

import asyncio
from collections import Counter

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.webhooks.dispatcher import MAX_PER_ENDPOINT
from payments_sandbox.world.manual_events import trigger
from tests.support.http import Api, Control, WebhookApi, bearer
from tests.support.receiver import Receiver
from tests.support.values import documented_create


@pytest.fixture
def settings() -> Settings:
    """The settings for a thousand worlds and a thousand payments."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, rate_limit=10_000)


async def pay(api: Api, key: str, times: int) -> None:
    """Make payments one after another."""
    for _ in range(times):
        async with api.post("/v3/payments", json=documented_create(), headers=bearer(key)) as reply:
            assert reply.status == 201


def once_each(receiver: Receiver) -> set[str]:
    """Return the events that have arrived, none of them twice."""
    counts = Counter(hit.event_id for hit in receiver.hits)
    assert set(counts.values()) == {1}
    return set(counts)


async def test_a_thousand_events_arrive_exactly_once_while_eight_clients_pay(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """And another one moves the clock."""
    await webhooks.create_endpoint(receiver.url)

    async def move() -> None:
        for _ in range(20):
            await webhooks.advance("1s")

    await asyncio.gather(*(pay(webhooks.api, webhooks.key, 125) for _ in range(8)), move())
    deliveries = await webhooks.settle()
    events = await webhooks.control("list_events", query={"limit": "1000"})

    assert len(deliveries) == 1_000
    assert {each["status"] for each in deliveries} == {"delivered"}
    assert once_each(receiver) == {each["id"] for each in events["data"]}
    assert receiver.most <= MAX_PER_ENDPOINT
    assert len({hit.connection for hit in receiver.hits}) <= MAX_PER_ENDPOINT


async def test_a_receiver_that_fails_every_third_time_gets_every_event_accepted_once(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """No attempt follows its success."""
    receiver.script(*([200, 200, 500] * 200))
    await webhooks.create_endpoint(receiver.url)
    await asyncio.gather(*(pay(webhooks.api, webhooks.key, 50) for _ in range(8)))
    await webhooks.advance("4d")
    deliveries = await webhooks.deliveries()
    counts = Counter(hit.event_id for hit in receiver.hits)

    assert {each["status"] for each in deliveries} == {"delivered"}
    assert counts == {each["event_id"]: len(each["attempts"]) for each in deliveries}
    assert len(receiver.hits) == 400 + sum(count - 1 for count in counts.values())
    assert len(receiver.hits) > 500


async def test_webhooks_of_300_worlds_are_sent_at_once_without_loss_or_duplicates(
    api: Api, control: Control, sandbox: AssembledServer, receiver: Receiver
) -> None:
    worlds = [
        sandbox.runtime.worlds.make(f"sk_test_w{number}", seed=number) for number in range(300)
    ]
    for number, world in enumerate(worlds):
        webhooks = world.open_webhooks()
        webhooks.put(webhooks.new_endpoint(f"{receiver.origin}/{number}"))
        for type_ in ("payment.completed", "refund.created"):
            trigger(world, type_, None)
        sandbox.runtime.dispatcher.release(world)
    for world in worlds:
        await sandbox.runtime.dispatcher.settle(world)
    told = Counter(hit.target for hit in receiver.hits)

    assert told == {f"/{number}": 3 for number in range(300)}
    assert len(set(receiver.bodies)) == 900
    assert sum(world.pending_webhooks for world in worlds) == 0
    of_one = WebhookApi(api, control, sandbox, "sk_test_w77")
    assert [each["status"] for each in await of_one.deliveries()] == ["delivered"] * 3


async def test_the_log_of_deliveries_keeps_the_last_1000_finished_and_all_pending(
    webhooks: WebhookApi, sandbox: AssembledServer
) -> None:
    endpoint_id = await webhooks.create_endpoint("inbox:orders")
    world = sandbox.runtime.worlds.get_or_create(webhooks.key)
    for _ in range(1_500):
        world.make_event("payout.paid", {})
    await webhooks.advance("0s")
    outbox = world.open_webhooks().outbox
    page = await webhooks.control("list_deliveries", query={"limit": "1000"})

    assert (len(page["data"]), page["has_more"], outbox.dropped) == (1_000, False, 500)
    await webhooks.control("script_inbox", {"respond": [500] * 1_000}, ids={"name": "orders"})
    for _ in range(1_000):
        world.make_event("payout.paid", {})
    await webhooks.advance("0s")
    assert world.pending_webhooks == 1_000
    assert len(list(outbox.oldest_first())) == 2_000
    await webhooks.update_endpoint(endpoint_id, enabled=False)
    assert (world.pending_webhooks, len(list(outbox.oldest_first()))) == (0, 1_000)
