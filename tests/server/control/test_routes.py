"""Tests every route of the control API: its handler, its schemas, and what it rejects."""

from dataclasses import replace
from typing import NoReturn

import pytest

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.settings import Settings
from payments_sandbox.testing import MemorySandbox
from tests.support.http import (
    Api,
    Control,
    Json,
    ask,
    envelope,
    hold_a_create,
    invalid,
    paid,
    path_of,
)
from tests.support.tables import for_each

PENDING = "4000009900000038"
ROUTES = "GET /_sandbox/control-openapi.json lists all routes."
KEY = (
    "A sandbox key is sk_test_ followed by 1 to 64 letters, digits, '-' or '_',"
    " as in 'Authorization: Bearer sk_test_sandbox'."
)

FIRST = "req_7118c7141ef838cd"
"""The id of a world's first request, which its seed gives."""

BODIES: dict[str, Json] = {
    "create_world": {
        "api_key": "sk_test_checkout",
        "seed": 7,
        "clock": "live",
        "rate_limit": {"limit": 5, "remaining": 2},
    },
    "reset_world": {"only": ["payments", "journal", "rules", "webhooks", "clock", "rate_limit"]},
    "seed_world": {"payments": 20, "customers": 3, "over": "3d", "seed": 7},
    "freeze_clock": {"at": "2030-01-15T10:31:00Z"},
    "advance_clock": {"by": "3d"},
    "resume_clock": {},
    "set_rate_limit": {"limit": 10, "remaining": 5},
    "complete_payment": {},
    "fail_payment": {"code": "lost_card"},
    "charge_back_payment": {"reason": "fraudulent", "amount": 1},
    "create_webhook_endpoint": {"url": "http://localhost:3000/webhooks", "events": ["refund.*"]},
    "update_webhook_endpoint": {"description": "Orders", "enabled": False},
    "rotate_secret": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "create_event": {"type": "payout.paid", "data": {"payout_id": "po_1"}},
    "resend_event": {},
    "script_inbox": {"respond": [500, 200]},
    "write_scenario": {"requests": [FIRST], "name": "seen"},
    "verify": {"expect": [{"audit": "clean"}], "within": "1s"},
    "decide_held_call": {"do": "pass"},
    "verify_webhook": {"headers": {"webhook-id": "evt_1"}, "body": "{}", "now": "ignore"},
}

DOWN = {"scenario": "down", "rules": [{"request": "list_payments", "do": ["pass"]}]}

OPEN_BODIES: dict[str, Json] = {
    "restore_snapshot": {"format": "payments-sandbox/world", "version": 3},
    "put_active_scenarios": [DOWN],
    "add_active_scenario": DOWN,
    "check_scenario": DOWN,
}
"""Good bodies of the routes whose schema promises only a part of them."""

NEEDED = {
    "advance_clock": "/: expected a JSON object with exactly one of by, to and next.",
    "set_rate_limit": "/: expected a JSON object with limit, remaining or both.",
    "create_webhook_endpoint": (
        "/url: is required: expected an http or https url"
        " of at most 2000 characters, or inbox:NAME."
    ),
    "create_event": (
        "/type: is required: expected an event's type such as payment.completed,"
        " of at most 64 lower-case letters, digits, '_' and '.'."
    ),
    "script_inbox": "/respond: is required: expected a list of statuses.",
    "seed_world": "/payments: is required: expected a whole number from 1 to 1000000.",
    "write_scenario": (
        "/requests: is required: expected a list of 1 to 100 ids of requests in the journal."
    ),
    "verify_webhook": (
        "/headers: is required: expected an object of header names and values;"
        " /body: is required: expected the body as a text of at most 200000 characters,"
        " just as it arrived."
    ),
    "decide_held_call": (
        "/do: is required: expected a step: the word pass,"
        ' or a JSON object such as {"respond": {"error": "internal_error"}}.'
    ),
}
"""The error of an empty body, by the routes that need one."""

