"""The lines that `logs` and `listen` print for journal entries and deliveries."""

import pytest

from payments_sandbox.cli.commands.listen import delivery_line, is_wanted
from payments_sandbox.cli.commands.logs import entry_line
from payments_sandbox.client.models import (
    DeliveryModel,
    DeliveryStatusLiteral,
    JournalEntryModel,
)
from payments_sandbox.payments.events import EventType
from payments_sandbox.server.log.text import format_line, format_webhook
from payments_sandbox.webhooks.endpoint import Endpoint
from tests.support.tables import for_each

EVENTS = [*EventType, "payout.paid"]
FILTERS = ["*", "payment.*", "payment.failed", "refund.*", "chargeback.created"]


def delivery(
    *,
    status: DeliveryStatusLiteral,
    answer: int | None,
    error: str | None,
    next_at: str | None = None,
) -> DeliveryModel:
    """Return a delivery with one attempt."""
    return {
        "id": "dlv_1",
        "event_id": "evt_1",
        "endpoint_id": "we_1",
        "type": "payment.failed",
        "status": status,
        "attempts": [
            {
                "at": "2030-01-15T10:30:00Z",
                "sent_at": "2030-01-15T10:30:00Z",
                "request": {"headers": {}, "body": ""},
                "response": None
                if answer is None
                else {"status": answer, "headers": {}, "body": ""},
                "error": error,
                "duration_ms": 3.14159,
            }
        ],
        "next_attempt_at": next_at,
    }


@pytest.mark.parametrize(
    ("shown", "rest"),
    [
        (delivery(status="delivered", answer=204, error=None), "204  evt_1  http://r/  3.1 ms"),
        (
            delivery(
                status="pending",
                answer=500,
                error="answered 500",
                next_at="2030-01-16T10:30:00.250Z",
            ),
            "answered 500  evt_1  http://r/  retry at 2030-01-16T10:30:00Z  3.1 ms",
        ),
        (
            delivery(status="pending", answer=None, error="no answer within 10s"),
            "no answer within 10s  evt_1  http://r/  retry now  3.1 ms",
        ),
        (
            delivery(status="failed", answer=None, error="x"),
            "x  evt_1  http://r/  given up  3.1 ms",
        ),
        (
            delivery(status="disabled", answer=410, error="answered 410"),
            "answered 410  evt_1  http://r/  endpoint disabled or deleted  3.1 ms",
        ),
        (
            delivery(status="failed", answer=302, error="to \x1b[2Jé"),
            r"to \x1b[2J\xe9  evt_1  http://r/  given up  3.1 ms",
        ),
    ],
    ids=[
        "delivered",
        "retry later",
        "retry now",
        "given up",
        "endpoint disabled",
        "control characters",
    ],
)
def test_a_delivery_is_formatted_as_one_line(shown: DeliveryModel, rest: str) -> None:
    """It shows time, event, URL, result and next attempt, with control characters escaped."""
    assert format_webhook(delivery_line(shown, "http://r/")) == (
        f"2030-01-15T10:30:00Z  webhook payment.failed  {rest}  dlv_1"
    )


@for_each("event", EVENTS)
@for_each("wanted", FILTERS)
def test_event_filters_of_listen_match_as_those_of_endpoints(event: str, wanted: str) -> None:
    """`listen` prints exactly the events that an endpoint would get."""
    endpoint = Endpoint(number=0, id="we_1", url="", secret="", events=(wanted,))
    assert is_wanted(event, [wanted]) == endpoint.wants(event)


@pytest.mark.parametrize(
    ("body", "card"),
    [
        ({"payment_method": {"card_number": "************1111"}}, "…1111"),
        ({"payment_method": {"card_number": "****"}}, None),
        ({"payment_method": {"card_number": 4}}, None),
        ({"payment_method": "card"}, None),
        ([], None),
        (None, None),
    ],
    ids=[
        "masked number",
        "masked completely",
        "not a string",
        "no card object",
        "a list",
        "no body",
    ],
)
def test_a_journal_line_shows_the_last_four_digits_of_the_card(
    body: object, card: str | None
) -> None:
    """A request without a card number shows no digits."""
    entry: JournalEntryModel = {
        "id": "req_1",
        "at": "2030-01-15T10:30:00.250Z",
        "operation": "create_payment",
        "method": "POST",
        "path": "/v3/payments",
        "request": {"headers": {}, "body": body},
        "response": {
            "status": 400,
            "headers": {},
            "body": {"error": {"code": "invalid_request"}},
        },
        "fault": None,
        "rule": None,
        "step": None,
        "committed": None,
        "considered": [],
        "duration_ms": 0.04,
    }
    code = ["create_payment", "400", "invalid_request"]
    parts = ["2030-01-15T10:30:00Z", *code, card, "0.0 ms", "req_1", "sk_test_1"]
    assert format_line(entry_line(entry, "sk_test_1")) == "  ".join(filter(None, parts))
    named: JournalEntryModel = {**entry, "world": "a test", "response": None, "fault": "hang"}
    assert entry_line(named, "sk_test_1").world == "a test"
    assert format_line(entry_line(named, "sk_test_1")).split("  ")[2] == "hang"
