"""Holds a world's webhooks to who is told what, and with which endpoints a world begins."""

from dataclasses import replace

import orjson
import pytest

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import NotFound
from payments_sandbox.core.instants import DAY, SECOND, Instant
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.webhooks.delivery import DeliveryStatus, WebhookRequest
from payments_sandbox.webhooks.signing import Scheme, Signing
from payments_sandbox.webhooks.world_webhooks import event_message
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import (
    NOON,
    FakeDispatcher,
    InProcessApi,
    Wall,
    config,
    new_world,
    rules_of,
    server_context,
)
from tests.support.values import documented_create

SECRET = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="


@pytest.fixture
def world() -> World:
    """A world whose server gives every world two endpoints."""
    urls = ("http://localhost:1/", "inbox:orders")
    return World(config(), server_context()._replace(webhooks=urls, webhook_secret=SECRET))


def test_a_world_begins_with_the_servers_endpoints(world: World) -> None:
    """They sign with one secret, whatever the world's own is; a reset brings them back."""
    webhooks = world.open_webhooks()
    made = list(webhooks.outbox.endpoints.values())
    assert [(each.url, each.inbox, each.secret) for each in made] == [
        ("http://localhost:1/", None, SECRET),
        ("inbox:orders", "orders", SECRET),
    ]
    webhooks.remove(made[0])
    webhooks.put(webhooks.new_endpoint("http://localhost:2/"))
    world.reset([ResetScope.WEBHOOKS])
    assert list(world.open_webhooks().outbox.endpoints.values()) == made


def test_a_reset_of_the_payments_keeps_the_endpoints(world: World) -> None:
    """But no delivery, and none that is to come."""
    dispatcher = FakeDispatcher(world, 500)
    InProcessApi(world).ask("create_payment", documented_create())
    dispatcher.deliver()
    assert len(world.upcoming(9)) == 1
    world.reset([ResetScope.PAYMENTS])

    assert (world.pending_webhooks, world.upcoming(9)) == (0, [])
    assert len(world.open_webhooks().outbox.endpoints) == 2
    InProcessApi(world).ask("create_payment", documented_create())
    assert world.pending_webhooks == 2


def test_an_endpoint_gets_no_events_of_before_it_was_made(world: World) -> None:
    """An endpoint learns of what happens from then on."""
    world.reset([ResetScope.WEBHOOKS])
    late = new_world()
    InProcessApi(late).ask("create_payment", documented_create())
    webhooks = late.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    assert late.pending_webhooks == 0
    InProcessApi(late).ask("create_payment", documented_create())
    assert late.pending_webhooks == 1


def test_a_message_has_the_body_of_its_event(world: World) -> None:
    """Its bytes are made once, and are those of the documented JSON."""
    InProcessApi(world).ask("create_payment", documented_create())
    event = world.ledger.any_event(0)
    message = event_message(event)

    assert orjson.loads(message.body) == representations.event(event)
    assert (message.event_id, message.type) == (event.id, "payment.completed")
    assert message.payment_id == world.ledger.payments.id_of(0)
    assert event_message(world.make_event("payout.paid", {})).payment_id is None


def test_a_slow_answer_counts_from_when_it_came() -> None:
    """On a clock that runs; within the second it counts as at once."""
    wall = Wall()
    world = new_world(wall, frozen_at=None)
    dispatcher = FakeDispatcher(world)
    dispatcher.webhooks.put(dispatcher.webhooks.new_endpoint("http://localhost/"))
    due = []
    for took in (0, SECOND - 1, SECOND, 9 * SECOND):
        world.make_event("payout.paid", {})
        (delivery,) = dispatcher.pop()
        began = world.clock.now()
        request = dispatcher.webhooks.request(
            delivery,
            next(iter(dispatcher.webhooks.outbox.endpoints.values())),
            now=began,
            sent_at=NOON,
        )
        wall.move(took)
        dispatcher.webhooks.record(
            delivery, request, dispatcher.result(request, 500), world.clock.now()
        )
        due.append((delivery.next_at or 0) - began)

    assert due == [5 * SECOND, 5 * SECOND, 6 * SECOND, 14 * SECOND]


def test_an_unknown_endpoint_is_not_found(world: World) -> None:
    """Is not found."""
    with pytest.raises(NotFound):
        world.open_webhooks().endpoint("we_none")