TYPOS = [
    ("create_world", "sed", "did you mean 'seed'?"),
    ("create_world", "zzz", "expected one of api_key, name, seed, clock, rate_limit, scenarios."),
    ("reset_world", "onyl", "did you mean 'only'?"),
    ("seed_world", "paymnts", "did you mean 'payments'?"),
    ("freeze_clock", "att", "did you mean 'at'?"),
    ("advance_clock", "nxt", "did you mean 'next'?"),
    ("resume_clock", "at", "there are none."),
    ("set_rate_limit", "remainin", "did you mean 'remaining'?"),
    ("complete_payment", "code", "there are none."),
    ("fail_payment", "cod", "did you mean 'code'?"),
    ("charge_back_payment", "reson", "did you mean 'reason'?"),
    ("create_webhook_endpoint", "secrt", "did you mean 'secret'?"),
    ("update_webhook_endpoint", "enabeld", "did you mean 'enabled'?"),
    ("rotate_secret", "secrets", "did you mean 'secret'?"),
    ("create_event", "typ", "did you mean 'type'?"),
    ("resend_event", "endpoint", "did you mean 'endpoint_id'?"),
    ("script_inbox", "responds", "did you mean 'respond'?"),
    ("write_scenario", "nam", "did you mean 'name'?"),
    ("verify", "expects", "did you mean 'expect'?"),
    ("decide_held_call", "step", "expected one of do."),
    ("verify_webhook", "header", "did you mean 'headers'?"),
]

INBOX = {"url": "inbox:orders"}

KNOWN = {
    "control/queries/page": "expected one of limit, starting_after.",
    "control/queries/deliveries": (
        "expected one of limit, starting_after, event_id, endpoint_id, status."
    ),
    "control/queries/payments": (
        "expected one of limit, starting_after, customer_id, status, created_after."
    ),
    "control/queries/stream": "expected one of last.",
    "control/queries/inbox": "expected one of limit, starting_after, type, wait, count.",
    "control/queries/scenario_name": "expected one of name.",
}
"""The parameters that a route's refusal names, by the schema of its query."""

ORDINARY = [route for route in CONTROL_ROUTES if route.media_type == "application/json"]
KEYED = [route for route in CONTROL_ROUTES if route.needs_key]
WITH_BODY = [route for route in CONTROL_ROUTES if route.request]
CLOSED = [route for route in WITH_BODY if route.name not in OPEN_BODIES]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The usual settings, with coverage counted for its route."""
    return replace(settings, coverage=True)


def named(routes: list[ControlRoute]) -> list[object]:
    """Return routes as named parameters."""
    return [pytest.param(route, id=route.name) for route in routes]


async def variables(api: Api, control: Control, route: ControlRoute) -> dict[str, str]:
    """Return ids that fit the route: of a payment that can make the move, of a request, …."""
    for name, make in IDS.items():
        if f"{{{name}}}" in route.path:
            return {name: await make(api, control, route)}
    return {}


async def a_payment(api: Api, _: Control, route: ControlRoute) -> str:
    """Make a payment that can make the route's move."""
    card = "4111111111111111" if route.name == "charge_back_payment" else PENDING
    return str((await paid(api, card_number=card))["id"])


async def a_request(api: Api, control: Control, _: ControlRoute) -> str:
    """Make a request that is in the journal."""
    await ask(api, "GET", "/v3/payments")
    return str((await control("list_requests"))["data"][0]["id"])


async def an_event(api: Api, control: Control, _: ControlRoute) -> str:
    """Make an event."""
    await paid(api)
    return str((await control("list_events"))["data"][0]["id"])


async def an_endpoint(_: Api, control: Control, __: ControlRoute) -> str:
    """Make an endpoint that receives every event."""
    return str((await control("create_webhook_endpoint", INBOX))["id"])


async def a_delivery(api: Api, control: Control, route: ControlRoute) -> str:
    """Make a delivery to an inbox."""
    await an_endpoint(api, control, route)
    await paid(api)
    return str((await control("list_deliveries"))["data"][0]["id"])


async def a_held_call(api: Api, control: Control, _: ControlRoute) -> str:
    """Make a held call whose client waits."""
    _client = await hold_a_create(api, control)
    return str((await control("list_held_calls"))["data"][0]["id"])


async def an_inbox(_: Api, __: Control, ___: ControlRoute) -> str:
    """Return a name: any will do."""
    return "orders"


IDS = {
    "payment_id": a_payment,
    "request_id": a_request,
    "event_id": an_event,
    "endpoint_id": an_endpoint,
    "delivery_id": a_delivery,
    "held_id": a_held_call,
    "name": an_inbox,
}


