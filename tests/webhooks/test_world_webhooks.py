"""Holds a world's webhooks to who is told what, and with which endpoints a world begins."""

from base64 import b64decode
from dataclasses import replace

import orjson
import pytest

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import NotFound
from payments_sandbox.core.instants import DAY, SECOND, Instant
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.webhooks.attempt_request import USER_AGENT
from payments_sandbox.webhooks.delivery import AttemptResult, DeliveryStatus, WebhookRequest
from payments_sandbox.webhooks.endpoint import TimestampClock
from payments_sandbox.webhooks.signing import Scheme, Signing
from payments_sandbox.webhooks.verification import Received, why_refused
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
    return World(config(), server_context()._replace(webhooks=urls))


def test_a_world_begins_with_the_servers_endpoints(world: World) -> None:
    """They sign with one secret, whatever the world's own is; a reset brings them back."""
    webhooks = world.open_webhooks()
    made = list(webhooks.outbox.endpoints.values())
    assert [(each.url, each.inbox, each.secret) for each in made] == [
        ("http://localhost:1/", None, SECRET),
        ("inbox:orders", "orders", SECRET),
    ]
    webhooks.outbox.remove(made[0].id)
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
    webhooks.outbox.remove(first.id)

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
    assert [first.rotations, once.rotations, twice.rotations] == [0, 1, 2]
    assert len(b64decode(once.secret.removeprefix("whsec_"))) == 32
    with pytest.raises(ValueError, match="expected whsec_"):
        webhooks.rotate_secret(twice, "too-short", NOON)
    assert webhooks.endpoint(first.id) == twice


ENDPOINT = new_world().open_webhooks().new_endpoint("http://localhost:1/")


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


@pytest.mark.parametrize(
    ("do", "by", "reason"),
    [
        ("{before_reply: true}", "secret", None),
        ("{signature: previous_secret}", "previous", None),
        ("{signature: previous_secret}", "secret", "no signature matches: another secret, or"),
        ("{signature: wrong_secret}", "secret", "no signature matches: another secret, or"),
        ("{signature: wrong_secret}", "previous", "no signature matches: another secret, or"),
        ("{signature: missing}", "secret", "the header webhook-signature is missing"),
    ],
)
def test_a_receiver_finds_what_the_rule_has_done_to_the_signature(
    do: str, by: str, reason: str | None
) -> None:
    """A secret that was valid once signs long after its day; a forger has one of his own."""
    previous = new_world().open_webhooks().rotate_secret(ENDPOINT, None, NOON).secret
    request, _ = request_of(do, previous=previous, previous_until=NOON)
    headers = {name.lower(): value for name, value in request.headers.items()}
    secret = previous if by == "previous" else ENDPOINT.secret
    found = why_refused(
        ENDPOINT.signing, [secret], Received(headers, request.body), now=NOON // SECOND
    )

    assert str(found).startswith(str(reason))
    assert {"webhook-id", "webhook-timestamp"} <= headers.keys()


def test_a_signature_is_dated_by_the_clock_of_the_receiver() -> None:
    """The wall's, or the world's where its receiver lives in it; an inbox judges by the same."""
    world = new_world()
    webhooks = world.open_webhooks()
    later, judged = Instant(NOON + DAY), []
    for clock in TimestampClock:
        webhooks.put(replace(webhooks.new_endpoint(f"inbox:{clock.value}"), timestamp=clock))
    world.make_event("payout.paid", {})
    for delivery in webhooks.outbox.pop():
        endpoint = webhooks.endpoint(delivery.endpoint_id)
        request = webhooks.request(delivery, endpoint, now=later, sent_at=NOON)
        webhooks.deliver_to_inbox(str(endpoint.inbox), request)
        judged.append(int(request.headers["webhook-timestamp"]) * SECOND)
    messages = [each for _, inbox in webhooks.inboxes.items() for each in inbox.since(0, None)]

    assert dict(zip(TimestampClock, judged, strict=True)) == {
        TimestampClock.WALL: NOON, TimestampClock.WORLD: later,
    }  # fmt: skip
    assert [each.reason for each in messages] == [None, None]


def test_a_user_agent_of_the_endpoint_comes_before_ours() -> None:
    """However it is written; other headers are sent as they were named."""
    headers = (("user-agent", "shop/1"), ("x-Tenant", "7"))
    request, _ = request_of("{before_reply: true}", headers=headers)
    agents = [value for name, value in request.headers.items() if name.lower() == "user-agent"]

    assert (agents, request.headers["x-Tenant"]) == ([f"shop/1 {USER_AGENT}"], "7")


def test_an_event_about_no_payment_is_sent_as_it_is_whatever_the_rules_say() -> None:
    """A rule looks at the payment, and there is none; without rules, nothing looks at one."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost:1/"))
    set_active(world, [rules_of("- {name: spoilt, webhook: '*', do: {malform: empty}}")])
    world.make_event("payout.paid", {})
    world.make_event("payout.paid", {"payment_id": "pay_unknown"})

    assert [each.applied for each in webhooks.outbox.pop()] == [(), ()]


def test_a_rule_may_be_about_one_attempt_of_a_delivery() -> None:
    """Attempts are counted from 1."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(endpoint := webhooks.new_endpoint("http://localhost:1/"))
    rules = "- {name: second, webhook: '*', when: {attempt: 2}, do: {malform: empty}}"
    set_active(world, [rules_of(rules)])
    InProcessApi(world).ask("create_payment", documented_create())
    [delivery] = webhooks.outbox.pop()
    bodies = []
    for _ in range(3):
        request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
        bodies.append(request.body)
        attempt = webhooks.record(delivery, request, webhooks.drop(request), NOON)
        assert attempt is delivery.attempts[-1]

    assert bodies == [delivery.message.body, b"", delivery.message.body]


def test_what_a_rule_lets_never_arrive_has_failed_without_an_answer() -> None:
    """Its attempt says which rule it was."""
    request, _ = request_of("{drop: true}")
    result = new_world().open_webhooks().drop(request)

    assert result == AttemptResult(request.headers, None, "dropped by the rule spoilt", 0.0)


def test_what_a_rule_has_written_is_kept_without_card_numbers() -> None:
    """What the event says itself was masked when it was made."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(endpoint := webhooks.new_endpoint("http://localhost:1/"))
    world.make_event("payout.paid", {})
    [delivery] = webhooks.outbox.pop()
    request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
    written = request._replace(body=b'{"a":"4242424242424242"}')
    attempt = webhooks.record(delivery, written, webhooks.drop(written), NOON)

    assert attempt.request.body == b'{"a":"************4242"}'
