"""What the webhook rules of scenarios do, on real sockets: late, twice, out of order, wrong."""

import json
from collections.abc import Callable

import pytest

from payments_sandbox.core.instants import SECOND, Instant, show_instant
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.server.factory import Server
from payments_sandbox.webhooks.signing import STANDARD
from payments_sandbox.webhooks.verification import Received, why_refused
from payments_sandbox.world.world import World
from tests.support.bodies import KEY, documented_create
from tests.support.control import Control
from tests.support.hooks import Hooks, errors, instants
from tests.support.receiver import Hit, Receiver
from tests.support.scenes import rules_of, scenario_of

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


async def secret_of(hooks: Hooks) -> str:
    """The secret of the one endpoint."""
    page = await hooks.control("list_webhook_endpoints")
    return str(page["data"][0]["secret"])


async def test_a_delay_is_on_the_worlds_clock(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """Nothing is sent before its time, and then at once."""
    await hooks.to(receiver.url)
    play("do: {delay: 10m}")
    await hooks.pay()
    (delivery,) = await hooks.deliveries()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("pending", "2030-01-15T10:40:00Z")
    (happened,) = await hooks.advance("1h")

    assert (happened["at"], happened["what"]) == ("2030-01-15T10:40:00Z", "webhook.delivered")
    assert len(receiver.hits) == 1


async def test_a_delay_of_the_second_attempt(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """The rule holds for the attempt that it names; the schedule comes first."""
    receiver.script(500, 200)
    await hooks.to(receiver.url)
    play("when: {attempt: 2}, do: {delay: 1m}")
    await hooks.pay()
    await hooks.advance("1h")
    (delivery,) = await hooks.deliveries()

    assert instants(delivery) == [NOON, "2030-01-15T10:31:05Z"]


async def test_what_is_dropped_never_arrives(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """The sender sees silence, says which rule it was, and tries again."""
    await hooks.to(receiver.url)
    play("when: {attempt: 1}, do: {drop: true}")
    await hooks.pay()
    await hooks.advance("1m")
    (delivery,) = await hooks.deliveries()

    assert errors(delivery) == ["dropped by the rule wish", None]
    assert (delivery["status"], len(receiver.hits)) == ("delivered", 1)


async def test_whoever_drops_all_attempts_loses_the_event(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """After ten of them it is given up."""
    await hooks.to(receiver.url)
    play("do: {drop: true}")
    await hooks.pay()
    await hooks.advance("4d")
    (delivery,) = await hooks.deliveries()

    assert (delivery["status"], len(delivery["attempts"]), receiver.hits) == ("failed", 10, [])


async def test_copies_have_one_id(hooks: Hooks, receiver: Receiver, play: RuleEngine) -> None:
    """Three deliveries in all, a minute apart, of the same bytes."""
    await hooks.to(receiver.url)
    play("do: {duplicate: {copies: 3, gap: 1m}}")
    await hooks.pay()
    await hooks.advance("1h")
    deliveries = await hooks.deliveries()

    assert [instants(each) for each in deliveries] == [
        [NOON],
        ["2030-01-15T10:31:00Z"],
        ["2030-01-15T10:32:00Z"],
    ]
    assert len({each["event_id"] for each in deliveries}) == 1
    assert len({request.body for request in receiver.hits}) == 1


@pytest.mark.parametrize("order", ["reverse", "shuffle"])
async def test_what_is_held_goes_out_in_another_order(
    hooks: Hooks, receiver: Receiver, play: RuleEngine, order: str
) -> None:
    """One by one, when the window closes that the first of them has opened."""
    await hooks.to(receiver.url)
    play(f"do: {{reorder: {{window: 10m, order: {order}}}}}")
    made = []
    for _ in range(9):
        made.append(await hooks.pay())
        await hooks.advance("1m")
    assert receiver.hits == []
    await hooks.advance("1m")
    arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]

    assert sorted(arrived) == sorted(made)
    assert arrived != made
    assert (arrived == made[::-1]) == (order == "reverse")
    assert {at for each in await hooks.deliveries() for at in instants(each)} == {
        "2030-01-15T10:40:00Z"
    }


async def test_a_shuffle_is_the_same_every_time(
    hooks: Hooks, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    """Drawn from the world's seed and the event."""
    play("do: {reorder: {window: 10m, order: shuffle}}")
    orders = []
    for _ in range(2):
        await hooks.to(receiver.url)
        made = [await hooks.pay() for _ in range(9)]
        await hooks.advance("10m")
        arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]
        orders.append([made.index(each) for each in arrived])
        receiver.hits.clear()
        await control("reset_world")

    assert orders[0] == orders[1] != list(range(9))


async def test_before_the_reply(hooks: Hooks, receiver: Receiver, play: RuleEngine) -> None:
    """The webhook has arrived and is answered when the client gets its payment."""
    await hooks.to(receiver.url)
    play("do: {before_reply: true}")
    payment_id = await hooks.pay()

    assert [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits] == [payment_id]


async def test_what_goes_wrong_before_the_reply(
    hooks: Hooks,
    play: RuleEngine,
    sandbox: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged and answered like any error of ours."""

    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    await hooks.to("inbox:orders")
    play("do: {before_reply: true}")
    monkeypatch.setattr(sandbox.runtime.dispatcher, "send_first", broken)
    async with hooks.api.post("/v3/payments", json=documented_create()) as reply:
        assert reply.status == 500

    assert "broken" in caplog.text


async def test_nothing_comes_first_once_the_server_stops(
    hooks: Hooks, receiver: Receiver, play: RuleEngine, sandbox: Server
) -> None:
    """The reply comes alone; the webhook stays pending."""
    await hooks.to(receiver.url)
    play("do: {before_reply: true}")
    await sandbox.runtime.dispatcher.close()
    await hooks.pay()
    (delivery,) = await hooks.deliveries()

    assert (delivery["status"], receiver.hits) == ("pending", [])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong_secret", "no signature matches: another secret, or the body was changed"),
        ("missing", "the header webhook-signature is missing"),
        (
            "garbled",
            "webhook-signature has no signature of version v1, written v1,BASE64",
        ),
        ("previous_secret", None),
    ],
)
async def test_a_signature_that_is_wrong(
    hooks: Hooks, receiver: Receiver, play: RuleEngine, kind: str, reason: str | None
) -> None:
    """As a careful receiver sees it; without a rotation there is no other secret to sign with."""
    await hooks.to(receiver.url)
    play(f"do: {{signature: {kind}}}")
    await hooks.pay()
    await hooks.settled()
    (request,) = receiver.hits

    assert verdict(request, await secret_of(hooks)) == reason


async def test_the_previous_secret(hooks: Hooks, receiver: Receiver, play: RuleEngine) -> None:
    """After a rotation, only who still has the old secret accepts it."""
    endpoint_id = await hooks.to(receiver.url)
    old = await secret_of(hooks)
    await hooks.control("rotate_secret", {}, endpoint_id=endpoint_id)
    play("do: {signature: previous_secret}")
    await hooks.pay()
    await hooks.settled()
    (request,) = receiver.hits

    assert verdict(request, old) is None
    assert verdict(request, await secret_of(hooks)) is not None


async def test_a_timestamp_that_is_off(hooks: Hooks, receiver: Receiver, play: RuleEngine) -> None:
    """Correctly signed, and ten minutes old."""
    await hooks.to(receiver.url)
    play("do: {timestamp: -10m}")
    await hooks.pay()
    (delivery,) = await hooks.settled()
    (request,) = receiver.hits
    signed = int(request.headers["webhook-timestamp"])

    assert verdict(request, await secret_of(hooks)) is None
    sent = delivery["attempts"][0]["sent_at"]
    assert show(signed + 600) == sent


@pytest.mark.parametrize(
    ("kind", "content_type", "is_signed", "looks"),
    [
        ("invalid_json", "application/json", True, lambda body: body.endswith(b"},}")),
        ("truncated", "application/json", False, lambda body: body.startswith(b'{"id":"evt_')),
        ("wrong_content_type", "text/plain", True, lambda body: json.loads(body)["id"] != ""),
        ("empty", "application/json", True, lambda body: body == b""),
    ],
)
async def test_a_body_that_is_wrong(  # noqa: PLR0913 - a row of the table
    hooks: Hooks,
    receiver: Receiver,
    play: RuleEngine,
    kind: str,
    content_type: str,
    is_signed: bool,  # noqa: FBT001 - a column of the table
    looks: Callable[[bytes], bool],
) -> None:
    """Signed as it is sent; what is cut on its way was signed when it was whole."""
    await hooks.to(receiver.url)
    play(f"do: {{malform: {kind}}}")
    await hooks.pay()
    await hooks.settled()
    (request,) = receiver.hits

    assert request.headers["content-type"] == content_type
    assert looks(request.body)
    assert (verdict(request, await secret_of(hooks)) is None) == is_signed


async def test_a_patch_and_a_type_that_nobody_knows(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """Rules combine; the body is signed as it is sent."""
    await hooks.to(receiver.url)
    play(
        "do: {patch: {data: {amount: 1, currency: null}, extra: true}}", "do: {unknown_type: true}"
    )
    payment_id = await hooks.pay()
    await hooks.settled()
    (request,) = receiver.hits
    body = json.loads(request.body)

    assert (body["type"], body["data"], body["extra"]) == (
        "payment.unheard_of",
        {"payment_id": payment_id, "amount": 1},
        True,
    )
    assert verdict(request, await secret_of(hooks)) is None


async def test_a_patch_alone(hooks: Hooks, receiver: Receiver, play: RuleEngine) -> None:
    """The type stays, and so does what the patch does not name."""
    await hooks.to(receiver.url)
    play("do: {patch: {data: {amount: 1}}}")
    payment_id = await hooks.pay()
    await hooks.settled()
    body = receiver.hits[0].json

    assert (body["type"], body["data"]) == (
        "payment.completed",
        {"payment_id": payment_id, "amount": 1, "currency": "USD"},
    )


async def test_only_what_the_rule_is_about(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """By the payment and by the event; a hand-made event is nobody's."""
    await hooks.to(receiver.url)
    play("when: {amount: {gte: 5000}}, do: {drop: true}")
    await hooks.pay(amount=5_000)
    small = await hooks.pay(amount=4_999)
    await hooks.control("create_event", {"type": "payment.completed", "data": {"amount": 9_000}})
    await hooks.settled()
    arrived = [json.loads(each.body)["data"].get("payment_id") for each in receiver.hits]

    assert sorted(arrived, key=str) == sorted([small, None], key=str)


async def test_treated_deliveries_outlive_a_snapshot(
    hooks: Hooks, receiver: Receiver, play: RuleEngine, control: Control
) -> None:
    """What is held is still held, and treated as it would have been."""
    await hooks.to(receiver.url)
    play("do: {reorder: {window: 10m, order: reverse}, signature: missing}")
    made = [await hooks.pay() for _ in range(3)]
    await control("restore_snapshot", await control("retrieve_snapshot"))
    await hooks.advance("10m")
    arrived = [json.loads(each.body)["data"]["payment_id"] for each in receiver.hits]

    assert arrived == made[::-1]
    assert all("webhook-signature" not in each.headers for each in receiver.hits)


async def test_endpoints_that_are_given(
    hooks: Hooks, world: World, control: Control, receiver: Receiver
) -> None:
    """A scenario brings its endpoints, and a reset of the webhooks brings them again."""
    given = f"""
    given:
      webhook_endpoints:
        - {{url: inbox:orders, events: [payment.*]}}
        - {{url: "{receiver.url}"}}
    """
    set_active(world, [scenario_of(given)])
    await hooks.pay()
    await hooks.settled()
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


async def test_an_event_by_hand_that_names_a_payment(
    hooks: Hooks, receiver: Receiver, play: RuleEngine
) -> None:
    """Is treated as the payment's own; one that names none meets no rule about payments."""
    await hooks.to(receiver.url)
    payment_id = await hooks.pay(amount=500)
    await hooks.settled()
    play("when: {amount: 500}, do: {signature: missing}")
    for body in (
        {"type": "payment.completed", "payment_id": payment_id},
        {"type": "payment.completed", "data": {"payment_id": payment_id}},
        {"type": "payment.completed", "data": {"payment_id": "pay_elsewhere"}},
    ):
        await hooks.control("create_event", body)
        await hooks.settled()
    signed = ["webhook-signature" in request.headers for request in receiver.hits]

    assert signed == [True, False, False, True]