@pytest.mark.parametrize("route", named(ORDINARY))
async def test_every_control_route_answers_as_its_schema_says(
    api: Api, control: Control, route: ControlRoute
) -> None:
    ids = await variables(api, control, route)
    snapshot = await control("retrieve_snapshot")
    if route.name == "write_scenario":
        await ask(api, "GET", "/v3/payments/pay_nope", 404)
    body = (BODIES | OPEN_BODIES | {"restore_snapshot": snapshot}).get(route.name)
    reply = await control(route.name, body, ids=ids)
    assert (reply is None) == (route.success == 204)


@for_each("route", CLOSED, show=lambda route: route.name)
async def test_a_missing_body_is_an_empty_object_or_rejected_with_the_missing_fields(
    api: Api, control: Control, route: ControlRoute
) -> None:
    """It is rejected if the route has required fields."""
    ids = await variables(api, control, route)
    if route.name in NEEDED:
        refusal = await control(route.name, status=400, ids=ids)
        assert refusal == invalid(NEEDED[route.name])
    else:
        assert "error" not in await control(route.name, ids=ids)


@for_each("route", KEYED, show=lambda route: route.name)
async def test_an_invalid_key_is_401_before_anything_else_is_checked(
    api: Api, route: ControlRoute
) -> None:
    """For every route with a key."""
    headers = {"Authorization": "Bearer sk_live_0"}
    refusal = await ask(api, route.method, f"{path_of(route)}?x=1", 401, headers=headers)
    assert refusal == envelope("invalid_api_key", KEY)


@for_each("route", KEYED, show=lambda route: route.name)
async def test_a_request_that_asks_for_an_existing_world_makes_none(
    api: Api, route: ControlRoute
) -> None:
    """Whoever watches a key must not take it from the test that is about to make its world."""
    headers = {"Authorization": "Bearer sk_test_nobody", "Sandbox-World": "existing"}
    refusal = await ask(api, route.method, path_of(route), 404, headers=headers)
    listed = await ask(api, "GET", "/_sandbox/worlds", 200)

    assert refusal["error"]["details"].startswith("No world has this key")
    assert "sk_test_nobody" not in [each["api_key"] for each in listed["data"]]


@for_each("route", [route for route in ORDINARY if not route.needs_key])
async def test_control_routes_about_the_server_need_no_key(api: Api, route: ControlRoute) -> None:
    headers = {"Authorization": ""}
    await ask(api, route.method, path_of(route), route.success, headers=headers)


def test_every_control_route_with_a_body_is_tested_with_a_typo() -> None:
    """A new route needs its row here."""
    closed = {route.name for route in CLOSED}
    assert {name for name, *_ in TYPOS} == closed == set(BODIES)


@for_each(("name", "typo", "hint"), TYPOS)
async def test_an_unknown_field_is_rejected_with_the_one_that_was_probably_meant(
    api: Api, control: Control, name: str, typo: str, hint: str
) -> None:
    """And changes nothing."""
    route = next(route for route in CONTROL_ROUTES if route.name == name)
    ids = await variables(api, control, route)
    before = await control("retrieve_world")
    refusal = await control(name, {**BODIES[name], typo: 1}, status=400, ids=ids)
    details = refusal["error"]["details"]
    assert f"/{typo}: is not a documented field" in details
    assert hint in details
    assert await control("retrieve_world") == before


@for_each("route", CONTROL_ROUTES, show=lambda route: route.name)
async def test_an_unknown_parameter_is_rejected_with_the_known_ones(
    api: Api, route: ControlRoute
) -> None:
    """By every route."""
    known = KNOWN.get(route.query_schema, "there are none.")
    body = (BODIES | OPEN_BODIES).get(route.name)
    refusal = await ask(api, route.method, f"{path_of(route)}?verbose=1", 400, json=body)
    assert refusal == invalid(f"/verbose: is not a documented parameter; {known}")


