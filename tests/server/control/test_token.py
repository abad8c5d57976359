"""Tests `--control-token`: which routes require it, which do not, and which tokens are rejected."""

from dataclasses import replace

import pytest

from payments_sandbox.contract.control_routes import CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer
from tests.support.http import Api, ask, bearer, envelope, paid, path_of
from tests.support.sockets import exchange, raw_request, running_server
from tests.support.tables import for_each

TOKEN = "t\u00f6ken-0123456789"
REFUSAL = envelope("invalid_token", "Send the server's control token in the header Sandbox-Token.")
OPEN = {"live", "ready"}

WRONG = {
    "another": "token",
    "empty": "",
    "one character less": TOKEN[:-1],
    "one character more": TOKEN + "0",
    "in upper case": TOKEN.upper(),
}


@pytest.fixture
def settings() -> Settings:
    """The settings of a server with a token."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, control_token=TOKEN)


@for_each(
    "route",
    [each for each in CONTROL_ROUTES if each.name not in OPEN],
    show=lambda route: route.name,
)
async def test_every_control_route_except_health_requires_the_token(
    api: Api, route: ControlRoute
) -> None:
    """Whatever the key."""
    path = path_of(route)
    assert await ask(api, route.method, path, 401) == REFUSAL
    async with api.request(route.method, path, headers={"Sandbox-Token": TOKEN}) as reply:
        assert reply.status != 401


@for_each("given", WRONG.values())
async def test_a_wrong_token_is_401_without_a_log_record(
    api: Api, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    headers = {"Sandbox-Token": given}
    assert await ask(api, "GET", "/_sandbox/world", 401, headers=headers) == REFUSAL
    assert caplog.records == []


@pytest.mark.parametrize("given", ["\udcff", "t\udcf6ken-0123456789"], ids=["one byte", "Latin-1"])
def test_a_token_that_is_not_utf_8_is_401_without_a_log_record(
    settings: Settings, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    with running_server(replace(settings, port=0)) as server:
        header = {"Sandbox-Token": given}
        reply = exchange(server.address, raw_request("GET", "/_sandbox/world", header))
    assert (reply.status, reply.json, caplog.records) == (401, REFUSAL, [])


def test_a_token_with_non_ascii_letters_is_accepted_as_utf_8(settings: Settings) -> None:
    with running_server(replace(settings, port=0)) as server:
        header = {"Sandbox-Token": TOKEN}
        reply = exchange(server.address, raw_request("GET", "/_sandbox/world", header))
    assert reply.status == 200


async def test_the_token_is_checked_before_the_key(api: Api) -> None:
    """Without a token nobody learns whether a key is valid."""
    refusal = await ask(api, "GET", "/_sandbox/world", 401, headers=bearer("sk_live_0"))
    assert refusal == REFUSAL


async def test_a_write_without_the_token_changes_nothing(
    api: Api, sandbox: AssembledServer
) -> None:
    await paid(api)
    await ask(api, "POST", "/_sandbox/worlds", 401, json={})
    await ask(api, "POST", "/_sandbox/world/reset", 401, json={})
    await ask(api, "DELETE", "/_sandbox/world", 401)
    assert len(sandbox.runtime.worlds) == 1
    assert len((await ask(api, "GET", "/v3/payments"))["data"]) == 1


@pytest.mark.parametrize("name", sorted(OPEN))
async def test_health_routes_need_no_token(api: Api, name: str) -> None:
    """A container's probe has none."""
    assert (await ask(api, "GET", f"/_sandbox/{name}"))[name] is True


async def test_the_emulated_api_needs_no_token(api: Api) -> None:
    assert (await paid(api))["status"] == "completed"
