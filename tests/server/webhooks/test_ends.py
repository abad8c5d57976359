"""Tests what ends a delivery from outside: nothing of an ended world reaches the next test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientConnectionError

from payments_sandbox.core.settings import Settings
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.world.world import World
from tests.support.http import Api, WebhookApi, ask, attempt_errors, bearer, paid, until
from tests.support.in_process import rules_of
from tests.support.receiver import Answer, Receiver
from tests.support.values import KEY, LONGEST_WAIT

PENDING = "4000009900000012"
SLOW_MS = "4000009900000129"

End = Callable[[WebhookApi], Awaitable[object]]


async def drop(webhooks: WebhookApi) -> None:
    """Drop the world."""
    await webhooks.control("delete_world")


async def reset(webhooks: WebhookApi) -> None:
    """Reset the whole world."""
    await webhooks.control("reset_world")


async def reset_payments(webhooks: WebhookApi) -> None:
    """Reset the payments, and with them their deliveries."""
    await webhooks.control("reset_world", {"only": ["payments"]})


async def reset_webhooks(webhooks: WebhookApi) -> None:
    """Reset the endpoints, and with them their deliveries."""
    await webhooks.control("reset_world", {"only": ["webhooks"]})


async def restore(webhooks: WebhookApi) -> None:
    """Restore the snapshot of an unused world."""
    fresh = await ask(
        webhooks.api, "GET", "/_sandbox/world/snapshot", headers=bearer("sk_test_new")
    )
    await webhooks.control("restore_snapshot", fresh)


each_end = pytest.mark.parametrize(
    "end", [drop, reset, reset_payments, reset_webhooks, restore], ids=lambda end: end.__name__
)


@pytest.fixture
def settings() -> Settings:
    """The settings of a world with a frozen clock and long delays."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000)


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """The event that the receiver's answers wait for."""
    gate = asyncio.Event()
    yield gate
    gate.set()


async def quiet(webhooks: WebhookApi) -> None:
    """Give everything that might still be running a chance."""
    for _ in range(20):
        await ask(webhooks.api, "GET", "/_sandbox/live")


@each_end
async def test_attempts_in_flight_are_cancelled_when_their_world_ends(
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    gate: asyncio.Event,
    end: End,
) -> None:
    """Queued ones are never sent."""
    receiver.usual = Answer(gate=gate)
    await webhooks.create_endpoint(receiver.url)
    for _ in range(12):
        await webhooks.pay()
    await receiver.arrived(1)
    await end(webhooks)
    await quiet(webhooks)
    gate.set()
    await quiet(webhooks)

    assert len(receiver.hits) == 1
    assert len(sandbox.runtime.dispatcher) == 0
    assert await webhooks.deliveries() == []
    assert await webhooks.advance("4d") == []
    assert len(receiver.hits) == 1


@each_end
async def test_a_planned_retry_is_dropped_when_its_world_ends(
    webhooks: WebhookApi, receiver: Receiver, end: End
) -> None:
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await end(webhooks)

    assert (await webhooks.control("retrieve_clock"))["due"] == []
    assert await webhooks.advance("4d") == []
    assert len(receiver.hits) == 1


@each_end
async def test_a_webhook_that_waits_for_a_delayed_reply_is_dropped_when_its_world_ends(
    webhooks: WebhookApi, receiver: Receiver, sandbox: AssembledServer, end: End
) -> None:
    await webhooks.create_endpoint(receiver.url)
    paying = asyncio.create_task(paid(webhooks.api, card_number=SLOW_MS))
    await until(webhooks.api, lambda: len(sandbox.runtime.delayed_replies) == 1)
    await end(webhooks)
    if end is not reset_webhooks or paying.done():
        with pytest.raises(ClientConnectionError):
            await paying
    else:
        await asyncio.gather(paying, return_exceptions=True)
    await quiet(webhooks)

    assert receiver.hits == []


@each_end
async def test_a_reply_that_waits_for_its_webhook_ends_when_its_world_ends(  # noqa: PLR0913 - and what the end is
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    world: World,
    gate: asyncio.Event,
    end: End,
) -> None:
    """The call gets no reply, and the webhook is cancelled."""
    receiver.usual = Answer(gate=gate)
    await webhooks.create_endpoint(receiver.url)
    set_active(world, [rules_of("- {name: first, webhook: '*', do: {before_reply: true}}")])
    paying = asyncio.create_task(paid(webhooks.api))
    await receiver.arrived(1)
    await end(webhooks)
    with pytest.raises(ClientConnectionError):
        await paying
    gate.set()
    await quiet(webhooks)

    assert len(sandbox.runtime.delayed_replies) == 0
    assert await webhooks.deliveries() == []