@for_each("route", WITH_BODY, show=lambda route: route.name)
@pytest.mark.parametrize(
    ("body", "content_type", "details"),
    [
        ("5", "application/json", "/: expected "),
        ("{", "application/json", "/: expected JSON; "),
        ('{"a": 1, "a": 2}', "application/json", "/: expected JSON; an object contains"),
        ("{}", "text/plain", "/: expected a body with Content-Type: application/json"),
    ],
)
async def test_a_body_that_is_not_a_json_object_is_rejected_by_every_control_route(
    api: Api, route: ControlRoute, body: str, content_type: str, details: str
) -> None:
    """JSON is read as strictly as in the emulated API."""
    headers = {"Content-Type": content_type}
    refusal = await ask(api, route.method, path_of(route), 400, data=body, headers=headers)
    assert refusal["error"]["details"].startswith(details)


@for_each(
    ("method", "path", "allow"),
    [
        ("POST", "/_sandbox/world", "DELETE,GET,HEAD"),
        ("DELETE", "/_sandbox/worlds", "GET,HEAD,POST"),
        ("GET", "/_sandbox/world/reset", "POST"),
        ("POST", "/_sandbox/world/snapshot", "GET,HEAD,PUT"),
        ("POST", "/_sandbox/rate_limit", "GET,HEAD,PUT"),
        ("GET", "/_sandbox/clock/advance", "POST"),
        ("GET", "/_sandbox/payments/pay_xyz789/complete", "POST"),
        ("OPTIONS", "/_sandbox/clock", "GET,HEAD"),
    ],
)
async def test_an_unsupported_method_of_a_control_route_is_405_with_allow(
    api: Api, method: str, path: str, allow: str
) -> None:
    """Nothing that changes a world answers GET."""
    async with api.request(method, path) as reply:
        found = reply.status, reply.headers["Allow"], await reply.json()
    details = f"{method} is not supported here; use one of: {allow}."
    assert found == (405, allow, envelope("method_not_allowed", details))


@for_each(
    ("path", "details"),
    [
        ("/_sandbox", ROUTES),
        ("/_sandbox/nope", ROUTES),
        ("/_sandbox/world/", "Did you mean /_sandbox/world?"),
        ("/_sandbox//nothing", ROUTES),
        ("/_sandbox//clock///nothing/", ROUTES),
        ("/_sandbox//cards", "The path has two slashes in a row; did you mean /_sandbox/cards?"),
        (
            "/_sandbox//payments//pay_xyz789",
            "The path has two slashes in a row; did you mean /_sandbox/payments/pay_xyz789?",
        ),
        (
            "/_sandbox//clock/advnace",
            "The path has two slashes in a row; did you mean /_sandbox/clock/advance?",
        ),
        ("/_sandbox/clock/advnace", "Did you mean /_sandbox/clock/advance?"),
    ],
)
async def test_an_unknown_control_path_is_404_with_the_nearest_path(
    api: Api, path: str, details: str
) -> None:
    assert await ask(api, "GET", path, 404) == envelope("not_found", details)


@pytest.mark.parametrize("route", named([each for each in ORDINARY if each.method == "GET"]))
async def test_head_of_a_control_route_answers_as_get_without_the_body(
    api: Api, control: Control, route: ControlRoute
) -> None:
    """With the same Content-Length."""
    ids = await variables(api, control, route)
    path = CONTROL_PATH + route.path.format(**ids)
    async with api.get(path) as full, api.head(path) as head:
        assert (head.status, full.status) == (200, 200)
        assert head.headers["Content-Length"] == full.headers["Content-Length"]
        assert await head.read() == b""


async def test_both_openapi_documents_name_the_server_that_serves_them(api: Api) -> None:
    origin = f"http://127.0.0.1:{api.port}"
    emulated = await ask(api, "GET", "/_sandbox/openapi.json")
    control = await ask(api, "GET", "/_sandbox/control-openapi.json")
    assert emulated["servers"][0]["url"] == f"{origin}/v3"
    assert control["servers"][0]["url"] == f"{origin}/_sandbox"
    assert (emulated["openapi"], control["openapi"]) == ("3.1.0", "3.1.0")


def test_a_health_check_needs_no_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first validator takes 3 MB of memory, which an idle server does not need."""

    def fail(*_: object) -> NoReturn:
        raise AssertionError("a validator was used")

    monkeypatch.setattr(Contract, "accepts", fail)
    with MemorySandbox() as memory, memory.client() as client:
        assert client.live()["live"]
        assert client.ready()["ready"]
