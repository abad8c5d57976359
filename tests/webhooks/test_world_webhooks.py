"""Tests a world's webhooks: its first endpoints, their events, and how requests are made."""

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
from tests.support.tables import for_each
from tests.support.values import documented_create

SECRET = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="


@pytest.fixture
def world() -> World:
    """A world whose server gives every world two endpoints."""
    urls = ("http://localhost:1/", "inbox:orders")
    return World(config(), server_context()._replace(webhooks=urls))


def test_a_world_starts_with_the_servers_endpoints(world: World) -> None:
    """They all sign with one secret; a reset brings them back."""
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


def test_a_reset_of_the_payments_keeps_the_endpoints_but_no_delivery(world: World) -> None:
    dispatcher = FakeDispatcher(world, 500)
    InProcessApi(world).ask("create_payment", documented_create())
    dispatcher.deliver()
    assert len(world.upcoming(9)) == 1
    world.reset([ResetScope.PAYMENTS])

    assert (world.pending_webhooks, world.upcoming(9)) == (0, [])
    assert len(world.open_webhooks().outbox.endpoints) == 2
    InProcessApi(world).ask("create_payment", documented_create())
    assert world.pending_webhooks == 2


def test_an_endpoint_gets_only_events_from_after_its_creation() -> None:
    world = new_world()
    InProcessApi(world).ask("create_payment", documented_create())
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    assert world.pending_webhooks == 0
    InProcessApi(world).ask("create_payment", documented_create())
    assert world.pending_webhooks == 1


def test_a_webhook_message_has_the_body_id_type_and_payment_of_its_event(world: World) -> None:
    InProcessApi(world).ask("create_payment", documented_create())
    event = world.ledger.any_event(0)
    message = event_message(event)

    assert orjson.loads(message.body) == representations.event(event)
    assert (message.event_id, message.type) == (event.id, "payment.completed")
    assert message.payment_id == world.ledger.payments.id_of(0)
    assert event_message(world.make_event("payout.paid", {})).payment_id is None


def test_a_retry_is_planned_from_the_time_of_the_answer() -> None:
    """On a live clock; a delay below one second is ignored."""
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


def test_an_unknown_endpoint_raises_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.open_webhooks().endpoint("we_none")


def test_removing_an_endpoint_ends_its_deliveries_and_keeps_those_of_others(world: World) -> None:
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