@each_end
async def test_an_advance_under_way_ends_when_its_world_ends(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event, end: End
) -> None:
    """It does not move the new clock."""
    await webhooks.create_endpoint(receiver.url)
    receiver.script(500)
    receiver.usual = Answer(gate=gate)
    await webhooks.pay()
    await webhooks.pay(card_number=PENDING)
    await webhooks.settle()
    moving = asyncio.create_task(webhooks.control("advance_clock", {"by": "4d"}, status=400))
    await receiver.arrived(2)
    await end(webhooks)
    async with asyncio.timeout(LONGEST_WAIT):
        refused = await moving
    await quiet(webhooks)

    assert refused["error"]["details"] == (
        "/: the world was reset, restored or dropped while its clock advanced;"
        " GET /_sandbox/clock shows its present clock."
    )
    now = (await webhooks.control("retrieve_clock"))["now"]
    assert now <= "2030-01-15T10:30:05Z"
    assert len(receiver.hits) == 2


async def test_a_world_sends_webhooks_immediately_after_a_reset(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    """Reused ids are not mixed up."""
    receiver.script(Answer(gate=gate))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await receiver.arrived(1)
    await webhooks.control("reset_world", {"only": ["payments"]})
    await webhooks.pay(amount=700)
    delivery = await webhooks.only_delivery()

    first, second = receiver.hits
    assert first.event_id == second.event_id
    assert (first.json["data"]["amount"], second.json["data"]["amount"]) == (2500, 700)
    assert (delivery["status"], attempt_errors(delivery)) == ("delivered", [None])


async def test_dropping_a_world_leaves_attempts_of_another_in_flight(
    webhooks: WebhookApi,
    receiver: Receiver,
    api: Api,
    sandbox: AssembledServer,
    gate: asyncio.Event,
) -> None:
    other = WebhookApi(api, webhooks.control, sandbox, key="sk_test_other")
    receiver.usual = Answer(gate=gate)
    for each in (webhooks, other):
        await each.create_endpoint(receiver.url)
        await each.pay()
    await receiver.arrived(2)
    await drop(webhooks)
    gate.set()
    await until(api, lambda: len(sandbox.runtime.dispatcher) == 0)

    assert [each["status"] for each in await other.deliveries()] == ["delivered"]


async def test_deleting_an_endpoint_disables_its_pending_deliveries(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    """An attempt in flight is recorded, and not retried."""
    receiver.usual = Answer(status=500, gate=gate)
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.pay()
    await receiver.arrived(1)
    await webhooks.control("delete_webhook_endpoint", endpoint_id=endpoint_id)
    gate.set()
    await webhooks.advance("4d")
    first, second = await webhooks.deliveries()

    assert (first["status"], attempt_errors(first)) == ("disabled", ["answered 500"])
    assert (second["status"], attempt_errors(second)) == ("disabled", [])
    assert len(receiver.hits) == 1


async def test_disabling_an_endpoint_disables_its_pending_deliveries(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Enabling it again brings none of them back."""
    receiver.script(500)
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.update_endpoint(endpoint_id, enabled=False)
    await webhooks.pay()
    await webhooks.update_endpoint(endpoint_id, enabled=True)
    await webhooks.advance("4d")
    first, second = await webhooks.deliveries()

    assert (first["status"], attempt_errors(first)) == ("disabled", ["answered 500"])
    assert (second["status"], second["attempts"]) == ("disabled", [])
    await webhooks.pay()
    assert [each["status"] for each in await webhooks.settle()] == [
        "disabled",
        "disabled",
        "delivered",
    ]


async def test_a_restored_world_repeats_attempts_in_flight_and_keeps_planned_retries(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    receiver.script(500, Answer(gate=gate))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.pay()
    await receiver.arrived(2)
    kept = await webhooks.control("retrieve_snapshot")
    await webhooks.control("restore_snapshot", kept)
    await receiver.arrived(3)
    await webhooks.advance("5s")
    first, second = await webhooks.deliveries()

    assert attempt_errors(first) == ["answered 500", None]
    assert attempt_errors(second) == [None]
    assert [hit.event_id for hit in receiver.hits] == [
        first["event_id"],
        second["event_id"],
        second["event_id"],
        first["event_id"],
    ]
    assert receiver.hits[1].body == receiver.hits[2].body


async def test_a_dropped_world_has_no_pending_webhooks_and_nothing_planned(
    webhooks: WebhookApi, sandbox: AssembledServer
) -> None:
    """So nothing of it stays in memory."""
    world = sandbox.runtime.worlds.get_or_create(KEY)
    await webhooks.create_endpoint("http://127.0.0.1:9/", retries=["1h"])
    await webhooks.pay()
    await drop(webhooks)

    assert world.pending_webhooks == 0
    assert list(world.timeline.upcoming(9)) == []
