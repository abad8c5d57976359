"""Tests the dispatcher with a fake sender: who is sent next, and how many at once."""

import asyncio
import json
from collections import Counter

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.payments.events import EventType
from payments_sandbox.server.metrics import Metrics
from payments_sandbox.server.webhooks import dispatcher as dispatcher_module
from payments_sandbox.server.webhooks.dispatcher import (
    MAX_FOLLOW_UPS,
    MAX_IN_FLIGHT,
    MAX_PER_ENDPOINT,
    Dispatcher,
)
from payments_sandbox.server.webhooks.endpoint_queue import SLOW_MS
from payments_sandbox.webhooks.delivery import DeliveryStatus
from payments_sandbox.world.manual_events import trigger
from payments_sandbox.world.world import World
from tests.support.in_process import FakeSender, Wall, new_world


class DispatcherFixture:
    """A dispatcher, its sender, and the worlds in which attempts have ended."""

    def __init__(self) -> None:
        self.sender = FakeSender()
        self.attempted: Counter[World] = Counter()
        self.made = 0
        self.dispatcher = Dispatcher(self._make, Wall(), self._count, Metrics())

    def _make(self) -> FakeSender:
        self.made += 1
        return self.sender

    def _count(self, world: World) -> None:
        self.attempted[world] += 1

    async def send(self, world: World, count: int = 1) -> list[str]:
        """Make `count` events happen, and release them; return their ids."""
        events = [trigger(world, EventType.PAYMENT_COMPLETED, None) for _ in range(count)]
        self.dispatcher.release(world)
        await self.sender.turn()
        return [event.id for event in events]


@pytest.fixture
async def setup() -> DispatcherFixture:
    """A dispatcher made inside the loop that it runs on."""
    return DispatcherFixture()


def world_with(*urls: str) -> World:
    """Return a world with these endpoints."""
    world = new_world()
    webhooks = world.open_webhooks()
    for url in urls:
        webhooks.put(webhooks.new_endpoint(url))
    return world


async def test_a_world_without_webhooks_makes_no_sender_and_no_attempt(
    setup: DispatcherFixture,
) -> None:
    world = new_world()
    await setup.send(world)
    await setup.dispatcher.settle(world)
    setup.dispatcher.forget(world)
    await setup.dispatcher.close()

    assert (setup.made, setup.attempted, world.webhooks) == (0, Counter(), None)
    assert not setup.sender.is_closed


