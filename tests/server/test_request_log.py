"""The log of requests: who is turned away is in it too, and no credential is."""

import re
from dataclasses import replace

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import Api, client_of, paid
from tests.support.values import AUTHORIZED

SEND = "Send 'Authorization: Bearer sk_test_…'."
KEY = (
    "A key of the sandbox is sk_test_ and 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)
STRICT = "No world has this key (--strict-keys). POST /_sandbox/worlds makes one."
HOST = "expected a Host that is local; start the sandbox with --allow-host NAME to add one."
ORIGIN = (
    "expected no page of another origin; start the sandbox with --cors ORIGIN to let one call /v3."
)
TOKEN = "Send 'Sandbox-Token: …' as the server was told."
SECRET = "0123456789secret"

REFUSED: dict[str, tuple[str, str, dict[str, str], str]] = {
    "no key": ("GET", "/v3/payments", {}, f"GET /v3/payments  401  invalid_api_key  {SEND}"),
    "a live key": (
        "POST",
        "/v3/payments?limit=1",
        {"Authorization": f"Bearer sk_live_{SECRET}"},
        f"POST /v3/payments  401  invalid_api_key  {KEY}",
    ),
    "a strange key": (
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
    "a foreign page that asks whether it may": (
        "OPTIONS",
        "/v3/payments",
        {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"},
        f"OPTIONS /v3/payments  400  cross_site_request  {ORIGIN}  Origin: http://localhost:5173",
    ),
    "a foreign page that does not say which": (
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
    """What has been said."""
    return []


@pytest.fixture
def sandbox(lines: list[str], settings: Settings) -> AssembledServer:
    """A sandbox that tells `lines`, knows no key but its own, and wants a token."""
    return assemble(replace(settings, strict_keys=True, control_token="token"), lines.append)


@pytest.mark.parametrize("case", REFUSED)
async def test_who_is_turned_away_is_logged_in_one_line_with_the_reason(
    aiohttp_client: AiohttpClient, sandbox: AssembledServer, lines: list[str], case: str
) -> None:
    """One line that says why, and nothing of a key or a token; no world has seen it."""
    method, path, headers, line = REFUSED[case]
    stranger = await client_of(aiohttp_client, sandbox)
    async with stranger.request(method, path, headers=headers) as reply:
        await reply.read()
    (world,) = sandbox.runtime.worlds

    assert lines == [line]
    assert SECRET not in line
    assert len(world.journal) == 0


async def test_what_is_answered_is_logged_in_one_line(api: Api, lines: list[str]) -> None:
    """One line for a success and one for a refusal; the control API's own calls are none."""
    payment_id = (await paid(api))["id"]
    await paid(api, 400, amount=0)
    async with api.get("/_sandbox/world", headers=AUTHORIZED | {"Sandbox-Token": "token"}) as reply:
        assert reply.status == 200

    assert [re.sub(r"[0-9.]+ ms", "N ms", line) for line in lines] == [
        f"create_payment  201  {payment_id}  visa 1111  N ms",
        "create_payment  400  invalid_request  N ms",
    ]
