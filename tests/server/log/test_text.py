"""Tests coloured log lines: the same text, and no wider."""

import re
from dataclasses import replace

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.colours import BAD, END, GOOD, POOR
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.log.lines import LogLine, WebhookLine
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.log.text import format_line, format_webhook
from tests.support.http import client_of
from tests.support.tables import for_each

LINE = LogLine(
    at="2030-01-15T10:30:00.250Z",
    what="create_payment",
    status=201,
    fault=None,
    target="/v3/payments",
    body={"amount": 2500, "currency": "USD", "customer_id": "cust_abc123"},
    reply={"id": "pay_1"},
    card="visa 1111",
    rule="lost",
    step=2,
    committed=True,
    duration_ms=0.84,
    id="req_1",
    world="a test",
)
DELIVERED = WebhookLine(
    "2030-01-15T10:30:00Z", "payment.completed", 200, None, "evt_1", "inbox:a", 1, "delivered",
    None, 0.1, "dlv_1", "a test",
)  # fmt: skip


def without_colours(text: str) -> str:
    """Return a text without its colour codes."""
    return re.sub(r"\x1b\[[0-9]*m", "", text)


@for_each("width", [None, 20, 60, 80, 120])
def test_colours_do_not_change_the_text_of_a_log_line(width: int | None) -> None:
    shown = format_line(LINE, width, is_coloured=True)
    assert without_colours(shown) == format_line(LINE, width)
    webhook = format_webhook(DELIVERED, width, is_coloured=True)
    assert without_colours(webhook) == format_webhook(DELIVERED, width)


@pytest.mark.parametrize(
    ("status", "fault", "outcome"),
    [
        (201, None, f"{GOOD}201{END}"),
        (302, None, f"{POOR}302{END}"),
        (404, None, f"{POOR}404{END}"),
        (503, None, f"{BAD}503{END}"),
        (201, "truncate", f"{BAD}201 truncate{END}"),
        (None, "drop", f"{BAD}drop{END}"),
    ],
)
def test_the_outcome_of_a_request_is_coloured_by_status_and_fault(
    status: int | None, fault: str | None, outcome: str
) -> None:
    shown = format_line(LINE._replace(status=status, fault=fault), is_coloured=True)
    assert shown.split("  ")[2] == outcome


def test_the_outcome_of_a_webhook_is_coloured() -> None:
    failed = DELIVERED._replace(error="answered 500", becomes="failed")
    lines = [format_webhook(each, is_coloured=True) for each in (DELIVERED, failed)]
    assert [line.split("  ")[2] for line in lines] == [
        f"{GOOD}200{END}",
        f"{BAD}answered 500{END}",
    ]


async def test_a_rejected_request_is_logged_in_lines_wrapped_to_the_terminal(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    """The whole reason is shown."""
    lines: list[str] = []
    log = RequestLog(lines.append, lambda: 60, is_coloured=True)
    stranger = await client_of(aiohttp_client, assemble(replace(settings, strict_keys=True), log))
    for key in ("Bearer sk_live_1", "Bearer sk_test_unknown"):
        async with stranger.get("/v3/payments", headers={"Authorization": key}) as reply:
            assert reply.status == 401

    assert lines == [
        (
            f"\x1b[1mGET /v3/payments{END}  {BAD}401{END}  {BAD}invalid_api_key{END}\n"
            "  A sandbox key is sk_test_ followed by 1 to 64 letters,\n"
            "  digits, '-' or '_', as in 'Authorization: Bearer\n"
            "  sk_test_sandbox'."
        ),
        (
            f"\x1b[1mGET /v3/payments{END}  {BAD}401{END}  {BAD}invalid_api_key{END}\n"
            "  No world has this key (--strict-keys). POST\n"
            "  /_sandbox/worlds creates one."
        ),
    ]
