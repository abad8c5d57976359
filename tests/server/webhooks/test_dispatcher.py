"""Holds the dispatcher to who is sent next and how many at once, with a sender that waits."""

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
    """A dispatcher, its sender, and in which worlds attempts have ended."""

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
        """Let so many events happen, and release them; their ids."""
        events = [trigger(world, EventType.PAYMENT_COMPLETED, None) for _ in range(count)]
        self.dispatcher.release(world)
        await self.sender.turn()
        return [event.id for event in events]


@pytest.fixture
async def setup() -> DispatcherFixture:
    """Made inside the loop that it runs on."""
    return DispatcherFixture()


def world_with(*urls: str) -> World:
    """A world with endpoints."""
    world = new_world()
    webhooks = world.open_webhooks()
    for url in urls:
        webhooks.put(webhooks.new_endpoint(url))
    return world


async def test_a_world_without_webhooks_needs_no_sender(setup: DispatcherFixture) -> None:
    """Costs nothing: no sender is made, and nothing is attempted."""
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
    """When the first webhook leaves, and closed with the dispatcher."""
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
    """An endpoint is tried before it is run into."""
    await setup.send(world_with("http://a/"), 20)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT
    await setup.sender.answer_all()
    assert len(setup.sender.posts) == 20 - 1 - 2 * MAX_PER_ENDPOINT


async def test_webhooks_of_one_endpoint_leave_in_the_order_of_their_events(
    setup: DispatcherFixture,
) -> None:
    """In which they arrive is up to the network: eight are on their way at once."""
    events = await setup.send(world_with("http://a/"), 30)
    left = []
    while posts := list(setup.sender.posts):
        left += [json.loads(post.body)["id"] for post in posts]
        await setup.sender.answer_all()

    assert left == events


async def test_an_endpoint_that_falls_silent_gets_one_attempt_at_a_time_again(
    setup: DispatcherFixture,
) -> None:
    """Those in flight end; then one at a time until it answers."""
    await setup.send(world_with("http://a/"), 40)
    await setup.sender.answer_all()
    await setup.sender.answer_all(None)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all(None)
    assert len(setup.sender.posts) == 1
    await setup.sender.answer_all(500)
    assert len(setup.sender.posts) == MAX_PER_ENDPOINT


async def test_a_silent_endpoint_holds_up_no_other(setup: DispatcherFixture) -> None:
    """One that says nothing holds up no other."""
    world = world_with("http://a/", "http://b/")
    await setup.send(world, 3)
    for _ in range(3):
        for post in [post for post in setup.sender.posts if post.url == "http://b/"]:
            post.answer()
        await setup.sender.turn()

    assert [post.url for post in setup.sender.posts] == ["http://a/"]
    assert world.pending_webhooks == 3


