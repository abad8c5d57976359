"""Holds the dispatcher to who is sent next and how many at once, with a sender that waits."""

import asyncio
from collections import Counter

import pytest

from payments_sandbox.payments.events import EventType
from payments_sandbox.server.webhooks import dispatcher as dispatcher_module
from payments_sandbox.server.webhooks.dispatcher import (
    MAX_FOLLOW_UPS,
    MAX_IN_FLIGHT,
    MAX_PER_ENDPOINT,
    SLOW_MS,
    Dispatcher,
)
from payments_sandbox.webhooks.delivery import DeliveryStatus
from payments_sandbox.world.manual_events import trigger
from payments_sandbox.world.world import World
from tests.support.in_process import new_world
from tests.support.sender import HeldSender
from tests.support.wall import Wall


class Office:
    """A dispatcher, its sender, and the worlds it has told of."""

    def __init__(self) -> None:
        self.sender = HeldSender()
        self.told: Counter[World] = Counter()
        self.made = 0
        self.dispatcher = Dispatcher(self._make, Wall(), self._tell)

    def _make(self) -> HeldSender:
        self.made += 1
        return self.sender

    def _tell(self, world: World) -> None:
        self.told[world] += 1

    async def send(self, world: World, count: int = 1) -> None:
        """Let so many events happen, and release them."""
        for _ in range(count):
            trigger(world, EventType.PAYMENT_COMPLETED, None)
        self.dispatcher.release(world)
        await self.sender.turn()


@pytest.fixture
async def office() -> Office:
    """Made inside the loop that it runs on."""
    return Office()


def world_with(*urls: str) -> World:
    """A world with endpoints."""
    world = new_world()
    webhooks = world.open_webhooks()
    for url in urls:
        webhooks.put(webhooks.new_endpoint(url))
    return world


async def test_a_world_without_webhooks(office: Office) -> None:
    """Costs nothing: no sender is made, and nobody is told."""
    world = new_world()
    await office.send(world)
    await office.dispatcher.settle(world)
    office.dispatcher.forget(world)
    await office.dispatcher.close()

    assert (office.made, office.told, world.webhooks) == (0, Counter(), None)
    assert not office.sender.is_closed


async def test_the_sender_is_made_once(office: Office) -> None:
    """When the first webhook leaves, and closed with the dispatcher."""
    world = world_with("http://a/")
    assert office.made == 0
    await office.send(world)
    await office.sender.answer_all()
    await office.send(world)
    await office.sender.answer_all()
    await office.dispatcher.close()

    assert (office.made, office.sender.count, office.told[world]) == (1, 2, 2)
    assert office.sender.is_closed


async def test_one_until_it_answers_then_eight(office: Office) -> None:
    """An endpoint is tried before it is run into."""
    await office.send(world_with("http://a/"), 20)
    assert len(office.sender.posts) == 1
    await office.sender.answer_all()
    assert len(office.sender.posts) == MAX_PER_ENDPOINT
    await office.sender.answer_all()
    assert len(office.sender.posts) == MAX_PER_ENDPOINT
    await office.sender.answer_all()
    assert len(office.sender.posts) == 20 - 1 - 2 * MAX_PER_ENDPOINT


async def test_silence_makes_it_one_again(office: Office) -> None:
    """Those in flight end; then one at a time until it answers."""
    await office.send(world_with("http://a/"), 40)
    await office.sender.answer_all()
    await office.sender.answer_all(None)
    assert len(office.sender.posts) == 1
    await office.sender.answer_all(None)
    assert len(office.sender.posts) == 1
    await office.sender.answer_all(500)
    assert len(office.sender.posts) == MAX_PER_ENDPOINT


async def test_each_endpoint_has_a_lane(office: Office) -> None:
    """One that says nothing holds up no other."""
    world = world_with("http://a/", "http://b/")
    await office.send(world, 3)
    for _ in range(3):
        for post in [post for post in office.sender.posts if post.url == "http://b/"]:
            post.answer()
        await office.sender.turn()

    assert [post.url for post in office.sender.posts] == ["http://a/"]
    assert world.pending_webhooks == 3


async def test_a_room_for_the_slow(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many slow ones there are, the quick ones have room."""
    monkeypatch.setattr(dispatcher_module, "MAX_IN_FLIGHT", 4)
    office = Office()
    slow = [world_with(f"http://slow{n}/") for n in range(8)]
    for world in slow:
        await office.send(world)
        await office.sender.answer_all(duration_ms=SLOW_MS)
    for world in slow:
        await office.send(world, 2)
    assert len(office.sender.posts) == 4
    quick = world_with("http://quick/")
    await office.send(quick)
    assert [post.url for post in office.sender.posts if "quick" in post.url] == ["http://quick/"]
    while office.sender.posts:
        await office.sender.answer_all(duration_ms=SLOW_MS)

    assert office.sender.count == 8 + 16 + 1
    assert all(world.pending_webhooks == 0 for world in [*slow, quick])


async def test_what_ended_while_it_waited_for_room(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is not sent: its endpoint was disabled meanwhile."""
    monkeypatch.setattr(dispatcher_module, "MAX_IN_FLIGHT", 1)
    office = Office()
    first, second = world_with("http://a/"), world_with("http://b/")
    await office.send(first)
    await office.send(second)
    webhooks = second.open_webhooks()
    (endpoint,) = webhooks.outbox.endpoints.values()
    webhooks.remove(endpoint)
    await office.sender.answer_all()

    assert office.sender.count == 1
    assert office.told == {first: 1}
    (delivery,) = webhooks.outbox.oldest_first()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DISABLED, [])


