"""Tests the order of replies and webhooks, and that slow endpoints delay no others."""

import asyncio
import select
import socket
from collections import Counter
from typing import Self

import orjson
import pytest

from payments_sandbox.core.instants import read_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.webhooks.dispatcher import MAX_PER_ENDPOINT
from tests.support.http import Api, WebhookApi, ask, attempt_errors, attempt_instants
from tests.support.receiver import Answer, Receiver, receiving
from tests.support.values import KEY, documented_create

PENDING = "4000009900000012"
SLOW_MS = "4000009900000129"


class Till:
    """A client that leaves its reply unread, and says when it has arrived."""

    def __init__(self, api: Api) -> None:
        self._connection = socket.create_connection((api.host, api.port))
        self._connection.settimeout(0)

    async def pay(self, **changes: object) -> None:
        """Send the request, and do not read."""
        body = orjson.dumps(documented_create(**changes))
        head = f"POST /v3/payments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(self._connection, head.encode() + body)

    def has_its_reply(self) -> bool:
        """Whether the reply has been written."""
        readable, _, _ = select.select([self._connection], [], [], 0)
        return bool(readable)

    async def reply(self) -> bytes:
        """The reply."""
        return await asyncio.get_running_loop().sock_recv(self._connection, 65_536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@pytest.fixture
def settings() -> Settings:
    """The settings with which replies are delayed by up to a tenth of a second."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=100)


@pytest.mark.parametrize("card_number", ["4111111111111111", SLOW_MS, "4000000000000002"])
async def test_a_webhook_arrives_after_the_reply_to_its_call(
    webhooks: WebhookApi, receiver: Receiver, card_number: str
) -> None:
    """Whatever the card."""
    await webhooks.create_endpoint(receiver.url)
    seen: list[bool] = []
    times = 2 if card_number == SLOW_MS else 20
    with Till(webhooks.api) as till:
        receiver.on_hit = lambda _: seen.append(till.has_its_reply())
        for count in range(1, times + 1):
            await till.pay(card_number=card_number)
            await receiver.arrived(count)
            await till.reply()

    assert seen == [True] * times


class TestHanging:
    """When no reply will be sent."""

    @pytest.fixture
    def settings(self) -> Settings:
        """A reply that hangs does so for a minute."""
        return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000)

    async def test_a_webhook_is_sent_at_once_if_its_call_gets_no_reply(
        self, webhooks: WebhookApi, receiver: Receiver
    ) -> None:
        """The payment has been made."""
        await webhooks.create_endpoint(receiver.url)
        with Till(webhooks.api) as till:
            await till.pay(card_number="4000009900000095")
            await receiver.arrived(1)
            assert not till.has_its_reply()


async def test_an_advance_waits_at_each_due_instant_for_slow_receivers(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(status=500, after=0.02)
    await webhooks.create_endpoint(receiver.url, retries=["1m", "1m", "1m"])
    first = await webhooks.pay()
    await webhooks.pay(card_number=PENDING)
    await webhooks.advance("0s")
    happened = await webhooks.advance("2h")

    shown = [(each["at"], each["what"], each["payment_id"] == first) for each in happened]
    assert shown == [
        ("2030-01-15T10:31:00Z", "webhook.failed", True),
        ("2030-01-15T10:32:00Z", "webhook.failed", True),
        ("2030-01-15T10:33:00Z", "webhook.failed", True),
        ("2030-01-15T11:30:00Z", "payment.completed", False),
        ("2030-01-15T11:30:00Z", "webhook.failed", False),
        ("2030-01-15T11:31:00Z", "webhook.failed", False),
        ("2030-01-15T11:32:00Z", "webhook.failed", False),
        ("2030-01-15T11:33:00Z", "webhook.failed", False),
    ]


async def test_an_advance_first_finishes_attempts_in_flight(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """A first attempt belongs to the instant at which it began."""
    receiver.script(Answer(status=500, after=0.1))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await receiver.arrived(1)
    await webhooks.advance("5s")
    (delivery,) = await webhooks.deliveries()

    assert attempt_instants(delivery) == ["2030-01-15T10:30:00Z", "2030-01-15T10:30:05Z"]
    assert attempt_errors(delivery) == ["answered 500", None]


async def test_concurrent_advances_move_the_clock_one_after_the_other(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(status=500, after=0.02)
    await webhooks.create_endpoint(receiver.url, retries=["1h", "1h", "1h"])
    await webhooks.pay()
    first, second = await asyncio.gather(webhooks.advance("90m"), webhooks.advance("90m"))
    (delivery,) = await webhooks.deliveries()

    assert [each["at"] for each in first] == ["2030-01-15T11:30:00Z"]
    assert [each["at"] for each in second] == ["2030-01-15T12:30:00Z", "2030-01-15T13:30:00Z"]
    assert attempt_instants(delivery)[1:] == [each["at"] for each in first + second]
    assert (await webhooks.control("retrieve_clock"))["now"] == "2030-01-15T13:30:00Z"


async def test_a_freeze_that_was_overtaken_by_an_advance_is_rejected(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """It waits for the advance, and would then have to go back."""
    receiver.usual = Answer(after=0.02)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay(card_number=PENDING)
    at = "2030-01-15T11:45:00Z"
    _, frozen = await asyncio.gather(
        webhooks.advance("90m"), webhooks.control("freeze_clock", {"at": at}, status=400)
    )

    assert frozen["error"]["details"] == (
        "/at: expected an instant at or after the world's current time, 2030-01-15T12:00:00Z:"
        " time never goes back. POST /_sandbox/worlds creates a world that starts earlier."
    )


class TestLive:
    """With a live clock, which also moves by itself."""

    @pytest.fixture
    def settings(self) -> Settings:
        """A live clock."""
        return Settings(clock="live", seed=7)

    async def test_an_advance_of_a_live_clock_lists_everything_that_happened_in_order(
        self, webhooks: WebhookApi, receiver: Receiver
    ) -> None:
        """Including what falls due while its attempts run."""
        receiver.usual = Answer(status=500, after=0.02)
        await webhooks.create_endpoint(receiver.url, retries=["1h", "1h"])
        for _ in range(5):
            await webhooks.pay()
        for _ in range(5):
            await webhooks.pay(card_number=PENDING)
        await webhooks.advance("0s")
        happened = await webhooks.advance("1d")
        told = Counter(each["what"] for each in happened)

        assert told == {"webhook.failed": 5 * 2 + 5 * 3, "payment.completed": 5}
        instants = [read_instant(each["at"]) for each in happened]
        assert instants == sorted(instants)


async def test_an_advance_to_next_does_one_attempt_and_lists_its_outcome(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(500, 500)
    await webhooks.create_endpoint(receiver.url)
    payment_id = await webhooks.pay()
    await webhooks.settle()
    moved = await webhooks.control("advance_clock", {"next": True})
    delivery = await webhooks.only_delivery()

    assert moved == {
        "now": "2030-01-15T10:30:05Z",
        "happened": [
            {
                "at": "2030-01-15T10:30:05Z",
                "what": "webhook.failed",
                "payment_id": payment_id,
                "event_id": delivery["event_id"],
                "delivery_id": delivery["id"],
                "error": "answered 500",
            }
        ],
    }
    assert (await webhooks.control("retrieve_clock"))["due"] == [
        {
            "at": "2030-01-15T10:35:05Z",
            "what": "webhook.attempt",
            "payment_id": payment_id,
            "delivery_id": delivery["id"],
        }
    ]


async def test_a_hanging_endpoint_delays_neither_the_api_nor_another_endpoint(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    async with receiving() as slow:
        await webhooks.create_endpoint(slow.url)
        await webhooks.pay()
        await webhooks.settle()  # it has answered: from now on eight at once may go there
        slow.usual = Answer(gate=gate)
        await webhooks.create_endpoint(receiver.url)
        for _ in range(100):
            await webhooks.pay()
        await receiver.arrived(100)
        await slow.arrived(1 + MAX_PER_ENDPOINT)

        assert len(slow.hits) == 1 + MAX_PER_ENDPOINT
        gate.set()
        await slow.arrived(101)
        assert slow.most == MAX_PER_ENDPOINT
    assert sorted(receiver.bodies) == sorted(slow.bodies[1:])


async def test_hanging_endpoints_of_a_hundred_worlds_do_not_delay_another_world(
    api: Api, webhooks: WebhookApi, receiver: Receiver, sandbox: AssembledServer
) -> None:
    gate = asyncio.Event()
    async with receiving() as slow:
        slow.usual = Answer(gate=gate)
        crowd = [
            WebhookApi(api, webhooks.control, sandbox, key=f"sk_test_slow{n}") for n in range(100)
        ]
        for each in crowd:
            await each.create_endpoint(slow.url, timeout="30s")
            for _ in range(3):
                await each.pay()
        await slow.arrived(100)
        await webhooks.create_endpoint(receiver.url)
        for _ in range(20):
            await webhooks.pay()
        await receiver.arrived(20)

        assert len(slow.hits) == 100
        gate.set()
        await slow.arrived(300)


async def test_a_new_endpoint_gets_one_webhook_at_a_time_until_it_answers(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    gate, later = asyncio.Event(), asyncio.Event()
    receiver.script(Answer(gate=gate))
    receiver.usual = Answer(gate=later)
    await webhooks.create_endpoint(receiver.url)
    for _ in range(20):
        await webhooks.pay()
    assert len(receiver.hits) == 1
    gate.set()
    await receiver.arrived(1 + MAX_PER_ENDPOINT)
    later.set()
    await receiver.arrived(20)

    assert receiver.most == MAX_PER_ENDPOINT


async def test_the_api_answers_while_a_webhook_is_in_flight(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """The delivery is pending."""
    receiver.usual = Answer(gate=asyncio.Event())
    await webhooks.create_endpoint(receiver.url)
    payment_id = await webhooks.pay()
    await receiver.arrived(1)
    shown = await ask(webhooks.api, "GET", f"/v3/payments/{payment_id}")
    (delivery,) = await webhooks.deliveries()

    assert shown["status"] == "completed"
    assert (delivery["status"], delivery["attempts"]) == ("pending", [])
    assert delivery["next_attempt_at"] is None
