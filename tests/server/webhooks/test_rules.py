"""What the webhook rules of scenarios do, on real sockets: late, twice, out of order, wrong."""

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
    """Activates rules of webhooks, written as what they do."""

    def start(*wishes: str) -> None:
        set_active(world, [rule(wish, name=f"s{nth}") for nth, wish in enumerate(wishes)])

    return start


RuleEngine = Callable[..., None]


def rule(wish: str, *, name: str = "scene") -> Scenario:
    """A scenario whose one rule does what is wished; `when` and `per` may stand before it."""
    return rules_of(f"- {{name: wish, webhook: '*', {wish}}}", name=name)


def verdict(request: Hit, secret: str) -> str | None:
    """What a careful receiver says to a request, whenever it came."""
    received = Received(request.headers, request.body)
    return why_refused(STANDARD, [secret], received, now=None)


async def secret_of(webhooks: WebhookApi) -> str:
    """The secret of the one endpoint."""
    page = await webhooks.control("list_webhook_endpoints")
    return str(page["data"][0]["secret"])


async def test_a_delay_is_on_the_worlds_clock(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Nothing is sent before its time, and then at once."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {delay: 10m}")
    await webhooks.pay()
    (delivery,) = await webhooks.deliveries()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("pending", "2030-01-15T10:40:00Z")
    (happened,) = await webhooks.advance("1h")

    assert (happened["at"], happened["what"]) == ("2030-01-15T10:40:00Z", "webhook.delivered")
    assert len(receiver.hits) == 1