async def test_settle_waits_for_all_of_it(office: Office) -> None:
    """What is due, and what becomes due while it waits."""
    world = world_with("http://a/")
    await office.send(world, 2)
    settling = asyncio.create_task(office.dispatcher.settle(world))
    await office.sender.answer_all()
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    assert not settling.done()
    await office.sender.answer_all()
    assert not settling.done()
    await office.sender.answer_all()

    assert settling.done()
    assert (office.sender.count, len(office.dispatcher)) == (3, 0)


async def test_settle_follows_what_webhooks_lead_to(office: Office) -> None:
    """A receiver that answers by another call, whose webhook it answers so; but not for ever."""
    world = world_with("http://a/")
    await office.send(world)
    settling = asyncio.create_task(office.dispatcher.settle(world))
    for _ in range(MAX_FOLLOW_UPS):
        await office.sender.turn()
        assert not settling.done()
        trigger(world, EventType.PAYMENT_COMPLETED, None)
        await office.sender.answer_all()

    assert settling.done()
    assert world.pending_webhooks == 1
    await office.dispatcher.close()


async def test_settle_waits_for_nobody_who_keeps_sending(office: Office) -> None:
    """The lane never runs dry; what was in it has ended, and so the clock can go on."""
    world = world_with("http://a/", "http://b/")
    await office.send(world, 3)
    settling = asyncio.create_task(office.dispatcher.settle(world))
    turns = 0
    while not settling.done():
        turns += 1
        await office.send(world)
        office.sender.posts[0].answer()
        await office.sender.turn()

    first = [each for each in world.open_webhooks().outbox.oldest_first() if each.number < 6]
    assert [each.status for each in first] == [DeliveryStatus.DELIVERED] * 6
    assert world.pending_webhooks > 0
    assert turns < 200
    await office.dispatcher.close()


async def test_settle_ends_with_its_endpoint(office: Office) -> None:
    """What waited for an endpoint that is removed will not be attempted."""
    world = world_with("http://a/")
    webhooks = world.open_webhooks()
    await office.send(world, 3)
    settling = asyncio.create_task(office.dispatcher.settle(world))
    await office.sender.turn()
    webhooks.outbox.remove(next(iter(webhooks.outbox.endpoints)))
    assert not settling.done()
    await office.sender.answer_all()

    assert settling.done()
    assert office.sender.count == 1


async def test_settle_waits_for_no_other_world(office: Office) -> None:
    """Worlds share nothing."""
    one, other = world_with("http://a/"), world_with("http://b/")
    await office.send(other)
    settling = asyncio.create_task(office.dispatcher.settle(one))
    await office.sender.turn()

    assert settling.done()
    await office.dispatcher.close()


async def test_what_is_held_goes_when_it_is_released(office: Office) -> None:
    """A caller that took it sends it after something else, together with what came meanwhile."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    held = world.open_webhooks().outbox.pop()
    await office.send(world)
    (post,) = office.sender.posts
    assert held[0].message.body != post.body
    office.dispatcher.release(world, held)
    await office.sender.answer_all()

    assert [post.body for post in office.sender.posts] == [held[0].message.body]


@pytest.mark.parametrize("end", ["forget", "close"])
async def test_the_end(office: Office, end: str) -> None:
    """What is in flight is cancelled and leaves no trace; `forget` empties the outbox, too."""
    world = world_with("http://a/")
    await office.send(world, 3)
    if end == "forget":
        office.dispatcher.forget(world)
        await office.sender.turn()
    else:
        await office.dispatcher.close()

    assert (office.sender.posts, len(office.dispatcher), office.told) == ([], 0, Counter())
    assert world.pending_webhooks == (0 if end == "forget" else 3)
    office.dispatcher.release(world)
    await office.sender.turn()
    assert office.sender.count == 1


async def test_an_inbox_is_delivered_to_without_a_sender(office: Office) -> None:
    """Eight at once there, too, and everybody else has a turn between two of them."""
    world = world_with("inbox:orders")
    await office.send(world, 5)
    await office.dispatcher.settle(world)
    inbox = world.open_webhooks().inboxes.get_or_create("orders")

    assert [each.reason for each in inbox.since(0, None)] == [None] * 5
    assert (office.made, world.pending_webhooks) == (0, 0)


def test_both_rooms_together_leave_files_for_clients() -> None:
    """Most systems give a process a thousand."""
    assert 2 * MAX_IN_FLIGHT <= 256


async def test_what_is_sent_first_ends_with_its_world(office: Office) -> None:
    """What comes of it is not for the world that begins anew, and changes nothing of its plans."""
    world = world_with("http://a/")
    trigger(world, EventType.PAYMENT_COMPLETED, None)
    first = world.open_webhooks().outbox.pop()
    sending = asyncio.create_task(office.dispatcher.send_first(world, first))
    await office.sender.turn()
    old, *_ = office.sender.posts
    office.dispatcher.forget(world)
    await office.send(world)
    new = next(post for post in office.sender.posts if post is not old)
    new.answer(500)
    await office.sender.turn()
    planned = world.timeline.next_due
    old.answer()
    await sending

    assert (planned is not None, world.timeline.next_due) == (True, planned)
    assert world.open_webhooks().outbox.attempted == 1
    assert first[0].attempts == []
    await office.dispatcher.close()