def test_an_endpoint_that_is_removed_leaves_nothing_due(world: World) -> None:
    """Its deliveries end, and the timeline forgets them; those of others stay."""
    webhooks = world.open_webhooks()
    first, second = webhooks.outbox.endpoints.values()
    webhooks.put(replace(second, inbox=None))
    dispatcher = FakeDispatcher(world, 500, 500)
    world.make_event("payout.paid", {})
    dispatcher.deliver()
    assert len(world.upcoming(9)) == 2
    webhooks.remove(first)

    assert [each.delivery_id for each in world.upcoming(9)] == [webhooks.outbox.id_of(1)]
    statuses = [each.status for each in webhooks.outbox.oldest_first()]
    assert statuses == [DeliveryStatus.DISABLED, DeliveryStatus.PENDING]
    assert dispatcher.advance(Instant(NOON + 5 * DAY)) == 1


def test_rotating_gives_another_secret_each_time_and_keeps_the_last(world: World) -> None:
    """Each time to another one, the same in every world of the seed; the last one is remembered."""
    webhooks = world.open_webhooks()
    first, second = webhooks.outbox.endpoints.values()
    once = webhooks.rotate_secret(first, None, NOON)
    twice = webhooks.rotate_secret(once, None, Instant(NOON + 1))
    other = webhooks.rotate_secret(second, None, NOON)

    assert len({SECRET, once.secret, twice.secret, other.secret}) == 4
    assert (twice.previous, twice.previous_until) == (once.secret, NOON + 1 + DAY)
    assert webhooks.endpoint(first.id) == twice


def request_of(do: str, **settings: object) -> tuple[WebhookRequest, bytes]:
    """What a receiver is sent of a payment under a rule, and the event's own bytes."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(replace(webhooks.new_endpoint("http://localhost:1/"), **settings))  # type: ignore[arg-type]  # fields of an endpoint
    set_active(world, [rules_of(f"- {{name: spoilt, webhook: '*', do: {do}}}")])
    InProcessApi(world).ask("create_payment", documented_create())
    [delivery] = webhooks.outbox.pop()
    [endpoint] = webhooks.outbox.endpoints.values()
    request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
    return request, delivery.message.body


@pytest.mark.parametrize(
    ("do", "found"),
    [
        ("{before_reply: true}", "genuine"),
        ("{malform: truncated}", "forged"),
        ("{malform: empty}", "genuine"),
        ("{malform: wrong_content_type}", "genuine"),
        ("{signature: missing}", "forged"),
        ("{signature: garbled}", "forged"),
        ("{signature: wrong_secret}", "forged"),
        ("{signature: previous_secret}", "genuine"),
        ("{timestamp: -5m}", "genuine"),
        ("{timestamp: -301s}", "stale"),
        ("{timestamp: +301s}", "stale"),
    ],
)
def test_a_request_says_whether_a_careful_receiver_would_refuse_it(do: str, found: str) -> None:
    """A forged one by its signature, a stale one by its time."""
    request, _ = request_of(do)

    assert (request.is_forged, request.is_stale) == (found == "forged", found == "stale")


def test_a_scheme_without_a_timestamp_knows_no_stale_request() -> None:
    """Nothing of it says when it was sent."""
    request, _ = request_of("{timestamp: -10m}", signing=Signing(Scheme.HMAC, "X-Signature"))

    assert not request.is_stale


def test_a_patch_and_an_unknown_type_change_the_body_and_nothing_else_does() -> None:
    """One without the other, and both."""
    plain, own = request_of("{before_reply: true}")
    patched, _ = request_of("{patch: {data: {note: new}}}")
    renamed, _ = request_of("{unknown_type: true}")
    both, _ = request_of("{unknown_type: true, patch: {type: x}}")
    types = [orjson.loads(each.body)["type"] for each in (plain, patched, renamed, both)]

    assert plain.body == own
    assert orjson.loads(patched.body)["data"]["note"] == "new"
    assert types == ["payment.completed", "payment.completed", "payment.unheard_of", "x"]


def test_a_body_is_spoilt_as_the_rule_says() -> None:
    """Half of it, a comma too many, nothing, or another name for its type."""
    own = request_of("{before_reply: true}")[1]
    found = {
        fault: request_of(f"{{malform: {fault}}}")[0]
        for fault in ("truncated", "invalid_json", "empty", "wrong_content_type")
    }

    assert found["truncated"].body == own[: len(own) // 2]
    assert found["invalid_json"].body == own[:-1] + b",}"
    assert found["empty"].body == b""
    assert found["wrong_content_type"].body == own
    assert found["wrong_content_type"].headers["Content-Type"] == "text/plain"
    assert found["empty"].headers["Content-Type"] == "application/json"


def test_an_event_by_hand_is_about_the_payment_that_its_data_names() -> None:
    """An id in the form of one; anything else is about none."""
    world = new_world()
    named = ["pay_abc", "pay_", "ref_abc", 5, None]
    made = [world.make_event("x.y", {"payment_id": each}) for each in named]

    assert [event_message(each).payment_id for each in made] == ["pay_abc", None, None, None, None]
