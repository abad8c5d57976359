"""Tests when a webhook is retried: the schedule, Retry-After, and how it ends."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from payments_sandbox.core.instants import DAY, Instant, read_instant, show_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.retry_policy import DELAYS
from tests.support.http import WebhookApi, attempt_errors, attempt_instants, until
from tests.support.receiver import Answer, Receiver
from tests.support.values import KEY

START = "2030-01-15T10:30:00Z"
DESIGNED = (
    "2030-01-15T10:30:00Z",
    "2030-01-15T10:30:05Z",
    "2030-01-15T10:35:05Z",
    "2030-01-15T11:05:05Z",
    "2030-01-15T13:05:05Z",
    "2030-01-15T18:05:05Z",
    "2030-01-16T04:05:05Z",
    "2030-01-16T18:05:05Z",
    "2030-01-17T14:05:05Z",
    "2030-01-18T14:05:05Z",
)


def later(milliseconds: int) -> str:
    """Return an instant after the tests' start."""
    return show_instant(Instant(read_instant(START) + milliseconds))


def outcome(delivery: dict[str, Any]) -> tuple[str, str | None]:
    """Return the status of a delivery, and when it is retried."""
    return delivery["status"], delivery["next_attempt_at"]


async def test_a_failing_endpoint_gets_ten_attempts_at_the_designed_instants(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Then the delivery has failed permanently."""
    receiver.usual = Answer(status=500, body=b"oops")
    await webhooks.create_endpoint(receiver.url)
    payment_id = await webhooks.pay()
    happened = await webhooks.advance("4d")
    (delivery,) = await webhooks.deliveries()

    assert outcome(delivery) == ("failed", None)
    assert tuple(attempt_instants(delivery)) == DESIGNED
    assert attempt_errors(delivery) == ["answered 500"] * 10
    assert happened == [
        {
            "at": at,
            "what": "webhook.failed",
            "payment_id": payment_id,
            "event_id": delivery["event_id"],
            "delivery_id": delivery["id"],
            "error": "answered 500",
        }
        for at in DESIGNED[1:]
    ]
    assert len(set(receiver.bodies)) == 1
    assert len(receiver.hits) == 10
    await webhooks.advance("30d")
    assert len(receiver.hits) == 10


async def test_a_successful_retry_ends_the_schedule(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(500, 500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    happened = await webhooks.advance("4d")
    (delivery,) = await webhooks.deliveries()

    assert outcome(delivery) == ("delivered", None)
    assert tuple(attempt_instants(delivery)) == DESIGNED[:3]
    assert attempt_errors(delivery) == ["answered 500", "answered 500", None]
    assert [each["what"] for each in happened] == ["webhook.failed", "webhook.delivered"]


async def test_an_attempt_shows_its_request_and_response_in_full(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(Answer(status=503, headers={"X-Why": "busy"}, body="später".encode()))
    endpoint_id = await webhooks.create_endpoint(receiver.url, headers={"X-Tenant": "7"})
    await webhooks.pay()
    delivery = await webhooks.only_delivery()
    (hit,) = receiver.hits
    (attempt,) = delivery["attempts"]

    assert delivery == {
        "id": delivery["id"],
        "event_id": hit.event_id,
        "endpoint_id": endpoint_id,
        "type": "payment.completed",
        "status": "pending",
        "attempts": [attempt],
        "next_attempt_at": DESIGNED[1],
    }
    assert attempt == {
        "at": START,
        "sent_at": attempt["sent_at"],
        "request": {"headers": attempt["request"]["headers"], "body": hit.body.decode()},
        "response": {
            "status": 503,
            "headers": {"Content-Length": "7", "X-Why": "busy"},
            "body": "später",
        },
        "error": "answered 503",
        "duration_ms": attempt["duration_ms"],
    }
    logged = {name.lower(): value for name, value in attempt["request"]["headers"].items()}
    assert logged == hit.headers
    assert hit.headers["x-tenant"] == "7"
    sent_at = read_instant(attempt["sent_at"])
    assert hit.headers["webhook-timestamp"] == str(sent_at // 1_000)
    assert await webhooks.control("retrieve_delivery", delivery_id=delivery["id"]) == delivery


@pytest.mark.parametrize(
    ("status", "asked", "wait"),
    [
        (429, "120", 120_000),
        (503, "120", 120_000),
        (429, "1", DELAYS[0]),
        (429, "0", DELAYS[0]),
        (429, "999999", DAY),
        (429, "soon", DELAYS[0]),
        (429, "-5", DELAYS[0]),
        (500, "120", DELAYS[0]),
        (301, "120", DELAYS[0]),
    ],
)
async def test_retry_after_in_seconds_delays_the_next_attempt_of_429_and_503(
    webhooks: WebhookApi, receiver: Receiver, status: int, asked: str, wait: int
) -> None:
    """If it is later than the schedule; by a day at most."""
    receiver.script(Answer(status=status, headers={"Retry-After": asked}))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()

    assert outcome(await webhooks.only_delivery()) == ("pending", later(wait))


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [
        (timedelta(hours=1), range(3_598_000, 3_600_001)),
        (timedelta(days=9), range(DAY, DAY + 1)),
        (timedelta(days=-9), range(DELAYS[0], DELAYS[0] + 1)),
    ],
    ids=["in an hour", "in nine days", "in the past"],
)
async def test_retry_after_as_a_date_delays_the_next_attempt(
    webhooks: WebhookApi, receiver: Receiver, ahead: timedelta, waits: range
) -> None:
    """Its distance from the real time is applied to the world's clock."""
    asked = format_datetime(real_now() + ahead, usegmt=True)
    receiver.script(Answer(status=429, headers={"Retry-After": asked}))
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    delivery = await webhooks.only_delivery()

    wait = read_instant(delivery["next_attempt_at"]) - read_instant(START)
    assert wait in waits or wait + 999 in waits


async def test_retry_after_applies_once_and_the_schedule_continues(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.script(Answer(status=429, headers={"Retry-After": "3600"}))
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.advance("1h")
    (delivery,) = await webhooks.deliveries()

    assert outcome(delivery) == ("pending", later(3_600_000 + DELAYS[1]))


async def test_an_answer_of_410_disables_the_endpoint_and_its_pending_deliveries(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Later events are logged without an attempt."""
    receiver.script(500, 410)
    endpoint_id = await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()
    await webhooks.pay()
    first, second = await webhooks.settle()

    assert (outcome(first), attempt_errors(first)) == (("disabled", None), ["answered 500"])
    assert (outcome(second), attempt_errors(second)) == (("disabled", None), ["answered 410"])
    endpoint = await webhooks.control("retrieve_webhook_endpoint", endpoint_id=endpoint_id)
    assert endpoint["enabled"] is False

    await webhooks.pay()
    assert await webhooks.advance("4d") == []
    *_, third = await webhooks.deliveries()
    assert (outcome(third), third["attempts"]) == (("disabled", None), [])
    assert len(receiver.hits) == 2


async def test_an_answer_of_410_ends_other_deliveries_and_keeps_their_attempts(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """None of them is retried."""
    await webhooks.create_endpoint(receiver.url)
    await webhooks.pay()
    await webhooks.settle()  # it has answered, so eight at once may go there
    receiver.script(410)
    receiver.usual = Answer(status=500, after=0.05)
    for _ in range(3):
        await webhooks.pay(card_number="4000009900000012")
    await webhooks.advance("1h")
    _, *deliveries = await webhooks.deliveries()

    assert [each["status"] for each in deliveries] == ["disabled"] * 3
    assert [attempt_errors(each) for each in deliveries] == [
        ["answered 410"],
        ["answered 500"],
        ["answered 500"],
    ]
    assert len(receiver.hits) == 4


async def test_the_retries_of_an_endpoint_replace_the_schedule(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url, retries=["1s", "10m"])
    await webhooks.pay()
    await webhooks.advance("1d")
    (delivery,) = await webhooks.deliveries()

    assert outcome(delivery) == ("failed", None)
    assert attempt_instants(delivery) == [START, later(1_000), later(601_000)]


async def test_an_empty_schedule_never_retries(webhooks: WebhookApi, receiver: Receiver) -> None:
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url, retries=[])
    await webhooks.pay()

    assert outcome(await webhooks.only_delivery()) == ("failed", None)


async def test_a_retry_with_a_delay_of_zero_is_made_at_once(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """Also on a frozen clock."""
    receiver.script(500, 500)
    await webhooks.create_endpoint(receiver.url, retries=["0s", "0s"])
    await webhooks.pay()
    await receiver.arrived(3)
    await webhooks.wait_for_in_flight(0)
    (delivery,) = await webhooks.deliveries()

    assert outcome(delivery) == ("delivered", None)
    assert attempt_instants(delivery) == [START] * 3


async def test_a_retry_delay_of_more_than_365_days_is_rejected(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """365 days are accepted."""
    error = await webhooks.control(
        "create_webhook_endpoint", {"url": receiver.url, "retries": ["1s", "366d"]}, status=400
    )
    assert error["error"]["details"] == "/retries/1: expected a duration of at most 365d."
    receiver.usual = Answer(status=500)
    await webhooks.create_endpoint(receiver.url, retries=["365d"])
    await webhooks.pay()

    assert outcome(await webhooks.only_delivery()) == ("pending", "2031-01-15T10:30:00Z")


class TestLive:
    """With a live clock."""

    @pytest.fixture
    def settings(self) -> Settings:
        """A live clock."""
        return Settings(clock="live", seed=7)

    async def test_retries_are_made_without_requests_on_a_live_clock(
        self, webhooks: WebhookApi, receiver: Receiver, sandbox: AssembledServer
    ) -> None:
        """By timers."""
        receiver.script(500, 500)
        await webhooks.create_endpoint(receiver.url, retries=["10ms", "10ms"])
        await webhooks.pay()
        await receiver.arrived(3)
        outbox = sandbox.runtime.worlds.get_or_create(KEY).open_webhooks().outbox
        await until(webhooks.api, lambda: outbox.pending == 0)
        (delivery,) = await webhooks.deliveries()

        assert outcome(delivery) == ("delivered", None)
        assert attempt_errors(delivery) == ["answered 500", "answered 500", None]
        assert len(sandbox.runtime.timers) == 0


def real_now() -> datetime:
    """Return the wall clock's time, as a receiver reads it."""
    return datetime.now(UTC)  # noqa: TID251 - the receiver's clock is the real one
