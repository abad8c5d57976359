"""Tests the log of requests: rejected requests are in it too, and no credential is."""

import re
from dataclasses import replace

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.log.lines import LogLine, customer_of
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.server.log.text import format_line
from tests.support.http import Api, client_of, paid
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED

SEND = "Send 'Authorization: Bearer sk_test_…'."
KEY = (
    "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)
STRICT = "No world has this key (--strict-keys). POST /_sandbox/worlds creates one."
HOST = "expected a local Host; start the sandbox with --allow-host NAME to allow another."
ORIGIN = (
    "pages of other origins are not allowed; start the sandbox with --cors ORIGIN to let one call"
    " /v3."
)
TOKEN = "Send the server's control token in the header Sandbox-Token."
SECRET = "0123456789secret"

REFUSED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "no key": ("GET", "/v3/payments", {}, f"GET /v3/payments  401  invalid_api_key  {SEND}"),
    "a live key": (
        "POST",
        "/v3/payments?limit=1",
        {"Authorization": f"Bearer sk_live_{SECRET}"},
        f"POST /v3/payments  401  invalid_api_key  {KEY}",
    ),
    "a key that was not created": (
        "GET",
        "/v3/payments/pay_1",
        {"Authorization": f"Bearer sk_test_{SECRET}"},
        f"GET /v3/payments/pay_1  401  invalid_api_key  {STRICT}",
    ),
    "a key of the control API": (
        "GET",
        "/_sandbox/world",
        {"Authorization": f"Bearer sk_live_{SECRET}", "Sandbox-Token": "token"},
        f"GET /_sandbox/world  401  invalid_api_key  {KEY}",
    ),
    "a wrong token": (
        "GET",
        "/_sandbox/cards",
        {"Sandbox-Token": SECRET},
        f"GET /_sandbox/cards  401  invalid_token  {TOKEN}",
    ),
    "a foreign host": (
        "GET",
        "/v3/payments",
        {"Host": "evil.test:80"},
        f"GET /v3/payments  400  unknown_host  {HOST}  Host: evil.test:80",
    ),
    "a host with a password": (
        "GET",
        "/_sandbox/live",
        {"Host": f"{SECRET}@evil.test"},
        f"GET /_sandbox/live  421  unknown_host  {HOST}  Host: evil.test",
    ),
    "a foreign page": (
        "POST",
        "/_sandbox/worlds",
        {"Origin": "http://evil.test"},
        f"POST /_sandbox/worlds  403  cross_site_request  {ORIGIN}  Origin: http://evil.test",
    ),
    "a preflight of a foreign page": (
        "OPTIONS",
        "/v3/payments",
        {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"},
        f"OPTIONS /v3/payments  400  cross_site_request  {ORIGIN}  Origin: http://localhost:5173",
    ),
    "a foreign page without an Origin": (
        "POST",
        "/v3/payments",
        {"Sec-Fetch-Site": "cross-site"},
        f"POST /v3/payments  400  cross_site_request  {ORIGIN}  Origin: (none)",
    ),
    "a card number": (
        "GET",
        "/v3/payments/4111111111111111",
        {},
        f"GET /v3/payments/************1111  401  invalid_api_key  {SEND}",
    ),
    "a long path": (
        "GET",
        "/v3/" + "x" * 100,
        {},
        f"GET /v3/{'x' * 52}  401  invalid_api_key  {SEND}",
    ),
}


@pytest.fixture
def lines() -> list[str]:
    """The logged lines."""
    return []


@pytest.fixture
def sandbox(lines: list[str], settings: Settings) -> AssembledServer:
    """A sandbox that logs to `lines`, with strict keys and a token."""
    return assemble(
        replace(settings, strict_keys=True, control_token="token"), RequestLog(lines.append)
    )


@pytest.mark.parametrize("case", REFUSED)
async def test_a_rejected_request_is_logged_in_one_line_without_its_credentials(
    aiohttp_client: AiohttpClient, sandbox: AssembledServer, lines: list[str], case: str
) -> None:
    """It is counted as turned away, and belongs to no world."""
    method, path, headers, line = REFUSED[case]
    stranger = await client_of(aiohttp_client, sandbox)
    async with stranger.request(method, path, headers=headers) as reply:
        await reply.read()
    (world,) = sandbox.runtime.worlds

    assert lines == [line]
    assert SECRET not in line
    assert len(world.journal) == 0
    assert (sandbox.runtime.metrics.turned_away, sandbox.runtime.metrics.answers()) == (1, {})


async def test_each_answered_call_is_logged_in_one_line(api: Api, lines: list[str]) -> None:
    """Calls of the control API are not logged."""
    payment_id = (await paid(api))["id"]
    await paid(api, 400, amount=0)
    async with api.get("/_sandbox/world", headers=AUTHORIZED | {"Sandbox-Token": "token"}) as reply:
        assert reply.status == 200

    assert [re.sub(r"[0-9.]+ ms  req_\w+", "N ms  req_…", line) for line in lines] == [
        (
            f"2030-01-15T10:30:00Z  create_payment  201  {payment_id}  2500 USD  cust_abc123"
            "  visa 1111  N ms  req_…  sk_test_sandbox"
        ),
        (
            "2030-01-15T10:30:00Z  create_payment  400  invalid_request  /amount  0 USD"
            "  cust_abc123  N ms  req_…  sk_test_sandbox"
        ),
    ]


LINE = LogLine(
    at="2030-01-15T10:30:00.250Z",
    what="create_payment",
    status=500,
    fault=None,
    target="/v3/payments",
    body={"amount": 2500, "currency": "USD", "customer_id": "cust_abc123"},
    reply={"error": {"code": "internal_error"}},
    card="visa 1111",
    rule="reply-lost",
    step=2,
    committed=True,
    duration_ms=0.84,
    id="req_47df6ebf2b69183b",
    world="a test",
)
REFUSED_LINE = LINE._replace(
    status=400,
    reply={"error": {"code": "invalid_request", "details": "/amount: expected an integer"}},
    rule=None,
    committed=False,
)
MADE = LINE._replace(status=201, reply={"id": "pay_89a87720e551cafb"}, rule=None, step=None)
WIDTHS = {
    "failed": (
        LINE,
        "10:30:00  create_payment  500  internal_error  reply-lost step 2  committed",
        (
            "2030-01-15T10:30:00Z  create_payment  500  internal_error  2500 USD  cust_abc123"
            "  reply-lost step 2  committed  a test"
        ),
    ),
    "refused": (
        REFUSED_LINE,
        "10:30:00  create_payment  400  invalid_request  /amount  2500 USD  cust_abc123",
        (
            "2030-01-15T10:30:00Z  create_payment  400  invalid_request  /amount  2500 USD"
            "  cust_abc123  req_47df6ebf2b69183b  a test"
        ),
    ),
    "made": (
        MADE,
        "10:30:00  create_payment  201  pay_89a87720e551cafb  2500 USD  cust_abc123",
        (
            "2030-01-15T10:30:00Z  create_payment  201  pay_89a87720e551cafb  2500 USD  cust_abc123"
            "  req_47df6ebf2b69183b  a test"
        ),
    ),
}


def test_a_log_line_without_a_width_has_every_field() -> None:
    assert format_line(LINE) == (
        "2030-01-15T10:30:00Z  create_payment  500  internal_error  2500 USD  cust_abc123"
        "  visa 1111  reply-lost step 2  committed  0.8 ms  req_47df6ebf2b69183b  a test"
    )


@pytest.mark.parametrize("case", WIDTHS)
def test_a_log_line_fits_the_terminal_and_drops_the_least_important_fields(case: str) -> None:
    line, narrow, wide = WIDTHS[case]

    assert [format_line(line, 80), format_line(line, 120)] == [narrow, wide]
    assert (len(narrow) <= 80, len(wide) <= 120) == (True, True)
    assert format_line(line, 20) == "10:30:00  create_pay"


@for_each(
    ("changes", "shown"),
    [
        ({"committed": False}, ["reply-lost step 2", "not committed"]),
        ({"committed": None}, ["reply-lost step 2"]),
        ({"rule": None}, ["committed"]),
        ({"rule": None, "status": 201}, []),
        ({"rule": None, "status": 201, "fault": "truncate"}, ["committed"]),
        ({"rule": None, "status": None, "fault": "drop"}, ["committed"]),
        ({"rule": "card:server_error"}, ["card:server_error step 2"]),
        ({"rule": "card:timeout", "fault": "hang"}, ["card:timeout step 2", "committed"]),
        ({"rule": "a\x1b[2J"}, ["a\\x1b[2J step 2", "committed"]),
    ],
)
def test_a_log_line_says_whether_a_call_committed_if_its_status_does_not(
    changes: dict[str, object], shown: list[str]
) -> None:
    parts = format_line(LINE._replace(**changes)).split("  ")  # type: ignore[arg-type]
    assert parts[parts.index("visa 1111") + 1 : parts.index("0.8 ms")] == shown


@pytest.mark.parametrize(
    ("changes", "customer"),
    [
        ({"body": None, "reply": {"customer_id": "cust_1"}}, "cust_1"),
        ({"body": "text", "reply": [], "target": "/v3/payments?customer_id=cust_2"}, "cust_2"),
        ({"body": {"customer_id": 7}, "reply": None}, None),
    ],
)
def test_the_customer_of_a_log_line_comes_from_the_request_or_the_reply(
    changes: dict[str, object], customer: str | None
) -> None:
    assert customer_of(LINE._replace(**changes)) == customer  # type: ignore[arg-type]


@for_each(
    ("reply", "shown"),
    [
        ({"id": "pay_1", "amount": 7}, ["pay_1", "7"]),
        ({"id": "pay_1", "amount": 7, "currency": "EUR"}, ["pay_1", "7 EUR"]),
        ({"error": {"code": "a\nb"}}, ["a\\nb"]),
        ({"error": "oops", "id": "\x1b" * 61}, [r"\x1b" * 60]),
        ({"error": {"code": "x", "details": "no field"}}, ["x"]),
        ({"id": 7}, []),
        ([1], []),
        ("text", []),
    ],
)
def test_a_log_line_of_an_arbitrary_reply_is_escaped_and_stays_one_line(
    reply: object, shown: list[str]
) -> None:
    line = LINE._replace(body=None, reply=reply, card=None, rule=None, committed=None)
    assert format_line(line).split("  ")[3:-3] == shown
