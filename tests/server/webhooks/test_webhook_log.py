"""Tests the server's log of webhooks, as lines and as JSON, and its counts."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.log.json_log import JsonLog
from payments_sandbox.server.log.lines import WebhookLine
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.log.text import format_webhook
from tests.support.http import Api, Control, Json, ask, paid
from tests.support.in_process import NOON


@pytest.fixture
def lines() -> list[str]:
    """The logged lines."""
    return []


@pytest.fixture
def log(lines: list[str], request: pytest.FixtureRequest) -> RequestLog:
    """A text log, or a JSON log if the test's parameter says so."""
    if getattr(request, "param", "text") == "json":
        return JsonLog(lines.append, lambda: NOON)
    return RequestLog(lines.append)


@pytest.fixture
async def sandbox(settings: Settings, log: RequestLog) -> AsyncIterator[AssembledServer]:
    """A sandbox that logs to `lines`."""
    sandbox = assemble(settings, log)
    yield sandbox
    await sandbox.runtime.dispatcher.close()


async def story(api: Api, control: Control) -> None:
    """Make a payment whose webhook arrives at one endpoint, and fails twice at another."""
    for url in ("inbox:mine", "http://127.0.0.1:9/hooks"):
        await ask(api, "POST", "/_sandbox/webhook_endpoints", 201, json={"url": url})
    await paid(api)
    await control("advance_clock", {"by": "6s"})
    async with api.get("/v3/payments", headers={"Authorization": "Bearer sk_live_1"}) as reply:
        assert reply.status == 401


async def test_each_webhook_attempt_is_logged_in_one_line_and_counted(
    api: Api, control: Control, lines: list[str], sandbox: AssembledServer
) -> None:
    """With number, outcome, address and next attempt."""
    await story(api, control)

    told = sorted(re.sub(r"[0-9.]+ ms|(?<=evt_|dlv_)\w+", "…", line) for line in lines[1:-1])
    refused = "the connection was refused  evt_…  http://127.0.0.1:9/hooks"
    assert told == [
        (
            "2030-01-15T10:30:00Z  webhook payment.completed  200  evt_…  inbox:mine"
            "  …  dlv_…  sk_test_sandbox"
        ),
        (
            f"2030-01-15T10:30:00Z  webhook payment.completed  {refused}  retry at 10:30:05"
            "  …  dlv_…  sk_test_sandbox"
        ),
        (
            f"2030-01-15T10:30:05Z  webhook payment.completed  {refused}  attempt 2"
            "  retry at 10:35:05  …  dlv_…  sk_test_sandbox"
        ),
    ]
    metrics = sandbox.runtime.metrics
    assert (metrics.answers(), metrics.turned_away) == ({"201": 1}, 1)
    assert metrics.attempts_by_delivery() == {"delivered": 1, "pending": 2}


@pytest.mark.parametrize("log", ["json"], indirect=True)
async def test_each_json_log_line_has_its_kind_and_the_id_of_its_request_or_delivery(
    api: Api, control: Control, lines: list[str]
) -> None:
    await story(api, control)

    said: list[Json] = [json.loads(line) for line in lines]
    requests = await control("list_requests")
    deliveries = await control("list_deliveries")
    assert {each["kind"] for each in said} == {"request", "webhook", "refusal"}
    assert [each["id"] for each in said if each["kind"] == "request"] == [
        each["id"] for each in requests["data"]
    ]
    assert {each["id"] for each in said if each["kind"] == "webhook"} == {
        each["id"] for each in deliveries["data"]
    }
    paid_line = said[0]
    assert paid_line["received_at"].startswith("20")
    assert paid_line["duration_ms"] > 0
    assert {
        key: value
        for key, value in paid_line.items()
        if key not in {"id", "received_at", "duration_ms"}
    } == {
        "kind": "request",
        "at": "2030-01-15T10:30:00Z",
        "world": "sk_test_sandbox",
        "operation": "create_payment",
        "method": "POST",
        "path": "/v3/payments",
        "status": 201,
        "fault": None,
        "error": None,
        "field": None,
        "result": requests["data"][0]["response"]["body"]["id"],
        "amount": 2500,
        "currency": "USD",
        "customer_id": "cust_abc123",
        "card": "visa 1111",
        "rule": None,
        "step": None,
        "committed": True,
    }
    retried = next(each for each in said if each.get("attempt") == 2)
    assert retried["url"] == "http://127.0.0.1:9/hooks"
    assert (retried["status"], retried["error"]) == (None, "the connection was refused")
    assert (retried["delivery"], retried["next_attempt_at"]) == ("pending", "2030-01-15T10:35:05Z")
    assert said[-1] == {
        "kind": "refusal",
        "received_at": "2030-01-15T12:00:00Z",
        "method": "GET",
        "path": "/v3/payments",
        "status": 401,
        "error": "invalid_api_key",
        "details": (
            "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
            " as in 'Authorization: Bearer sk_test_sandbox'."
        ),
        "header": None,
    }


