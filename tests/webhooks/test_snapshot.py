"""Tests that webhooks restored from a snapshot continue exactly, or are rejected."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, HOUR, SECOND, Instant
from payments_sandbox.server.webhook_json import (
    attempts_json,
    delivery_json,
    endpoint_json,
    inbox_message_json,
)
from payments_sandbox.webhooks.delivery import AttemptResult, DeliveryAttempt, ReceiverResponse
from payments_sandbox.webhooks.endpoint import Endpoint, TimestampClock
from payments_sandbox.webhooks.inbox import Inboxes, InboxMessage
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing
from payments_sandbox.webhooks.snapshot import take_changes
from payments_sandbox.webhooks.verification import Received
from payments_sandbox.webhooks.world_webhooks import event_message
from payments_sandbox.world.world import World
from tests.support.in_process import (
    NOON,
    FakeDispatcher,
    InProcessApi,
    Wall,
    contract,
    new_world,
    restored_world,
    snapshot,
)
from tests.support.tables import for_each
from tests.support.values import JsonPath, documented_create, with_value

OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def busy(world: World) -> World:
    """Fill a world with deliveries in every state, and received messages."""
    webhooks = world.open_webhooks()
    hmac = Signing(Scheme.HMAC, "X-Signature", "sha256=", Encoding.BASE64)
    first = _endpoint(world, "http://localhost:1/")
    first = webhooks.rotate_secret(first, OTHER, world.clock.now())
    _endpoint(world, "inbox:orders", events=("payment.*",), description="ours")
    _endpoint(world, "http://localhost:2/", signing=hmac, headers=(("X-Tenant", "7"),), timeout=50,
              timestamp=TimestampClock.WORLD)  # fmt: skip
    off = _endpoint(world, "http://localhost:3/", delays=(SECOND, HOUR))
    webhooks.inboxes.get_or_create("orders").script([500, 204, 204, 503])
    webhooks.receive("mine", Received({"x": "1"}, b"\xff{"), now=world.clock.now(), wall=NOON)
    dispatcher = FakeDispatcher(world, 200, 500, None, 429, 302)
    desk = InProcessApi(world)
    for amount in (1, 2, 3):
        desk.ask("create_payment", documented_create(amount=amount))
    dispatcher.deliver()
    webhooks.put(replace(off, enabled=False))
    world.make_event("payout.paid", {"payout_id": "po_1", "deep": [{"é": None}]})
    desk.ask("create_payment", documented_create(card_number="4000009900000012"))
    webhooks.outbox.resend(event_message(world.ledger.any_event(0)), [first])
    for delivery in dispatcher.pop()[:1]:
        dispatcher.attempt(delivery, 500)  # the others are still under way
    return world


def _endpoint(world: World, url: str, **settings: Any) -> Endpoint:  # noqa: ANN401 - JSON
    webhooks = world.open_webhooks()
    endpoint: Endpoint = replace(webhooks.new_endpoint(url), **settings)
    webhooks.put(endpoint)
    return endpoint


def continued(world: World) -> list[Any]:
    """Return what a world does from here on, and all that it shows of it."""
    dispatcher = FakeDispatcher(world, 500, 200, None, 410)
    said: list[Any] = [InProcessApi(world).ask("create_payment", documented_create(amount=77))]
    said.append(dispatcher.advance(Instant(world.clock.now() + 5 * DAY)))
    world.make_event("payout.paid", {"payout_id": "po_2"})
    said.append(dispatcher.deliver())
    return [*said, *shown(world), json.loads(json.dumps(snapshot(world)))]


def shown(world: World) -> Iterator[Any]:
    """Yield endpoints, deliveries, attempts, messages and what is due, as clients see them."""
    webhooks = world.open_webhooks()
    outbox = webhooks.outbox
    yield [endpoint_json(each) for each in outbox.endpoints.values()]
    yield [delivery_json(outbox, each) for each in outbox.newest_first()]
    yield list(attempts_json(outbox, 0, outbox.attempted))
    for name, inbox in webhooks.inboxes.items():
        yield name, inbox.answers, [inbox_message_json(each) for each in inbox.since(0, None)]
    yield world.upcoming(100)


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The snapshot of a busy world, as a client gets it; copy it before changing it."""
    taken: dict[str, Any] = json.loads(json.dumps(snapshot(busy(new_world()))))
    return taken


