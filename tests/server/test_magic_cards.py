"""Tests a payment with each magic card through a real client, and the world afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.magic_cards import MAGIC_CARDS, MagicCard
from payments_sandbox.rules.model import RequestRule
from tests.support.sockets import RunningServer, WorldClient, running_server
from tests.support.values import LONGEST_WAIT

BY_NAME = {card.name: card for card in MAGIC_CARDS}


@dataclass(frozen=True)
class Story:
    """The effect of a card: status and code of the reply, the payment, the events now and later."""

    status: int | None
    code: str | None = None
    kept: str | None = None
    events: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    fault: str | None = None


def pays(*later: str, status: int | None = 201, **reply: str) -> Story:
    """Return the story of a card whose payment is made, whatever the reply."""
    return Story(
        status, kept="completed", events=["payment.completed"], later=list(later), **reply
    )  # fmt: skip


def declines(code: str) -> Story:
    """Return the story of a card whose attempt is kept as a failed payment."""
    return Story(400, code, "failed", ["payment.failed"])


def pends(*later: str) -> Story:
    """Return the story of a card whose payment is pending, and settles later or never."""
    return Story(201, kept="pending", later=list(later))


STORIES = {
    "visa": pays(),
    "visa_2": pays(),
    "visa_debit": pays(),
    "mastercard": pays(),
    "mastercard_2series": pays(),
    "amex": pays(),
    "discover": pays(),
    "diners": pays(),
    "jcb": pays(),
    "unionpay": pays(),
    "declined": declines("card_declined"),
    "insufficient_funds": declines("insufficient_funds"),
    "lost_card": declines("lost_card"),
    "stolen_card": declines("stolen_card"),
    "expired_card": declines("expired_card"),
    "incorrect_cvc": declines("incorrect_cvc"),
    "processing_error": declines("processing_error"),
    "velocity_exceeded": declines("card_velocity_exceeded"),
    "fraud_suspected": declines("fraud_suspected"),
    "chargeback_fraudulent": pays("chargeback.created"),
    "chargeback_not_received": pays("chargeback.created"),
    "refund_declined": pays(),
    "pending_then_completed": pends("payment.completed"),
    "pending_then_failed": pends("payment.failed"),
    "pending_forever": pends(),
    "server_error": Story(500, "internal_error"),
    "server_error_after_commit": pays(status=500, code="internal_error"),
    "connection_reset": Story(None, fault="drop"),
    "connection_reset_after_commit": pays(status=None, fault="drop"),
    "timeout": Story(None, fault="hang"),
    "timeout_after_commit": pays(status=None, fault="hang"),
    "rate_limited": Story(429, "rate_limit_exceeded"),
    "fails_twice_then_completes": Story(500, "internal_error"),
    "slow": pays(),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """One server for all tests; nothing is held longer than a tenth of a second."""
    with running_server(Settings(port=0, max_wall_delay=100)) as server:
        yield server


@pytest.fixture
def shop(server: RunningServer, caplog: pytest.LogCaptureFixture) -> Iterator[WorldClient]:
    """A new world; afterwards nothing waits, and no error was logged."""
    with WorldClient(server) as shop:
        yield shop
    assert len(server.sandbox.runtime.delayed_replies) == 0
    assert [record for record in caplog.get_records("call") if record.levelname == "ERROR"] == []


def pay(shop: WorldClient, card: MagicCard) -> tuple[int | None, str | None]:
    """Return the status and the error's code; no status if there is no reply."""
    try:
        reply = shop.pay(card_number=card.number, cvc="1234" if card.name == "amex" else "123")
    except requests.ConnectionError:
        return None, None
    return reply.status_code, reply.json().get("error", {}).get("code")


def rule_of(card: MagicCard) -> str | None:
    """Return the name of the rule that answers the card's payments."""
    answers = any(isinstance(rule, RequestRule) for rule in card.rules)
    return f"card:{card.name}" if answers and card.operation == "create_payment" else None


def test_every_magic_card_is_tested() -> None:
    """A new card needs its row here."""
    assert list(STORIES) == [card.name for card in MAGIC_CARDS]


@pytest.mark.parametrize("name", STORIES)
def test_each_magic_card_has_its_documented_reply_payment_and_events(
    shop: WorldClient, name: str
) -> None:
    """And what follows within two days."""
    card, story = BY_NAME[name], STORIES[name]
    assert pay(shop, card) == (story.status, story.code)
    assert shop.counts() == ({story.kept: 1} if story.kept else {})
    assert shop.events() == story.events
    entry = shop.last_request()
    status = entry["response"] and entry["response"]["status"]
    assert (status, entry["fault"], entry["rule"]) == (story.status, story.fault, rule_of(card))
    assert shop.advance("2d") == story.later
    assert shop.events() == story.events + story.later


