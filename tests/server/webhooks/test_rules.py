"""Tests the webhook rules of scenarios on real sockets: delays, copies, order, spoilt requests."""

import json
from collections.abc import Callable

import pytest

from payments_sandbox.core.instants import SECOND, Instant, show_instant
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.signing import STANDARD
from payments_sandbox.webhooks.verification import Received, why_refused
from payments_sandbox.world.world import World
from tests.support.http import Control, WebhookApi, attempt_errors, attempt_instants
from tests.support.in_process import rules_of, scenario_of
from tests.support.receiver import Hit, Receiver
from tests.support.values import KEY, documented_create

NOON = "2030-01-15T10:30:00Z"


@pytest.fixture
def play(world: World) -> Callable[..., None]:
    """Return a function that activates webhook rules, written as what they do."""

    def start(*wishes: str) -> None:
        set_active(world, [rule(wish, name=f"s{nth}") for nth, wish in enumerate(wishes)])

    return start


RuleEngine = Callable[..., None]


def rule(wish: str, *, name: str = "scene") -> Scenario:
    """Return a scenario whose one rule does this; `when` and `per` may precede it."""
    return rules_of(f"- {{name: wish, webhook: '*', {wish}}}", name=name)


def verdict(request: Hit, secret: str) -> str | None:
    """Return why a careful receiver refuses a request, whatever its time."""
    received = Received(request.headers, request.body)
    return why_refused(STANDARD, [secret], received, now=None)


async def secret_of(webhooks: WebhookApi) -> str:
    """Return the secret of the one endpoint."""
    page = await webhooks.control("list_webhook_endpoints")
    return str(page["data"][0]["secret"])


