"""Tests AUTHENTICATION: which headers name a world, and what an invalid key learns."""

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import (
    Api,
    Control,
    ask,
    bearer,
    client_of,
    envelope,
    listed,
    paid,
    refunded,
)
from tests.support.sockets import exchange, raw_request, running_server
from tests.support.tables import for_each
from tests.support.values import API_KEY

PATH = "/v3/payments"

SCHEME = "The Authorization header must be 'Bearer ' followed by the key."
KEY = (
    "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)

REFUSED = {
    "empty": ("", SCHEME),
    "only a scheme": ("Bearer", SCHEME),
    "only a key": ("sk_test_sandbox", SCHEME),
    "basic": ("Basic c2tfdGVzdF9zYW5kYm94Og==", SCHEME),
    "scheme without a space": ("Bearersk_test_sandbox", SCHEME),
    "live key": ("Bearer sk_live_0123456789", KEY),
    "key of the documentation": ("Bearer your_api_key_here", KEY),
    "only a prefix": ("Bearer sk_test_", KEY),
    "key too long": (f"Bearer sk_test_{'x' * 65}", KEY),
    "two keys": ("Bearer sk_test_sandbox, Bearer sk_test_sandbox", KEY),
    "key with a space": ("Bearer sk_test_sand box", KEY),
    "key in upper case": ("Bearer SK_TEST_SANDBOX", KEY),
    "key beyond ASCII": ("Bearer sk_test_s\u00e4ndbox", KEY),
}

ACCEPTED = {
    "as documented": "Bearer sk_test_sandbox",
    "scheme in lower case": "bearer sk_test_sandbox",
    "scheme in upper case": "BEARER sk_test_sandbox",
    "spaces around the key": "Bearer   sk_test_sandbox  ",
}


@for_each(("header", "details"), REFUSED.values())
async def test_an_invalid_key_is_401_without_rate_limit_headers(
    api: Api, header: str, details: str
) -> None:
    """The error says what a key looks like."""
    async with api.get(PATH, headers={"Authorization": header}) as reply:
        limits = [name for name in reply.headers if name.startswith("X-")]
        found = reply.status, limits, await reply.json()
    assert found == (401, [], envelope("invalid_api_key", details))


NO_KEY = raw_request("GET", PATH, {"Authorization": None})
ACTIVATE = raw_request(
    "POST",
    "/_sandbox/scenarios/active",
    {"Sandbox-Token": "t"},
    b'{"scenario": "s", "rules": [{"name": "r", "request": "list_payments",'
    b' "do": [{"respond": {"error": "invalid_api_key"}}]}]}',
)


def test_every_401_has_www_authenticate() -> None:
    """RFC 9110 requires it, and Java's client fails without: of each API, and of rules."""
    refused = {
        "no key": NO_KEY,
        "HEAD": NO_KEY.replace(b"GET", b"HEAD", 1),
        "another scheme": NO_KEY.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic a\r\n\r\n"),
        "no key for the control API": NO_KEY.replace(PATH.encode(), b"/_sandbox/world", 1).replace(
            b"\r\n\r\n", b"\r\nSandbox-Token: t\r\n\r\n"
        ),
        "no token": raw_request("GET", "/_sandbox/cards"),
        "a rule of a scenario": raw_request("GET", PATH),
    }
    with running_server(Settings(port=0, control_token="t")) as server:
        assert exchange(server.address, ACTIVATE).status in {200, 201}
        found = {name: exchange(server.address, raw) for name, raw in refused.items()}

    shown = {
        name: (each.status, each.headers.get("www-authenticate")) for name, each in found.items()
    }
    assert shown == dict.fromkeys(refused, (401, "Bearer"))


async def test_two_authorization_headers_are_401(
    aiohttp_client: AiohttpClient, sandbox: AssembledServer
) -> None:
    """Which world is meant would be a guess."""
    stranger = await client_of(aiohttp_client, sandbox)
    lines = [("Authorization", f"Bearer sk_test_{name}") for name in ("alice", "bob")]
    for path in (PATH, "/_sandbox/world"):
        async with stranger.get(path, headers=lines) as reply:
            found = reply.status, await reply.json()
        details = "Send exactly one Authorization header."
        assert found == (401, envelope("invalid_api_key", details))


def test_a_key_that_is_not_utf_8_is_401_without_a_log_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_server(Settings(port=0)) as server:
        header = {"Authorization": "Bearer sk_test_\udcff"}
        reply = exchange(server.address, raw_request("GET", PATH, header))
    limits = [name for name in reply.headers if name.startswith("x-")]
    assert (reply.status, limits, reply.json) == (401, [], envelope("invalid_api_key", KEY))
    assert caplog.records == []


async def test_a_missing_key_is_401_with_an_example(
    sandbox: AssembledServer, aiohttp_client: AiohttpClient
) -> None:
    stranger = await client_of(aiohttp_client, sandbox)
    refusal = await ask(stranger, "GET", PATH, 401)
    assert refusal == envelope("invalid_api_key", "Send 'Authorization: Bearer sk_test_…'.")


@pytest.mark.parametrize("header", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_the_bearer_scheme_may_have_any_case_and_spaces_around_the_key(
    api: Api, header: str
) -> None:
    """RFC 9110, 11.1."""
    payment_id = (await paid(api))["id"]
    page = await ask(api, "GET", PATH, headers={"Authorization": header})
    assert [item["id"] for item in page["data"]] == [payment_id]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH),
        ("POST", PATH),
        ("GET", f"{PATH}/pay_xyz789"),
        ("POST", f"{PATH}/pay_xyz789/refunds"),
        ("DELETE", PATH),
        ("GET", "/v3"),
        ("GET", "/v3/customers"),
    ],
)
async def test_the_key_is_checked_before_path_method_and_body(
    api: Api, method: str, path: str
) -> None:
    """Without a key nobody learns which paths exist."""
    refusal = await ask(api, method, path, 401, headers=bearer("sk_live_0"), data=b"{")
    assert refusal == envelope("invalid_api_key", KEY)


