"""`--control-token`: what it guards, what it does not, and that no token is guessed by bytes."""

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
    "a start of it": TOKEN[:-1],
    "more than it": TOKEN + "0",
    "in upper case": TOKEN.upper(),
}


@pytest.fixture
def settings() -> Settings:
    """A server that was given a token."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, control_token=TOKEN)


@for_each(
    "route",
    [each for each in CONTROL_ROUTES if each.name not in OPEN],
    show=lambda route: route.name,
)
async def test_every_route_but_health_demands_the_token(api: Api, route: ControlRoute) -> None:
    """Without it 401, whatever the key; with it the request is looked at."""
    path = path_of(route)
    assert await ask(api, route.method, path, 401) == REFUSAL
    async with api.request(route.method, path, headers={"Sandbox-Token": TOKEN}) as reply:
        assert reply.status != 401


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_token_is_refused(
    api: Api, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    """Refused in the same words, whatever its bytes are."""
    headers = {"Sandbox-Token": given}
    assert await ask(api, "GET", "/_sandbox/world", 401, headers=headers) == REFUSAL
    assert caplog.records == []


@pytest.mark.parametrize("given", ["\udcff", "t\udcf6ken-0123456789"], ids=["one byte", "Latin-1"])
def test_a_token_of_other_bytes_is_refused(
    settings: Settings, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    """A header that is no UTF-8 is a wrong token, and nothing is logged."""
    with running_server(replace(settings, port=0)) as server:
        header = {"Sandbox-Token": given}
        reply = exchange(server.address, raw_request("GET", "/_sandbox/world", header))
    assert (reply.status, reply.json, caplog.records) == (401, REFUSAL, [])


def test_a_token_beyond_ascii_is_sent_as_utf_8(settings: Settings) -> None:
    """A token beyond ASCII is sent as UTF-8."""
    with running_server(replace(settings, port=0)) as server:
        header = {"Sandbox-Token": TOKEN}
        reply = exchange(server.address, raw_request("GET", "/_sandbox/world", header))
    assert reply.status == 200


async def test_the_token_is_asked_for_before_the_key(api: Api) -> None:
    """Who has no token does not learn whether a key is good."""
    refusal = await ask(api, "GET", "/_sandbox/world", 401, headers=bearer("sk_live_0"))
    assert refusal == REFUSAL


async def test_nothing_happens_without_the_token(api: Api, sandbox: AssembledServer) -> None:
    """A refused write has written nothing."""
    await paid(api)
    await ask(api, "POST", "/_sandbox/worlds", 401, json={})
    await ask(api, "POST", "/_sandbox/world/reset", 401, json={})
    await ask(api, "DELETE", "/_sandbox/world", 401)
    assert len(sandbox.runtime.worlds) == 1
    assert len((await ask(api, "GET", "/v3/payments"))["data"]) == 1


@pytest.mark.parametrize("name", sorted(OPEN))
async def test_health_needs_no_token(api: Api, name: str) -> None:
    """A container's probe has no token."""
    assert (await ask(api, "GET", f"/_sandbox/{name}"))[name] is True


async def test_the_emulated_api_knows_no_token(api: Api) -> None:
    """`/v3` is as documented: a key is all it takes."""
    assert (await paid(api))["status"] == "completed"