async def test_a_delayed_webhook_is_sent_at_its_instant_of_the_worlds_clock(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {delay: 10m}")
    await webhooks.pay()
    (delivery,) = await webhooks.deliveries()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("pending", "2030-01-15T10:40:00Z")
    (happened,) = await webhooks.advance("1h")

    assert (happened["at"], happened["what"]) == ("2030-01-15T10:40:00Z", "webhook.delivered")
    assert len(receiver.hits) == 1


async def test_a_rule_can_delay_only_the_second_attempt_of_a_webhook(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """In addition to the schedule."""
    receiver.script(500, 200)
    await webhooks.create_endpoint(receiver.url)
    play("when: {attempt: 2}, do: {delay: 1m}")
    await webhooks.pay()
    await webhooks.advance("1h")
    (delivery,) = await webhooks.deliveries()

    assert attempt_instants(delivery) == [NOON, "2030-01-15T10:31:05Z"]


async def test_a_dropped_attempt_does_not_arrive_and_is_retried(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The error names the rule."""
    await webhooks.create_endpoint(receiver.url)
    play("when: {attempt: 1}, do: {drop: true}")
    await webhooks.pay()
    await webhooks.advance("1m")
    (delivery,) = await webhooks.deliveries()

    assert attempt_errors(delivery) == ["dropped by the rule wish", None]
    assert (delivery["status"], len(receiver.hits)) == ("delivered", 1)


async def test_a_webhook_whose_attempts_are_all_dropped_fails_after_ten(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {drop: true}")
    await webhooks.pay()
    await webhooks.advance("4d")
    (delivery,) = await webhooks.deliveries()

    assert (delivery["status"], len(delivery["attempts"]), receiver.hits) == ("failed", 10, [])


async def test_copies_of_a_delivery_have_one_event_id_and_body_and_their_gap(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {duplicate: {copies: 3, gap: 1m}}")
    await webhooks.pay()
    await webhooks.advance("1h")
    deliveries = await webhooks.deliveries()

    assert [attempt_instants(each) for each in deliveries] == [
        [NOON],
        ["2030-01-15T10:31:00Z"],
        ["2030-01-15T10:32:00Z"],
    ]
    assert len({each["event_id"] for each in deliveries}) == 1
    assert len({request.body for request in receiver.hits}) == 1


@pytest.mark.parametrize("order", ["reverse", "shuffle"])
async def test_reordered_webhooks_are_sent_when_their_window_closes(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, order: str
) -> None:
    """Reversed or shuffled."""
    await webhooks.create_endpoint(receiver.url)
    play(f"do: {{reorder: {{window: 10m, order: {order}}}}}")
    made = []
    for _ in range(9):
        made.append(await webhooks.pay())
        await webhooks.advance("1m")
    assert receiver.hits == []
    await webhooks.advance("1m")
    arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]

    assert sorted(arrived) == sorted(made)
    assert arrived != made
    assert (arrived == made[::-1]) == (order == "reverse")
    assert {at for each in await webhooks.deliveries() for at in attempt_instants(each)} == {
        "2030-01-15T10:40:00Z"
    }


async def test_shuffled_webhooks_have_the_same_order_for_the_same_seed(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    play("do: {reorder: {window: 10m, order: shuffle}}")
    orders = []
    for _ in range(2):
        await webhooks.create_endpoint(receiver.url)
        made = [await webhooks.pay() for _ in range(9)]
        await webhooks.advance("10m")
        arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]
        orders.append([made.index(each) for each in arrived])
        receiver.hits.clear()
        await control("reset_world")

    assert orders[0] == orders[1] != list(range(9))


async def test_a_webhook_with_before_reply_arrives_before_the_reply(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {before_reply: true}")
    payment_id = await webhooks.pay()

    assert [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits] == [payment_id]


async def test_an_exception_while_sending_before_the_reply_is_answered_500_and_logged(
    webhooks: WebhookApi,
    play: RuleEngine,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:

    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    await webhooks.create_endpoint("inbox:orders")
    play("do: {before_reply: true}")
    monkeypatch.setattr(sandbox.runtime.dispatcher, "send_first", broken)
    async with webhooks.api.post("/v3/payments", json=documented_create()) as reply:
        assert reply.status == 500

    assert "broken" in caplog.text


async def test_a_stopping_server_replies_without_the_webhook_that_was_to_come_first(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, sandbox: AssembledServer
) -> None:
    """The webhook stays pending."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {before_reply: true}")
    await sandbox.runtime.dispatcher.close()
    await webhooks.pay()
    (delivery,) = await webhooks.deliveries()

    assert (delivery["status"], receiver.hits) == ("pending", [])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong_secret", "no signature matches: the secret differs, or the body was changed"),
        ("missing", "the header webhook-signature is missing"),
        (
            "garbled",
            "webhook-signature has no v1 signature, such as v1,BASE64",
        ),
        ("previous_secret", None),
    ],
)
async def test_a_rule_can_spoil_the_signature_of_a_webhook(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, kind: str, reason: str | None
) -> None:
    """Without a rotation, `previous_secret` changes nothing."""
    await webhooks.create_endpoint(receiver.url)
    play(f"do: {{signature: {kind}}}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert verdict(request, await secret_of(webhooks)) == reason


async def test_a_rule_can_sign_a_webhook_with_the_previous_secret(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    old = await secret_of(webhooks)
    await webhooks.control("rotate_secret", {}, endpoint_id=endpoint_id)
    play("do: {signature: previous_secret}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert verdict(request, old) is None
    assert verdict(request, await secret_of(webhooks)) is not None


async def test_a_rule_can_shift_the_timestamp_of_a_validly_signed_webhook(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {timestamp: -10m}")
    await webhooks.pay()
    (delivery,) = await webhooks.settle()
    (request,) = receiver.hits
    signed = int(request.headers["webhook-timestamp"])

    assert verdict(request, await secret_of(webhooks)) is None
    sent = delivery["attempts"][0]["sent_at"]
    assert show(signed + 600)[:19] == sent[:19]


@pytest.mark.parametrize(
    ("kind", "content_type", "is_signed", "looks"),
    [
        ("invalid_json", "application/json", True, lambda body: body.endswith(b"},}")),
        ("truncated", "application/json", False, lambda body: body.startswith(b'{"id":"evt_')),
        ("wrong_content_type", "text/plain", True, lambda body: json.loads(body)["id"] != ""),
        ("empty", "application/json", True, lambda body: body == b""),
    ],
)
async def test_a_rule_can_spoil_the_body_or_content_type_of_a_webhook(  # noqa: PLR0913 - a row of the table
    webhooks: WebhookApi,
    receiver: Receiver,
    play: RuleEngine,
    kind: str,
    content_type: str,
    is_signed: bool,  # noqa: FBT001 - a column of the table
    looks: Callable[[bytes], bool],
) -> None:
    """It is signed as sent, except a truncated body."""
    await webhooks.create_endpoint(receiver.url)
    play(f"do: {{malform: {kind}}}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert request.headers["content-type"] == content_type
    assert looks(request.body)
    assert (verdict(request, await secret_of(webhooks)) is None) == is_signed


async def test_a_patch_and_an_unknown_type_combine_in_one_webhook(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The body is signed as sent."""
    await webhooks.create_endpoint(receiver.url)
    play(
        "do: {patch: {data: {amount: 1, currency: null}, extra: true}}", "do: {unknown_type: true}"
    )
    payment_id = await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits
    body = json.loads(request.body)

    assert (body["type"], body["data"], body["extra"]) == (
        "payment.unheard_of",
        {"payment_id": payment_id, "amount": 1},
        True,
    )
    assert verdict(request, await secret_of(webhooks)) is None


async def test_a_rule_can_patch_the_body_of_a_webhook(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The type and other fields stay."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {patch: {data: {amount: 1}}}")
    payment_id = await webhooks.pay()
    await webhooks.settle()
    body = receiver.hits[0].json

    assert (body["type"], body["data"]) == (
        "payment.completed",
        {"payment_id": payment_id, "amount": 1, "currency": "USD"},
    )


async def test_a_webhook_rule_applies_only_to_matching_payments(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Not to custom events without a payment."""
    await webhooks.create_endpoint(receiver.url)
    play("when: {amount: {gte: 5000}}, do: {drop: true}")
    await webhooks.pay(amount=5_000)
    small = await webhooks.pay(amount=4_999)
    await webhooks.control("create_event", {"type": "payment.completed", "data": {"amount": 9_000}})
    await webhooks.settle()
    arrived = [json.loads(each.body)["data"].get("payment_id") for each in receiver.hits]

    assert sorted(arrived, key=str) == sorted([small, None], key=str)


async def test_restored_deliveries_keep_the_effects_of_their_rules(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    await webhooks.create_endpoint(receiver.url)
    play("do: {reorder: {window: 10m, order: reverse}, signature: missing}")
    made = [await webhooks.pay() for _ in range(3)]
    await control("restore_snapshot", await control("retrieve_snapshot"))
    await webhooks.advance("10m")
    arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]

    assert arrived == made[::-1]
    assert all("webhook-signature" not in each.headers for each in receiver.hits)


async def test_the_given_endpoints_of_a_scenario_are_made_again_by_a_reset(
    webhooks: WebhookApi, world: World, control: Control, receiver: Receiver
) -> None:
    given = f"""
    given:
      webhook_endpoints:
        - {{url: inbox:orders, events: [payment.*]}}
        - {{url: "{receiver.url}"}}
    """
    set_active(world, [scenario_of(given)])
    await webhooks.pay()
    await webhooks.settle()
    await control("reset_world", {"only": ["webhooks"]})
    page = await control("list_webhook_endpoints", key=KEY)

    assert [(each["url"], each["events"]) for each in page["data"]] == [
        (receiver.url, ["*"]),
        ("inbox:orders", ["payment.*"]),
    ]
    assert len(receiver.hits) == 1


def show(second: int) -> str:
    """Return an instant as the control API shows it."""
    return show_instant(Instant(second * SECOND))


async def test_webhook_rules_apply_to_a_custom_event_that_names_a_payment(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    await webhooks.create_endpoint(receiver.url)
    payment_id = await webhooks.pay(amount=500)
    await webhooks.settle()
    play("when: {amount: 500}, do: {signature: missing}")
    for body in (
        {"type": "payment.completed", "payment_id": payment_id},
        {"type": "payment.completed", "data": {"payment_id": payment_id}},
        {"type": "payment.completed", "data": {"payment_id": "pay_elsewhere"}},
    ):
        await webhooks.control("create_event", body)
        await webhooks.settle()
    signed = ["webhook-signature" in request.headers for request in receiver.hits]

    assert signed == [True, False, False, True]