async def test_a_new_key_makes_its_own_world_on_first_use(api: Api) -> None:
    await paid(api)
    longest = "sk_test_" + "Az09_-xx" * 8
    await paid(api, key=longest)
    page = await ask(api, "GET", PATH, headers=bearer(longest))
    assert len(page["data"]) == 1


async def test_keys_are_case_sensitive(api: Api) -> None:
    await paid(api, key="sk_test_a")
    page = await ask(api, "GET", PATH, headers=bearer("sk_test_A"))
    assert page["data"] == []


async def test_a_payment_of_another_key_is_404_like_an_unknown_id(api: Api) -> None:
    """Retrieved or refunded."""
    foreign = (await paid(api, key="sk_test_other"))["id"]
    for payment_id in (foreign, "pay_xyz789"):
        one = await ask(api, "GET", f"{PATH}/{payment_id}", 404)
        refund = await refunded(api, payment_id, 404)
        assert one == refund == envelope("payment_not_found")
    assert await listed(api) == []


async def test_worlds_of_different_keys_share_no_rate_limit_and_no_clock(control: Control) -> None:
    await control("set_rate_limit", {"remaining": 0}, key="sk_test_a")
    await control("advance_clock", {"by": "45d"}, key="sk_test_a")
    other = await control("retrieve_world", key="sk_test_b")
    assert other["clock"]["now"] == "2030-01-15T10:30:00Z"
    assert other["rate_limit"]["remaining"] == 1000


async def test_with_strict_keys_only_the_home_world_and_worlds_made_by_hand_have_valid_keys(
    aiohttp_client: AiohttpClient,
) -> None:
    sandbox = assemble(Settings(strict_keys=True, seed=7))
    api = await client_of(aiohttp_client, sandbox)
    control = Control(api, sandbox.contract)
    details = "No world has this key (--strict-keys). POST /_sandbox/worlds creates one."
    refusal = await ask(api, "GET", PATH, 401, headers=bearer("sk_test_new"))
    made = await control("create_world")
    assert refusal == envelope("invalid_api_key", details)
    await ask(api, "GET", "/payments", 404, headers=bearer("sk_test_new"))  # it is no path at all
    assert made["api_key"] == API_KEY
    for key in ("sk_test_sandbox", made["api_key"]):
        await ask(api, "GET", PATH, headers=bearer(key))
    await control("delete_world", key=made["api_key"])
    assert await ask(api, "GET", PATH, 401, headers=bearer(made["api_key"])) == refusal