async def test_the_sender_is_made_for_the_first_webhook_and_closed_with_the_dispatcher(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    assert setup.made == 0
    await setup.send(world)
    await setup.sender.answer_all()
    await setup.send(world)
    await setup.sender.answer_all()
    await setup.dispatcher.close()

    assert (setup.made, setup.sender.count, setup.attempted[world]) == (1, 2, 2)
    assert setup.sender.is_closed


async def test_an_endpoint_gets_one_attempt_until_it_answers_then_eight_at_once(
    setup: DispatcherFixture,
) -> None:
    """A new endpoint is not flooded."""
    await setup.send(world_with("http://a/"), 20)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == 20 - 1 - 2 * MAX_PER_ENDPOINT


async def test_webhooks_of_one_endpoint_are_sent_in_the_order_of_their_events(
    setup: DispatcherFixture,
) -> None:
    """They may arrive in another order: eight are in flight at once."""
    events = await setup.send(world_with("http://a/"), 30)
    left = []
    while posts := list(setup.sender.posts):
        left += [json.loads(post.body)["id"] for post in posts]
        await setup.sender.answer_all()

    assert left == events


async def test_an_endpoint_that_stops_answering_gets_one_attempt_at_a_time_again(
    setup: DispatcherFixture,
) -> None:
    """Until it answers."""
    await setup.send(world_with("http://a/"), 40)
    await setup.sender.answer_all()
    await setup.sender.answer_all(None)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all(None)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all(500)
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT


async def test_a_silent_endpoint_does_not_delay_another_endpoint(setup: DispatcherFixture) -> None:
    world = world_with("http://a/", "http://b/")
    await setup.send(world, 3)
    for _ in range(3):
        for post in [post for post in setup.sender.posts if post.url == "http://b/"]:
            post.answer()
        await setup.sender.turn()

    assert [post.url for post in setup.sender.posts] == ["http://a/"]
    assert world.pending_webhooks == 3


async def test_slow_endpoints_leave_capacity_for_quick_ones(
    setup: DispatcherFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many slow ones there are."""
    monkeypatch.setattr(dispatcher_module, "MAX_IN_FLIGHT", 4)
    setup = DispatcherFixture()
    slow = [world_with(f"http://slow{n}/") for n in range(8)]
    for world in slow:
        await setup.send(world)
        await setup.sender.answer_all(duration_ms=SLOW_MS)
    for world in slow:
        await setup.send(world, 2)
    assert len(setup.sender.posts) == 4
    quick = world_with("http://quick/")
    await setup.send(quick)
    assert [post.url for post in setup.sender.posts if "quick" in post.url] == ["http://quick/"]
    while setup.sender.posts:
        await setup.sender.answer_all(duration_ms=SLOW_MS)

    assert setup.sender.count == 8 + 16 + 1
    assert all(world.pending_webhooks == 0 for world in [*slow, quick])


async def test_a_queued_delivery_of_a_removed_endpoint_is_not_sent(
    setup: DispatcherFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "MAX_IN_FLIGHT", 1)
    setup = DispatcherFixture()
    first, second = world_with("http://a/"), world_with("http://b/")
    await setup.send(first)
    await setup.send(second)
    webhooks = second.open_webhooks()
    (endpoint,) = webhooks.outbox.endpoints.values()
    webhooks.outbox.remove(endpoint.id)
    await setup.sender.answer_all()

    assert setup.sender.count == 1
    assert setup.attempted == {first: 1}
    (delivery,) = webhooks.outbox.oldest_first()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DISABLED, [])


async def test_settle_waits_for_everything_due_and_returns_the_attempts(
    setup: DispatcherFixture,
) -> None:
    """Including what becomes due while it waits."""
    world = world_with("http://a/")
    await setup.send(world, 2)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.answer_all()
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    assert not settling.done()
    await setup.sender.answer_all()
    assert not settling.done()
    await setup.sender.answer_all()

    made = await settling
    assert [each.delivery.number for each in made] == [0, 1, 2]
    assert [each.attempt.result.error for each in made] == [None] * 3
    assert (setup.sender.count, len(setup.dispatcher)) == (3, 0)


async def test_settle_follows_webhooks_that_lead_to_webhooks_up_to_a_limit(
    setup: DispatcherFixture,
) -> None:
    """A receiver may answer a webhook by another call."""
    world = world_with("http://a/")
    await setup.send(world)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    for _ in range(MAX_FOLLOW_UPS):
        await setup.sender.turn()
        assert not settling.done()
        trigger(world, EventType.PAYMENT_COMPLETED, None)
        await setup.sender.answer_all()

    assert settling.done()
    assert world.pending_webhooks == 1
    await setup.dispatcher.close()


async def test_settle_returns_although_new_webhooks_keep_coming(setup: DispatcherFixture) -> None:
    """Once everything that was in the queue has ended."""
    world = world_with("http://a/", "http://b/")
    await setup.send(world, 3)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    turns = 0
    while not settling.done():
        turns += 1
        await setup.send(world)
        setup.sender.posts[0].answer()
        await setup.sender.turn()

    first = [each for each in world.open_webhooks().outbox.oldest_first() if each.number < 6]
    assert [each.status for each in first] == [DeliveryStatus.DELIVERED] * 6
    assert world.pending_webhooks > 0
    assert turns < 200
    await setup.dispatcher.close()


async def test_settle_does_not_wait_for_deliveries_of_a_removed_endpoint(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    webhooks = world.open_webhooks()
    await setup.send(world, 3)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    webhooks.outbox.remove(next(iter(webhooks.outbox.endpoints)))
    assert not settling.done()
    await setup.sender.answer_all()

    assert settling.done()
    assert setup.sender.count == 1


async def test_settle_does_not_wait_for_webhooks_of_another_world(setup: DispatcherFixture) -> None:
    one, other = world_with("http://a/"), world_with("http://b/")
    await setup.send(other)
    settling = asyncio.create_task(setup.dispatcher.settle(one))
    await setup.sender.turn()

    assert settling.done()
    await setup.dispatcher.close()


async def test_closing_the_dispatcher_ends_a_settle_with_an_attempt_in_flight(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    await setup.send(world)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    assert not settling.done()
    await setup.dispatcher.close()

    assert await settling == []


async def test_closing_the_dispatcher_ends_a_settle_before_its_first_attempt(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await asyncio.sleep(0)  # noqa: TID251 - no time: settling has begun, and its worker has not
    await setup.dispatcher.close()

    assert await settling == []


async def test_deliveries_popped_by_a_caller_are_sent_when_it_releases_them(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    held = world.open_webhooks().outbox.pop()
    await setup.send(world)
    (post,) = setup.sender.posts
    assert held[0].message.body != post.body
    setup.dispatcher.release(world, held)
    await setup.sender.answer_all()

    assert [post.body for post in setup.sender.posts] == [held[0].message.body]


@pytest.mark.parametrize("end", ["forget", "close"])
async def test_forgetting_a_world_or_closing_cancels_attempts_in_flight(
    setup: DispatcherFixture, end: str
) -> None:
    """Forgetting also empties the outbox."""
    world = world_with("http://a/")
    await setup.send(world, 3)
    if end == "forget":
        setup.dispatcher.forget(world)
        await setup.sender.turn()
    else:
        await setup.dispatcher.close()

    assert (setup.sender.posts, len(setup.dispatcher), setup.attempted) == ([], 0, Counter())
    assert world.pending_webhooks == (0 if end == "forget" else 3)
    setup.dispatcher.release(world)
    await setup.sender.turn()
    assert setup.sender.count == 1


async def test_deliveries_to_an_inbox_need_no_sender(setup: DispatcherFixture) -> None:
    world = world_with("inbox:orders")
    await setup.send(world, 5)
    await setup.dispatcher.settle(world)
    inbox = world.open_webhooks().inboxes.get_or_create("orders")

    assert [each.reason for each in inbox.since(0, None)] == [None] * 5
    assert (setup.made, world.pending_webhooks) == (0, 0)


def test_the_limit_of_attempts_in_flight_leaves_file_descriptors_for_clients() -> None:
    """Most systems allow a process a thousand."""
    assert 2 * MAX_IN_FLIGHT <= 256


async def test_an_attempt_sent_first_has_no_effect_after_its_world_was_forgotten(
    setup: DispatcherFixture,
) -> None:
    """Not even on the deliveries of the world that starts again."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    first = world.open_webhooks().outbox.pop()
    sending = asyncio.create_task(setup.dispatcher.send_first(world, first))
    await setup.sender.turn()
    old, *_ = setup.sender.posts
    setup.dispatcher.forget(world)
    await setup.send(world)
    new = next(post for post in setup.sender.posts if post is not old)
    new.answer(500)
    await setup.sender.turn()
    planned = world.timeline.next_due
    old.answer()
    await sending

    assert (planned is not None, world.timeline.next_due) == (True, planned)
    assert world.open_webhooks().outbox.attempted == 1
    assert first[0].attempts == []
    await setup.dispatcher.close()


async def test_a_closing_dispatcher_finishes_attempts_in_flight_and_starts_none(
    setup: DispatcherFixture,
) -> None:
    """Unsent deliveries stay pending for the process that takes over."""
    world = world_with("http://a/")
    await setup.send(world)
    await setup.sender.answer_all()
    await setup.send(world, MAX_PER_ENDPOINT + 3)
    closing = asyncio.create_task(setup.dispatcher.close(grace=3_600))
    await setup.sender.turn()
    assert not closing.done()
    await setup.send(world)
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT
    await setup.sender.answer_all()
    await closing

    assert setup.sender.is_closed
    assert (setup.sender.count, setup.attempted[world]) == (1 + MAX_PER_ENDPOINT,) * 2
    assert world.pending_webhooks == 4


async def test_an_attempt_that_exceeds_the_grace_of_closing_is_cancelled_and_stays_pending(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/", "http://b/")
    await setup.send(world)
    await setup.dispatcher.close(grace=0)

    assert (setup.sender.count, world.pending_webhooks) == (2, 2)
    [first, second] = world.open_webhooks().outbox.oldest_first()
    assert (first.attempts, second.attempts) == ([], [])


async def test_an_attempt_that_waits_for_capacity_is_not_started_by_a_closing_dispatcher(
    setup: DispatcherFixture,
) -> None:
    worlds = [world_with(f"http://{n}/") for n in range(MAX_IN_FLIGHT + 1)]
    for world in worlds:
        await setup.send(world)
    assert setup.sender.count == MAX_IN_FLIGHT
    closing = asyncio.create_task(setup.dispatcher.close(grace=3_600))
    await setup.sender.turn()
    await setup.sender.answer_all()
    await closing

    assert setup.sender.count == MAX_IN_FLIGHT
    assert [world.pending_webhooks for world in worlds].count(1) == 1


async def test_concurrent_settles_return_only_the_attempts_of_their_own_world(
    setup: DispatcherFixture,
) -> None:
    """Whatever ports other callers block."""
    worlds = [world_with("http://127.0.0.1:8/"), world_with("http://127.0.0.1:9/")]
    for world in worlds:
        trigger(world, EventType.PAYMENT_COMPLETED, None)
    both = asyncio.gather(*(setup.dispatcher.settle(world, blocked={7}) for world in worlds))
    await setup.sender.turn()
    await setup.sender.answer_all()

    for world, made in zip(worlds, await both, strict=True):
        [delivery] = world.open_webhooks().outbox.newest_first()
        assert [(each.delivery, each.attempt) for each in made] == [(delivery, *delivery.attempts)]


async def test_a_settle_returns_no_unfinished_attempt_when_the_dispatcher_closes(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    await setup.dispatcher.close(grace=0)

    assert await settling == []


async def test_settle_rejects_waiting_for_a_receiver_that_its_caller_blocks(
    setup: DispatcherFixture,
) -> None:
    """Otherwise both would wait for ever."""
    world = world_with("http://127.0.0.1:8/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    with pytest.raises(InvalidRequest, match=r"waits for http://127\.0\.0\.1:8/ to answer"):
        await setup.dispatcher.settle(world, blocked={8})
    await setup.dispatcher.close(grace=0)


@pytest.mark.parametrize(
    ("is_asked_meanwhile", "status", "duration_ms", "is_told"),
    [
        (True, None, 10_000, True),
        (True, None, 9_999, False),
        (True, 200, 9_999, False),
        (False, None, 10_000, False),
    ],
    ids=["silent", "reset", "answered", "no caller waits"],
)
async def test_a_timed_out_attempt_mentions_a_clock_move_that_came_meanwhile(
    setup: DispatcherFixture,
    status: int | None,
    duration_ms: float,
    *,
    is_asked_meanwhile: bool,
    is_told: bool,
) -> None:
    """The receiver may have made it while it handled the webhook."""
    world, other = world_with("http://a/"), world_with("http://b/")
    await setup.send(world)
    asking = world if is_asked_meanwhile else other
    settling = asyncio.create_task(setup.dispatcher.settle(asking))
    await setup.sender.turn()
    await setup.sender.answer_all(status, duration_ms=duration_ms)
    setup.dispatcher.forget(other)
    await settling
    delivery = world.open_webhooks().outbox.get(0)
    assert delivery is not None
    (attempt,) = delivery.attempts

    assert ("makes one while it handles" in str(attempt.result.error)) == is_told


async def test_a_timed_out_attempt_does_not_mention_the_clock_move_that_caused_it(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    await setup.sender.answer_all(None, duration_ms=10_000)
    (made,) = await settling

    assert "move the clock" not in str(made.attempt.result.error)


async def test_releasing_deliveries_of_a_forgotten_world_keeps_no_queue(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    popped = world.open_webhooks().outbox.pop()
    setup.dispatcher.forget(world)
    setup.dispatcher.release(world, popped)

    assert setup.dispatcher._queues == {}  # noqa: SLF001 - nothing else shows what is kept


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "not kept"])
async def test_an_attempt_starts_only_if_before_attempt_permits_it(
    setup: DispatcherFixture, *, is_kept: bool
) -> None:
    """Otherwise the delivery stays pending."""

    async def before_attempt(_: World) -> bool:
        return is_kept

    setup.dispatcher.before_attempt = before_attempt
    world = world_with("http://a.test/")
    await setup.send(world)
    await setup.sender.answer_all()

    [delivery] = world.open_webhooks().outbox.oldest_first()
    assert (setup.sender.count, delivery.is_pending) == ((1, False) if is_kept else (0, True))
    await setup.dispatcher.close()