async def test_a_rule_can_delay_the_second_attempt_alone(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The rule holds for the attempt that it names; the schedule comes first."""
    receiver.script(500, 200)
    await webhooks.create_endpoint(receiver.url)
    play("when: {attempt: 2}, do: {delay: 1m}")
    await webhooks.pay()
    await webhooks.advance("1h")
    (delivery,) = await webhooks.deliveries()

    assert attempt_instants(delivery) == [NOON, "2030-01-15T10:31:05Z"]


async def test_what_is_dropped_never_arrives(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The sender sees silence, says which rule it was, and tries again."""
    await webhooks.create_endpoint(receiver.url)
    play("when: {attempt: 1}, do: {drop: true}")
    await webhooks.pay()
    await webhooks.advance("1m")
    (delivery,) = await webhooks.deliveries()

    assert attempt_errors(delivery) == ["dropped by the rule wish", None]
    assert (delivery["status"], len(receiver.hits)) == ("delivered", 1)


async def test_whoever_drops_all_attempts_loses_the_event(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """After ten of them it is given up."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {drop: true}")
    await webhooks.pay()
    await webhooks.advance("4d")
    (delivery,) = await webhooks.deliveries()

    assert (delivery["status"], len(delivery["attempts"]), receiver.hits) == ("failed", 10, [])


async def test_copies_of_a_delivery_have_one_id(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Three deliveries in all, a minute apart, of the same bytes."""
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
async def test_what_is_held_goes_out_in_another_order(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, order: str
) -> None:
    """One by one, when the window closes that the first of them has opened."""
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


async def test_a_shuffle_is_the_same_every_time(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    """Drawn from the world's seed and the event."""
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


async def test_a_webhook_can_come_before_the_reply(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The webhook has arrived and is answered when the client gets its payment."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {before_reply: true}")
    payment_id = await webhooks.pay()

    assert [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits] == [payment_id]


async def test_what_goes_wrong_before_the_reply_is_answered_500(
    webhooks: WebhookApi,
    play: RuleEngine,
    sandbox: AssembledServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged and answered like any error of ours."""

    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    await webhooks.create_endpoint("inbox:orders")
    play("do: {before_reply: true}")
    monkeypatch.setattr(sandbox.runtime.dispatcher, "send_first", broken)
    async with webhooks.api.post("/v3/payments", json=documented_create()) as reply:
        assert reply.status == 500

    assert "broken" in caplog.text


async def test_nothing_comes_first_once_the_server_stops(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, sandbox: AssembledServer
) -> None:
    """The reply comes alone; the webhook stays pending."""
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
async def test_a_rule_can_spoil_the_signature(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, kind: str, reason: str | None
) -> None:
    """As a careful receiver sees it; without a rotation there is no other secret to sign with."""
    await webhooks.create_endpoint(receiver.url)
    play(f"do: {{signature: {kind}}}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert verdict(request, await secret_of(webhooks)) == reason


async def test_a_rule_can_sign_with_the_previous_secret(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """After a rotation, only who still has the old secret accepts it."""
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    old = await secret_of(webhooks)
    await webhooks.control("rotate_secret", {}, endpoint_id=endpoint_id)
    play("do: {signature: previous_secret}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert verdict(request, old) is None
    assert verdict(request, await secret_of(webhooks)) is not None


async def test_a_rule_can_shift_the_timestamp(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Correctly signed, and ten minutes old."""
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
async def test_a_rule_can_spoil_the_body(  # noqa: PLR0913 - a row of the table
    webhooks: WebhookApi,
    receiver: Receiver,
    play: RuleEngine,
    kind: str,
    content_type: str,
    is_signed: bool,  # noqa: FBT001 - a column of the table
    looks: Callable[[bytes], bool],
) -> None:
    """Signed as it is sent; what is cut on its way was signed when it was whole."""
    await webhooks.create_endpoint(receiver.url)
    play(f"do: {{malform: {kind}}}")
    await webhooks.pay()
    await webhooks.settle()
    (request,) = receiver.hits

    assert request.headers["content-type"] == content_type
    assert looks(request.body)
    assert (verdict(request, await secret_of(webhooks)) is None) == is_signed


async def test_a_rule_can_patch_the_body_and_make_the_type_unknown(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Rules combine; the body is signed as it is sent."""
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


async def test_a_rule_can_patch_the_body(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """The type stays, and so does what the patch does not name."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {patch: {data: {amount: 1}}}")
    payment_id = await webhooks.pay()
    await webhooks.settle()
    body = receiver.hits[0].json

    assert (body["type"], body["data"]) == (
        "payment.completed",
        {"payment_id": payment_id, "amount": 1, "currency": "USD"},
    )


async def test_a_rule_changes_only_the_deliveries_it_is_about(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """By the payment and by the event; a hand-made event is nobody's."""
    await webhooks.create_endpoint(receiver.url)
    play("when: {amount: {gte: 5000}}, do: {drop: true}")
    await webhooks.pay(amount=5_000)
    small = await webhooks.pay(amount=4_999)
    await webhooks.control("create_event", {"type": "payment.completed", "data": {"amount": 9_000}})
    await webhooks.settle()
    arrived = [json.loads(each.body)["data"].get("payment_id") for each in receiver.hits]

    assert sorted(arrived, key=str) == sorted([small, None], key=str)


async def test_deliveries_keep_their_rules_across_a_snapshot(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    """What is held is still held, and treated as it would have been."""
    await webhooks.create_endpoint(receiver.url)
    play("do: {reorder: {window: 10m, order: reverse}, signature: missing}")
    made = [await webhooks.pay() for _ in range(3)]
    await control("restore_snapshot", await control("retrieve_snapshot"))
    await webhooks.advance("10m")
    arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]

    assert arrived == made[::-1]
    assert all("webhook-signature" not in each.headers for each in receiver.hits)


async def test_a_scenario_can_begin_with_endpoints(
    webhooks: WebhookApi, world: World, control: Control, receiver: Receiver
) -> None:
    """A scenario brings its endpoints, and a reset of the webhooks brings them again."""
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
    """An instant as the control API shows it."""
    return show_instant(Instant(second * SECOND))


async def test_rules_apply_to_an_event_by_hand_that_names_a_payment(
    webhooks: WebhookApi, receiver: Receiver, play: RuleEngine
) -> None:
    """Is treated as the payment's own; one that names none meets no rule about payments."""
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