@pytest.mark.parametrize("name", STORIES)
def test_the_next_payment_succeeds_after_each_magic_card(shop: WorldClient, name: str) -> None:
    """Except when the limit is used up."""
    pay(shop, BY_NAME[name])
    expected = 429 if name == "rate_limited" else 201
    assert shop.pay(card_number="4111111111111111").status_code == expected


@pytest.mark.parametrize("name", STORIES)
def test_the_reply_to_a_magic_card_has_only_the_usual_headers(shop: WorldClient, name: str) -> None:
    ordinary = set(shop.session.get(shop.payments_url, timeout=LONGEST_WAIT).headers)
    try:
        reply = shop.pay(card_number=BY_NAME[name].number)
    except requests.ConnectionError:
        assert STORIES[name].status is None
    else:
        assert set(reply.headers) == ordinary


@pytest.mark.parametrize(
    ("name", "committed"),
    [
        ("server_error", False),
        ("server_error_after_commit", True),
        ("connection_reset", False),
        ("connection_reset_after_commit", True),
        ("timeout", False),
        ("timeout_after_commit", True),
        ("rate_limited", False),
        ("slow", True),
    ],
)
def test_the_journal_entry_of_a_faulty_card_says_whether_it_was_committed(
    shop: WorldClient,
    name: str,
    committed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Which the client cannot know."""
    pay(shop, BY_NAME[name])
    entry = shop.last_request()
    assert (entry["rule"], entry["step"], entry["committed"]) == (f"card:{name}", 1, committed)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chargeback_fraudulent", "fraudulent"),
        ("chargeback_not_received", "product_not_received"),
    ],
)
def test_the_chargeback_of_a_card_comes_a_day_later_and_takes_what_is_left(
    shop: WorldClient, name: str, reason: str
) -> None:
    """To the second, with its reason."""
    payment_id = shop.pay(card_number=BY_NAME[name].number).json()["id"]
    refund = shop.session.post(
        f"{shop.payments_url}/{payment_id}/refunds", json={"amount": 500}, timeout=LONGEST_WAIT
    )
    assert shop.advance("86399s") == []
    assert shop.advance("1s") == ["chargeback.created"]
    event = shop.control("GET", "events?limit=1")["data"][0]
    assert (refund.status_code, event) == (
        201,
        {
            "id": event["id"],
            "type": "chargeback.created",
            "created_at": "2030-01-16T10:30:00Z",
            "data": {
                "payment_id": payment_id,
                "amount": 2000,
                "currency": "USD",
                "chargeback_id": event["data"]["chargeback_id"],
                "reason": reason,
            },
        },
    )


def test_the_chargeback_of_a_fully_refunded_payment_is_skipped(shop: WorldClient) -> None:
    card = BY_NAME["chargeback_fraudulent"]
    payment_id = shop.pay(card_number=card.number).json()["id"]
    url = f"{shop.payments_url}/{payment_id}/refunds"
    assert shop.session.post(url, json={}, timeout=LONGEST_WAIT).status_code == 201
    skipped = "chargeback.created skipped: 0 of 2500 is left to charge back."
    assert shop.advance("2d") == [skipped]
    assert shop.events() == ["payment.completed", "refund.created"]


def test_the_fails_twice_card_fails_each_customers_first_two_payments(shop: WorldClient) -> None:
    """Whoever else pays in between."""
    number = BY_NAME["fails_twice_then_completes"].number

    def status(customer: str | None) -> int:
        return shop.pay(card_number=number, customer_id=customer).status_code

    found = [status(who) for who in ("a", "b", "a", None, "a", "b", None, "b", None, "a")]
    assert found == [500, 500, 500, 500, 201, 500, 500, 201, 201, 201]
    assert shop.counts() == {"completed": 4}


def test_the_rate_limited_card_uses_up_the_limit_until_the_next_hour(shop: WorldClient) -> None:
    """Of the world's clock."""
    pay(shop, BY_NAME["rate_limited"])
    before = shop.session.get(shop.payments_url, timeout=LONGEST_WAIT)
    shop.advance("30m")
    after = shop.session.get(shop.payments_url, timeout=LONGEST_WAIT)
    names = ("X-RateLimit-Remaining", "X-RateLimit-Reset")
    found = [
        (each.status_code, *(each.headers[name] for name in names)) for each in (before, after)
    ]
    assert found == [(429, "0", "1894705200"), (200, "999", "1894708800")]


def test_the_slow_card_delays_the_whole_reply(shop: WorldClient) -> None:
    """Here at most --max-wall-delay."""
    reply = shop.pay(card_number=BY_NAME["slow"].number)
    entry = shop.last_request()
    assert (reply.json()["status"], entry["duration_ms"] >= 100) == ("completed", True)
