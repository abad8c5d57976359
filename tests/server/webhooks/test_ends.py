"""What ends a delivery from outside: nothing of a world that is gone fires into the next test."""

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
    """DELETE world."""
    await webhooks.control("delete_world")


async def reset(webhooks: WebhookApi) -> None:
    """Everything."""
    await webhooks.control("reset_world")


async def reset_payments(webhooks: WebhookApi) -> None:
    """The payments, and with them what tells of them."""
    await webhooks.control("reset_world", {"only": ["payments"]})


async def reset_webhooks(webhooks: WebhookApi) -> None:
    """The endpoints, and with them what goes there."""
    await webhooks.control("reset_world", {"only": ["webhooks"]})


async def restore(webhooks: WebhookApi) -> None:
    """A snapshot of a world that has done nothing takes the world's place."""
    fresh = await ask(
        webhooks.api, "GET", "/_sandbox/world/snapshot", headers=bearer("sk_test_new")
    )
    await webhooks.control("restore_snapshot", fresh)


each_end = pytest.mark.parametrize(
    "end", [drop, reset, reset_payments, reset_webhooks, restore], ids=lambda end: end.__name__
)


@pytest.fixture
def settings() -> Settings:
    """A clock that stands still, and replies that can be held for long."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000)


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """What the receiver's answers wait for."""
    gate = asyncio.Event()
    yield gate
    gate.set()


async def quiet(webhooks: WebhookApi) -> None:
    """Give whatever might still be under way its chance."""
    for _ in range(20):
        await ask(webhooks.api, "GET", "/_sandbox/live")


@each_end
async def test_what_is_in_flight_ends_with_its_world(
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    gate: asyncio.Event,
    end: End,
) -> None:
    """Requests are cancelled, those that waited for their turn are never sent."""
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
async def test_a_planned_retry_ends_with_its_world(
    webhooks: WebhookApi, receiver: Receiver, end: End
) -> None:
    """The timeline forgets it."""
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await end(webhooks)

    assert (await webhooks.control("retrieve_clock"))["due"] == []
    assert await webhooks.advance("4d") == []
    assert len(receiver.hits) == 1


@each_end
async def test_a_webhook_that_waits_for_a_reply_ends_with_its_world(
    webhooks: WebhookApi, receiver: Receiver, sandbox: AssembledServer, end: End
) -> None:
    """A webhook that was to follow a held reply does not come after the end."""
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
async def test_a_reply_that_waits_for_its_webhook_ends_with_its_world(  # noqa: PLR0913 - and what the end is
    webhooks: WebhookApi,
    receiver: Receiver,
    sandbox: AssembledServer,
    world: World,
    gate: asyncio.Event,
    end: End,
) -> None:
    """The call ends without a reply, the webhook is cancelled, and neither leaves a trace."""
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
async def test_a_clock_that_is_moved_stops_with_its_world(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event, end: End
) -> None:
    """An `advance` that is under way ends, too: it moves no clock that begins anew."""
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


async def test_the_next_world_sends_at_once(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    """After a reset, the same ids are used for new deliveries, and nothing is mixed up."""
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


async def test_the_end_of_a_world_does_not_touch_another(
    webhooks: WebhookApi,
    receiver: Receiver,
    api: Api,
    sandbox: AssembledServer,
    gate: asyncio.Event,
) -> None:
    """Dropping one world leaves what another has in flight."""
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


async def test_deleting_an_endpoint_ends_its_deliveries(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    """Its pending deliveries end; what is in flight is kept as it ends, and not tried again."""
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


async def test_disabling_an_endpoint_ends_its_deliveries(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Pending deliveries end, later events are logged, and enabling it brings none of them back."""
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


async def test_a_restored_world_attempts_again_what_was_in_flight(
    webhooks: WebhookApi, receiver: Receiver, gate: asyncio.Event
) -> None:
    """What was in flight is attempted again, what waits for its retry comes when it is due."""
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


async def test_the_home_world_of_the_key_is_kept_apart(
    webhooks: WebhookApi, sandbox: AssembledServer
) -> None:
    """A dropped world's queue holds nothing back in memory."""
    world = sandbox.runtime.worlds.get_or_create(KEY)
    await webhooks.create_endpoint("http://127.0.0.1:9/", retries=["1h"])
    await webhooks.pay()
    await drop(webhooks)

    assert world.pending_webhooks == 0
    assert list(world.timeline.upcoming(9)) == []