@pytest.mark.parametrize("frozen_at", [NOON, None])
def test_restored_webhooks_continue_exactly_as_the_original(frozen_at: Instant | None) -> None:
    """Endpoints, retries, inboxes, custom events, and the next snapshot."""
    wall = Wall()
    world = busy(new_world(wall, frozen_at=frozen_at))
    wall.move(HOUR // 2)
    # A delivery under way is attempted again, so it is fresh in both worlds.
    world = restored_world(json.loads(json.dumps(snapshot(world))), wall)
    twin = restored_world(json.loads(json.dumps(snapshot(world))), wall)
    wall.move(HOUR)

    assert snapshot(twin) == snapshot(world)
    assert continued(twin) == continued(world)


def test_a_restored_world_has_the_inbox_messages_and_scripts_of_the_original(
    kept: dict[str, Any],
) -> None:
    world, twin = busy(new_world()), restored_world(kept)
    first, again = world.open_webhooks().inboxes, twin.open_webhooks().inboxes

    def messages(inboxes: Inboxes) -> dict[str, list[InboxMessage]]:
        return {name: list(each.since(0, None)) for name, each in inboxes.items()}

    assert messages(again) == messages(first)
    assert again.get_or_create("orders").answers == first.get_or_create("orders").answers == [503]
    here, there = list(shown(world)), list(shown(twin))
    assert (there[:2], there[3:]) == (here[:2], here[3:])  # what readers of attempts get is new
    assert [message.number for message in messages(again)["mine"]] == [0]


def test_a_restored_attempt_has_its_request_answer_and_retry_after() -> None:
    """Including a body that a fault has changed."""
    world = new_world()
    webhooks = world.open_webhooks()
    endpoint = _endpoint(world, "http://localhost:1/")
    for event, body in (("a.b", None), ("c.d", b"\xff spoilt")):
        world.make_event(event, {})
        [delivery] = webhooks.outbox.pop()
        request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
        sent = request if body is None else request._replace(body=body, is_stale=True)
        response = ReceiverResponse(503, {"X-A": "b"}, "later", "60")
        result = AttemptResult({"Host": "localhost"}, response, "answered 503", 1.5)
        webhooks.outbox.record(delivery, DeliveryAttempt(sent, result), NOON)
    back = restored_world(json.loads(json.dumps(snapshot(world)))).open_webhooks().outbox

    assert [each.attempts for each in back.oldest_first()] == [
        each.attempts for each in webhooks.outbox.oldest_first()
    ]


def test_restored_endpoints_deliveries_and_attempts_match_their_schemas(
    kept: dict[str, Any],
) -> None:
    world = restored_world(kept)
    attempted = FakeDispatcher(world).deliver()
    endpoints, deliveries, attempts, *_ = shown(world)
    assert len(attempts) == attempted > 0
    assert (len(endpoints), len(deliveries)) == (4, 16)
    for kind, bodies in (("webhook_endpoint", endpoints), ("delivery", deliveries + attempts)):
        schema = f"control/objects/{kind}"
        for body in bodies:
            assert contract().accepts(schema, body), contract().explain(schema, body)


def test_taking_a_snapshot_does_not_change_the_webhooks() -> None:
    world, other = busy(new_world()), busy(new_world())
    snapshot(world)

    assert continued(world) == continued(other)


def test_a_delivery_in_flight_at_the_snapshot_is_attempted_again(kept: dict[str, Any]) -> None:
    """Nothing is lost when a server is stopped."""
    outbox = restored_world(kept).open_webhooks().outbox
    pending = [each.number for each in outbox.oldest_first() if each.is_pending]
    planned = [each.number for each in outbox.oldest_first() if each.next_at is not None]

    assert [each.number for each in outbox.pop()] == sorted(set(pending) - set(planned))
    assert planned
    assert len(pending) > len(planned)


def test_restoring_a_world_makes_no_new_deliveries(kept: dict[str, Any]) -> None:
    """The next event makes its own."""
    world = restored_world(kept)
    outbox = world.open_webhooks().outbox
    assert outbox.count == kept["webhooks"]["count"]
    InProcessApi(world).ask("create_payment", documented_create())
    assert outbox.count == kept["webhooks"]["count"] + 4


def test_a_world_without_webhooks_is_restored_without_webhooks() -> None:
    taken = snapshot(new_world())
    assert taken["webhooks"] is None
    assert restored_world(taken).webhooks is None


def test_a_taken_snapshot_of_webhooks_does_not_change_with_its_world() -> None:
    """It is sealed while its world goes on."""
    world = busy(new_world())
    taken = snapshot(world)
    before = json.dumps(taken)
    continued(world)

    assert json.dumps(taken) == before


@for_each(
    ("path", "value"),
    [
        (("deliveries", 0, 4), "lost"),
        (("endpoints", 0, 8, 0), "rot13"),
        (("inboxes",), 5),
        (("deliveries", 0), []),
    ],
)
def test_an_invalid_part_in_the_webhooks_of_a_snapshot_is_rejected(
    kept: dict[str, Any], path: JsonPath, value: object
) -> None:
    """Even if the snapshot is sealed; the error names the part."""
    with pytest.raises(InvalidRequest) as caught:
        restored_world(with_value(kept, ("webhooks", *path), value))

    assert caught.value.details == (
        "/webhooks: expected this part as GET world/snapshot returned it."
    )


def test_a_snapshot_without_the_webhooks_part_is_rejected_with_its_name(
    kept: dict[str, Any],
) -> None:
    before = {name: part for name, part in kept.items() if name != "webhooks"}
    with pytest.raises(InvalidRequest) as caught:
        restored_world(before)
    assert caught.value.details is not None
    assert "'webhooks' is missing" in caught.value.details


def test_each_change_to_the_webhooks_is_reported_once() -> None:
    """A new inbox, an endpoint, a new delivery, and one that ends unsent."""
    world = new_world()
    webhooks = world.open_webhooks()
    assert take_changes(webhooks) is None
    assert take_changes(webhooks) == {}

    def told() -> dict[str, Any]:
        found = take_changes(webhooks)
        assert found is not None
        assert take_changes(webhooks) == {}
        del found["counts"]
        return {name: value for name, value in found.items() if value}

    webhooks.inboxes.get_or_create("orders")
    assert told() == {"inboxes": [["orders", 0, [], []]]}
    endpoint = _endpoint(world, "http://localhost:1/")
    assert told().keys() == {"endpoints"}
    world.make_event("payout.paid", {"payout_id": "po_1"})
    [[number, *_]] = told()["deliveries"]
    webhooks.put(replace(endpoint, enabled=False))
    found = told()
    assert found["ended"] == [number] == [0]
    assert found["deliveries"][0].count("disabled") == 1
