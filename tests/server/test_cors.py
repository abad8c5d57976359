"""Tests foreign pages: `--cors` opens `/v3` to exact origins, and nothing opens `/_sandbox`."""

from collections.abc import Mapping

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from tests.support.http import Api, Json, ask, client_of, envelope, invalid, listed, paid
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED, documented_create

SHOP, FOREIGN = "https://shop.example", "https://evil.test"
PATH = "/v3/payments"
DETAILS = (
    "pages of other origins are not allowed; start the sandbox with --cors ORIGIN to let one call"
    " /v3."
)
REFUSAL = envelope("cross_site_request", DETAILS)
EXPOSED = (
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset,"
    " Sandbox-Rule, Sandbox-Step, Sandbox-Request-Id"
)

FROM_A_FOREIGN_PAGE = {
    "origin": {"Origin": FOREIGN},
    "origin of a file": {"Origin": "null"},
    "malformed origin": {"Origin": "http://["},
    "another port of this host": {"Origin": "http://127.0.0.1:1"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "subdomain": {"Origin": "https://a.shop.example"},
    "other scheme": {"Origin": "http://shop.example"},
    "longer": {"Origin": "https://shop.example.evil.test"},
}


@pytest.fixture
def settings() -> Settings:
    """The settings of a server whose `/v3` the pages of one origin may call."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, cors=frozenset({SHOP}))


def cors_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a browser decides by."""
    return {
        name: value
        for name, value in headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }


@for_each(
    ("method", "path", "status"),
    [
        ("GET", PATH, 200),
        ("POST", PATH, 201),
        ("GET", f"{PATH}/pay_xyz789", 404),
        ("GET", "/v3/customers", 404),
        ("DELETE", PATH, 405),
    ],
)
async def test_an_allowed_origin_can_read_every_reply_and_its_rate_limit(
    api: Api, method: str, path: str, status: int
) -> None:
    """Errors too."""
    json = documented_create() if method == "POST" else None
    async with api.request(method, path, json=json, headers={"Origin": SHOP}) as reply:
        found = reply.status, cors_of(reply.headers)
    assert found == (
        status,
        {
            "Access-Control-Allow-Origin": SHOP,
            "Access-Control-Expose-Headers": EXPOSED,
            "Vary": "Origin",
        },
    )


async def test_an_allowed_origin_can_read_a_401(api: Api) -> None:
    """Otherwise the page would see a network error."""
    headers = {"Origin": SHOP, "Authorization": "Bearer sk_live_0"}
    async with api.get(PATH, headers=headers) as reply:
        found = reply.status, reply.headers["Access-Control-Allow-Origin"]
    assert found == (401, SHOP)


@for_each(
    ("path", "methods"),
    [
        (PATH, "GET,HEAD,POST"),
        (f"{PATH}/pay_x", "GET,HEAD,POST"),
        (f"{PATH}/pay_x/refunds", "POST"),
        ("/v3/payment", "GET,POST"),
    ],
)
async def test_a_preflight_lists_the_allowed_methods_and_headers(
    settings: Settings, aiohttp_client: AiohttpClient, path: str, methods: str
) -> None:
    """Browsers ask without a key: 204 says which methods and headers they may send.

    What they want is among them, whether the API has it or not: its answer is what tells.
    """
    browser = await client_of(aiohttp_client, assemble(settings))
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    async with browser.options(path, headers=headers) as reply:
        found = reply.status, await reply.read(), cors_of(reply.headers)
    assert found == (
        204,
        b"",
        {
            "Access-Control-Allow-Origin": SHOP,
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Expose-Headers": EXPOSED,
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        },
    )


@for_each(
    ("wanted", "allowed"),
    [
        ("authorization,content-type,idempotency-key", None),
        ("traceparent, baggage, X-Request-Id", None),
        ("x", None),
        ("", "Authorization, Content-Type"),
        ("*, a b", "Authorization, Content-Type"),
        ("x-\u00fc", "Authorization, Content-Type"),
        ("a,,b", "Authorization, Content-Type"),
    ],
)
async def test_a_preflight_allows_every_requested_header(
    settings: Settings, aiohttp_client: AiohttpClient, wanted: str, allowed: str | None
) -> None:
    """Libraries add their own; a malformed list is not repeated."""
    browser = await client_of(aiohttp_client, assemble(settings))
    headers = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    async with browser.options(PATH, headers=headers) as reply:
        found = reply.status, reply.headers["Access-Control-Allow-Headers"]
    assert found == (204, allowed or wanted)


@for_each("headers", FROM_A_FOREIGN_PAGE.values())
async def test_a_write_from_a_foreign_page_is_rejected_without_effect(
    api: Api, headers: dict[str, str]
) -> None:
    """On `/v3` with a documented error."""
    await paid(api)
    before = await listed(api)
    refused: tuple[tuple[str, Json], ...] = (
        (PATH, (400, invalid(f"/: {DETAILS}"), {})),
        ("/_sandbox/worlds", (403, REFUSAL, {})),
        ("/_sandbox/world/reset", (403, REFUSAL, {})),
    )
    for path, expected in refused:
        async with api.post(path, json=documented_create(), headers=headers) as reply:
            assert (reply.status, await reply.json(), cors_of(reply.headers)) == expected
    assert await listed(api) == before


@for_each("headers", FROM_A_FOREIGN_PAGE.values())
async def test_a_reply_to_a_foreign_page_has_only_vary(api: Api, headers: dict[str, str]) -> None:
    """So a browser does not let the page read it."""
    for method, path, status in (("GET", PATH, 200), ("OPTIONS", PATH, 405)):
        async with api.request(method, path, headers=headers) as reply:
            assert (reply.status, cors_of(reply.headers)) == (status, {"Vary": "Origin"})


@for_each(
    ("method", "allowed"),
    [
        ("DELETE", "GET,HEAD,POST,DELETE"),
        ("GET", "GET,HEAD,POST"),
        ("", "GET,HEAD,POST"),
        ("a b", "GET,HEAD,POST"),
        ("PUT,*", "GET,HEAD,POST"),
    ],
)
async def test_a_preflight_allows_any_valid_method(
    settings: Settings, aiohttp_client: AiohttpClient, method: str, allowed: str
) -> None:
    """The API then rejects it, instead of the browser, whose errors nobody here would see."""
    browser = await client_of(aiohttp_client, assemble(settings))
    headers = {"Origin": SHOP, "Access-Control-Request-Method": method}
    async with browser.options(PATH, headers=headers) as reply:
        assert reply.headers["Access-Control-Allow-Methods"] == allowed


@for_each(
    ("path", "suggestion"),
    [
        ("/payments", " Did you mean /v3/payments?"),
        ("/_sandbox/worlds", ""),
        ("/", ""),
        ("/shop", ""),
    ],
)
async def test_an_allowed_origin_outside_v3_gets_an_error_that_names_v3(
    api: Api, path: str, suggestion: str
) -> None:
    """Naming the option that is set already would mislead."""
    preflight = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    details = "expected a path below /v3; --cors allows pages no other." + suggestion
    for method, headers in (("OPTIONS", preflight), ("POST", {"Origin": SHOP})):
        refused = await ask(api, method, path, 403, json={}, headers=headers)
        assert refused["error"]["details"] == details


@pytest.mark.parametrize("path", ["/_sandbox/worlds", "/_sandbox/world/reset", "/"])
async def test_an_allowed_origin_gets_no_cors_headers_from_the_control_api(
    api: Api, path: str
) -> None:
    headers = {"Origin": SHOP}
    async with (
        api.options(path, headers=headers) as preflight,
        api.get(path, headers=headers) as get,
    ):
        assert (cors_of(preflight.headers), cors_of(get.headers)) == ({}, {})


async def test_writes_of_the_same_origin_and_of_programs_are_accepted(api: Api) -> None:
    for headers in (
        {"Origin": f"http://127.0.0.1:{api.port}"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ):
        await ask(api, "POST", PATH, 201, json=documented_create(), headers=headers)


async def test_replies_have_no_cors_headers_without_the_option(
    aiohttp_client: AiohttpClient,
) -> None:
    api = await client_of(aiohttp_client, assemble(Settings(seed=7)), headers=AUTHORIZED)
    async with api.get(PATH, headers={"Origin": SHOP}) as reply:
        assert (reply.status, cors_of(reply.headers)) == (200, {})
    async with api.options(PATH, headers={"Origin": SHOP}) as preflight:
        assert (preflight.status, cors_of(preflight.headers)) == (405, {})