@pytest.mark.parametrize("log", ["json"], indirect=True)
@pytest.mark.parametrize(
    ("body", "amount", "currency"),
    [
        ('{"amount": 99999999999999999999, "currency": "USD"}', None, None),
        ('{"amount": 1, "currency": 7}', 1, None),
        ("[1]", None, None),
        ('"text"', None, None),
        (f'{{"amount": 5, "currency": "{"x" * 300}"}}', 5, "x" * 255),
    ],
)
async def test_a_json_log_line_has_only_valid_fields_of_a_body(
    api: Api, lines: list[str], body: str, amount: int | None, currency: str | None
) -> None:
    """Whatever a client sends, every line is JSON that any reader accepts."""
    json_type = {"Content-Type": "application/json"}
    await ask(api, "POST", "/v3/payments", 400, data=body, headers=json_type)
    said = json.loads(lines[0])
    assert (said["amount"], said["currency"]) == (amount, currency)
    assert said["error"] == "invalid_request"


@pytest.mark.parametrize("log", ["json"], indirect=True)
async def test_a_json_log_line_of_a_rejected_request_names_the_wrong_header(
    api: Api, lines: list[str]
) -> None:
    async with api.get("/v3/payments", headers={"Host": "evil.test:80"}) as reply:
        assert reply.status == 400
    said = json.loads(lines[0])
    assert (said["error"], said["header"]) == ("unknown_host", "Host: evil.test:80")


LINE = WebhookLine(
    at="2030-01-15T10:30:00.250Z",
    type="payment.completed",
    status=500,
    error="answered 500",
    event_id="evt_4f38a6aa400e5eac",
    url="http://localhost:3000/webhooks",
    number=2,
    becomes="pending",
    next_at="2030-01-15T10:35:05Z",
    duration_ms=3.14,
    id="dlv_96d504c5f29c2892",
    world="a test",
)


@pytest.mark.parametrize(
    ("line", "narrow", "wide"),
    [
        (
            LINE,
            "10:30:00  payment.completed  answered 500  localhost:3000/webhooks  attempt 2",
            (
                "2030-01-15T10:30:00Z  webhook payment.completed  answered 500"
                "  localhost:3000/webhooks  attempt 2  retry at 10:35:05"
            ),
        ),
        (
            LINE._replace(
                error="answered 302, a redirect to http://elsewhere.test/ that is not followed",
                url=f"https://{'x' * 60}",
                next_at="2030-01-16T10:35:05Z",
            ),
            "10:30:00  payment.completed  answered 302, a redirect to http://…  attempt 2",
            (
                "2030-01-15T10:30:00Z  webhook payment.completed"
                "  answered 302, a redirect to http://…  retry at 2030-01-16T10:35:05Z"
            ),
        ),
        (
            LINE._replace(status=200, error=None, becomes="delivered", next_at=None, number=1),
            ("10:30:00  payment.completed  200  evt_4f38a6aa400e5eac  localhost:3000/webhooks"),
            (
                "2030-01-15T10:30:00Z  webhook payment.completed  200  evt_4f38a6aa400e5eac"
                "  localhost:3000/webhooks  3.1 ms  a test"
            ),
        ),
    ],
)
def test_a_webhook_log_line_fits_the_terminal(line: WebhookLine, narrow: str, wide: str) -> None:
    assert [format_webhook(line, 80), format_webhook(line, 120)] == [narrow, wide]
    assert (len(narrow) <= 80, len(wide) <= 120) == (True, True)