async def test_slow_endpoints_leave_room_for_quick_ones(
    setup: DispatcherFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many slow ones there are, the quick ones have room."""
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


async def test_a_delivery_that_ended_while_it_waited_is_not_sent(
    setup: DispatcherFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is not sent: its endpoint was disabled meanwhile."""
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


async def test_settle_waits_for_all_that_is_due_and_returns_its_attempts(
    setup: DispatcherFixture,
) -> None:
    """What is due, and what becomes due while it waits."""
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


async def test_settle_follows_what_webhooks_lead_to(setup: DispatcherFixture) -> None:
    """A receiver that answers by another call, whose webhook it answers so; but not for ever."""
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


async def test_settle_waits_for_nobody_who_keeps_sending(setup: DispatcherFixture) -> None:
    """The queue never runs dry; what was in it has ended, and so the clock can go on."""
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


async def test_settle_does_not_wait_for_an_endpoint_that_was_removed(
    setup: DispatcherFixture,
) -> None:
    """What waited for an endpoint that is removed will not be attempted."""
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


async def test_settle_waits_for_no_other_world(setup: DispatcherFixture) -> None:
    """Worlds share nothing."""
    one, other = world_with("http://a/"), world_with("http://b/")
    await setup.send(other)
    settling = asyncio.create_task(setup.dispatcher.settle(one))
    await setup.sender.turn()

    assert settling.done()
    await setup.dispatcher.close()


async def test_closing_lets_go_whoever_waits_for_webhooks(setup: DispatcherFixture) -> None:
    world = world_with("http://a/")
    await setup.send(world)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    assert not settling.done()
    await setup.dispatcher.close()

    assert await settling == []


async def test_closing_lets_go_whoever_waits_for_webhooks_that_no_worker_has_begun(
    setup: DispatcherFixture,
) -> None:
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await asyncio.sleep(0)  # noqa: TID251 - no time: settling has begun, and its worker has not
    await setup.dispatcher.close()

    assert await settling == []


async def test_what_a_caller_popped_goes_when_it_is_released(setup: DispatcherFixture) -> None:
    """A caller that took it sends it after something else, together with what came meanwhile."""
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
async def test_forgetting_a_world_or_closing_cancels_what_is_in_flight(
    setup: DispatcherFixture, end: str
) -> None:
    """What is in flight is cancelled and leaves no trace; `forget` empties the outbox, too."""
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


async def test_an_inbox_is_delivered_to_without_a_sender(setup: DispatcherFixture) -> None:
    """Eight at once there, too, and everybody else has a turn between two of them."""
    world = world_with("inbox:orders")
    await setup.send(world, 5)
    await setup.dispatcher.settle(world)
    inbox = world.open_webhooks().inboxes.get_or_create("orders")

    assert [each.reason for each in inbox.since(0, None)] == [None] * 5
    assert (setup.made, world.pending_webhooks) == (0, 0)


def test_all_attempts_in_flight_leave_files_for_clients() -> None:
    """Most systems give a process a thousand."""
    assert 2 * MAX_IN_FLIGHT <= 256


async def test_what_is_sent_first_changes_nothing_once_its_world_is_forgotten(
    setup: DispatcherFixture,
) -> None:
    """What comes of it is not for the world that begins anew, and changes nothing of its plans."""
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


async def test_a_dispatcher_that_closes_lets_attempts_in_flight_end_and_begins_none(
    setup: DispatcherFixture,
) -> None:
    """What has arrived is not sent again by whoever takes over; the rest stays pending."""
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


async def test_an_attempt_that_does_not_end_in_time_is_cancelled_and_stays_pending(
    setup: DispatcherFixture,
) -> None:
    """The stop of a server waits for nobody for long."""
    world = world_with("http://a/", "http://b/")
    await setup.send(world)
    await setup.dispatcher.close(grace=0)

    assert (setup.sender.count, world.pending_webhooks) == (2, 2)
    [first, second] = world.open_webhooks().outbox.oldest_first()
    assert (first.attempts, second.attempts) == ([], [])


async def test_an_attempt_that_waits_for_its_turn_is_not_begun_by_a_dispatcher_that_closes(
    setup: DispatcherFixture,
) -> None:
    """All turns are taken by endpoints that do not answer."""
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


async def test_two_who_settle_are_told_of_the_attempts_of_their_own_world(
    setup: DispatcherFixture,
) -> None:
    """Receivers that can answer are waited for, whatever port another caller keeps busy."""
    worlds = [world_with("http://127.0.0.1:8/"), world_with("http://127.0.0.1:9/")]
    for world in worlds:
        trigger(world, EventType.PAYMENT_COMPLETED, None)
    both = asyncio.gather(*(setup.dispatcher.settle(world, blocked={7}) for world in worlds))
    await setup.sender.turn()
    await setup.sender.answer_all()

    for world, made in zip(worlds, await both, strict=True):
        [delivery] = world.open_webhooks().outbox.newest_first()
        assert [(each.delivery, each.attempt) for each in made] == [(delivery, *delivery.attempts)]


async def test_who_settles_is_not_kept_by_a_dispatcher_that_closes(
    setup: DispatcherFixture,
) -> None:
    """What has not ended is no attempt."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    await setup.dispatcher.close(grace=0)

    assert await settling == []


async def test_a_receiver_that_its_caller_keeps_from_answering_is_not_waited_for(
    setup: DispatcherFixture,
) -> None:
    """Neither would ever go on."""
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
    ids=["silent", "reset", "answered", "nobody waits"],
)
async def test_an_attempt_that_times_out_says_who_may_have_kept_it_waiting(
    setup: DispatcherFixture,
    status: int | None,
    duration_ms: float,
    *,
    is_asked_meanwhile: bool,
    is_told: bool,
) -> None:
    """A request to move the clock that came while the receiver handled it, perhaps from there."""
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


async def test_who_moves_a_clock_and_sets_off_a_webhook_is_not_blamed(
    setup: DispatcherFixture,
) -> None:
    """It was there first."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    settling = asyncio.create_task(setup.dispatcher.settle(world))
    await setup.sender.turn()
    await setup.sender.answer_all(None, duration_ms=10_000)
    (made,) = await settling

    assert "move the clock" not in str(made.attempt.result.error)


async def test_a_world_that_was_forgotten_is_not_kept(setup: DispatcherFixture) -> None:
    """Whoever has popped its deliveries may release them after its end."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    popped = world.open_webhooks().outbox.pop()
    setup.dispatcher.forget(world)
    setup.dispatcher.release(world, popped)

    assert setup.dispatcher._queues == {}  # noqa: SLF001 - nothing else shows what is kept


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "not kept"])
async def test_an_attempt_begins_when_what_is_asked_before_it_says_so(
    setup: DispatcherFixture, *, is_kept: bool
) -> None:
    """Else the delivery is as it was: whoever has the world by now goes on with it."""

    async def before_attempt(_: World) -> bool:
        return is_kept

    setup.dispatcher.before_attempt = before_attempt
    world = world_with("http://a.test/")
    await setup.send(world)
    await setup.sender.answer_all()

    [delivery] = world.open_webhooks().outbox.oldest_first()
    assert (setup.sender.count, delivery.is_pending) == ((1, False) if is_kept else (0, True))
    await setup.dispatcher.close()