def test_each_rotation_makes_a_new_secret_and_keeps_the_previous_one(world: World) -> None:
    """An invalid new secret changes nothing."""
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
    """Return what a receiver is sent for a payment under a rule, and the event's own bytes."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(replace(webhooks.new_endpoint("http://localhost:1/"), **settings))  # type: ignore[arg-type]  # fields of an endpoint
    set_active(world, [rules_of(f"- {{name: spoilt, webhook: '*', do: {do}}}")])
    InProcessApi(world).ask("create_payment", documented_create())
    [delivery] = webhooks.outbox.pop()
    [endpoint] = webhooks.outbox.endpoints.values()
    request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
    return request, delivery.message.body


@for_each(
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
def test_a_webhook_request_is_marked_as_genuine_forged_or_stale(do: str, found: str) -> None:
    """Forged by its signature, stale by its timestamp."""
    request, _ = request_of(do)

    assert (request.is_forged, request.is_stale) == (found == "forged", found == "stale")


def test_a_request_of_a_scheme_without_a_timestamp_is_never_stale() -> None:
    request, _ = request_of("{timestamp: -10m}", signing=Signing(Scheme.HMAC, "X-Signature"))

    assert not request.is_stale


def test_patch_and_unknown_type_rules_change_the_body_of_a_webhook() -> None:
    """Each alone, and both together."""
    plain, own = request_of("{before_reply: true}")
    patched, _ = request_of("{patch: {data: {note: new}}}")
    renamed, _ = request_of("{unknown_type: true}")
    both, _ = request_of("{unknown_type: true, patch: {type: x}}")
    types = [orjson.loads(each.body)["type"] for each in (plain, patched, renamed, both)]

    assert plain.body == own
    assert orjson.loads(patched.body)["data"]["note"] == "new"
    assert types == ["payment.completed", "payment.completed", "payment.unheard_of", "x"]


def test_a_malform_rule_spoils_the_body_or_content_type_of_a_webhook() -> None:
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


def test_a_custom_event_is_about_the_payment_id_in_its_data() -> None:
    """Anything else than a payment id is ignored."""
    world = new_world()
    named = ["pay_abc", "pay_", "ref_abc", 5, None]
    made = [world.make_event("x.y", {"payment_id": each}) for each in named]

    assert [event_message(each).payment_id for each in made] == ["pay_abc", None, None, None, None]


@pytest.mark.parametrize(
    ("do", "by", "reason"),
    [
        ("{before_reply: true}", "secret", None),
        ("{signature: previous_secret}", "previous", None),
        ("{signature: previous_secret}", "secret", "no signature matches: the secret differs, or"),
        ("{signature: wrong_secret}", "secret", "no signature matches: the secret differs, or"),
        ("{signature: wrong_secret}", "previous", "no signature matches: the secret differs, or"),
        ("{signature: missing}", "secret", "the header webhook-signature is missing"),
    ],
)
def test_verification_detects_what_a_signature_rule_has_done(
    do: str, by: str, reason: str | None
) -> None:
    """A previous secret still signs after its validity; a wrong secret matches neither."""
    previous = new_world().open_webhooks().rotate_secret(ENDPOINT, None, NOON).secret
    request, _ = request_of(do, previous=previous, previous_until=NOON)
    headers = {name.lower(): value for name, value in request.headers.items()}
    secret = previous if by == "previous" else ENDPOINT.secret
    found = why_refused(
        ENDPOINT.signing, [secret], Received(headers, request.body), now=NOON // SECOND
    )

    assert str(found).startswith(str(reason))
    assert {"webhook-id", "webhook-timestamp"} <= headers.keys()


def test_a_signature_has_the_timestamp_of_the_endpoints_clock() -> None:
    """The wall clock's or the world's; an inbox verifies with the same clock."""
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


def test_the_user_agent_of_an_endpoint_is_sent_before_ours() -> None:
    """However it is written; other headers are sent under their given names."""
    headers = (("user-agent", "shop/1"), ("x-Tenant", "7"))
    request, _ = request_of("{before_reply: true}", headers=headers)
    agents = [value for name, value in request.headers.items() if name.lower() == "user-agent"]

    assert (agents, request.headers["x-Tenant"]) == ([f"shop/1 {USER_AGENT}"], "7")


def test_webhook_rules_do_not_apply_to_events_without_a_known_payment() -> None:
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost:1/"))
    set_active(world, [rules_of("- {name: spoilt, webhook: '*', do: {malform: empty}}")])
    world.make_event("payout.paid", {})
    world.make_event("payout.paid", {"payment_id": "pay_unknown"})

    assert [each.applied for each in webhooks.outbox.pop()] == [(), ()]


def test_a_webhook_rule_can_match_a_single_attempt() -> None:
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


def test_a_dropped_webhook_names_the_rules_that_dropped_it_and_no_other() -> None:
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(endpoint := webhooks.new_endpoint("http://localhost:1/"))
    rules = """
        - {name: sealed, webhook: '*', do: {signature: missing}}
        - {name: lost, webhook: '*', do: drop}
        - {name: gone, webhook: '*', do: drop}
        """
    set_active(world, [rules_of(rules)])
    InProcessApi(world).ask("create_payment", documented_create())
    [delivery] = webhooks.outbox.pop()
    request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)

    assert request.dropped_by == "lost, gone"


def test_a_dropped_webhook_has_failed_without_an_answer() -> None:
    """The error names the rule."""
    request, _ = request_of("{drop: true}")
    result = new_world().open_webhooks().drop(request)

    assert result == AttemptResult(request.headers, None, "dropped by the rule spoilt", 0.0)


def test_a_card_number_in_a_body_changed_by_a_rule_is_masked() -> None:
    """The event's own body was masked when it was made."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(endpoint := webhooks.new_endpoint("http://localhost:1/"))
    world.make_event("payout.paid", {})
    [delivery] = webhooks.outbox.pop()
    request = webhooks.request(delivery, endpoint, now=NOON, sent_at=NOON)
    written = request._replace(body=b'{"a":"4242424242424242"}')
    attempt = webhooks.record(delivery, written, webhooks.drop(written), NOON)

    assert attempt.request.body == b'{"a":"************4242"}'
