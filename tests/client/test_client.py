"""The client has a method for each route, which calls it and returns its response."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from payments_sandbox.client.messages import HttpRequest, HttpResponse
from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.testing import AsyncSandboxClient, Sandbox, SandboxClient
from tests.support.sockets import WaitingClient, pay
from tests.support.tables import for_each
from tests.support.values import DECLINED, HOLD, PENDING

VARIABLE: Final = re.compile(r"\{(\w+)\}")
NOT_ROUTES: Final = {"close"}
SCENARIO: Final = {"scenario": "paid-once", "expect": [{"request": "create_payment", "count": 1}]}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "create_world": {"seed": 7, "clock": "live", "rate_limit": {"limit": 5, "remaining": 2}},
    "reset_world": {"only": ["journal"]},
    "seed_world": {"customers": 3, "over": "3d", "seed": 7},
    "freeze_clock": {"at": "2030-01-15T09:30:00Z"},
    "advance_clock": {"by": "3d"},
    "set_rate_limit": {"limit": 10, "remaining": 5},
    "fail_payment": {"code": "lost_card"},
    "charge_back_payment": {"reason": "fraudulent", "amount": 1},
    "create_webhook_endpoint": {
        "url": "inbox:other",
        "events": ["refund.*"],
        "description": "Orders",
        "enabled": True,
        "signature": {"scheme": "hmac", "header": "X-Signature"},
        "secret": "eight-or-more",
        "headers": {"X-Tenant": "7"},
        "retries": ["1s"],
        "timeout": "500ms",
    },
    "update_webhook_endpoint": {"enabled": False},
    "rotate_secret": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "list_deliveries": {"status": "pending"},
    "receive_webhook": {"body": b"{}", "headers": {"Content-Type": "application/json"}},
    "read_inbox": {"wait": "10ms", "count": 1, "type": "payment.completed"},
    "script_inbox": {"respond": [500]},
    "create_event": {"type": "payout.paid", "data": {"payout_id": "po_1"}},
    "put_active_scenarios": {"scenarios": [SCENARIO]},
    "add_active_scenario": {"scenario": SCENARIO},
    "check_scenario": {"scenario": SCENARIO},
    "verify": {"expect": SCENARIO["expect"], "within": "10ms"},
    "verify_webhook": {"now": "ignore"},
    "decide_held_call": {"do": {"drop": {"commit": False}}},
}
"""The arguments of each method besides ids, valid by its schemas."""

NEEDED: Final[dict[str, dict[str, Any]]] = {
    "restore_snapshot": {"snapshot": {}},
    "seed_world": {"payments": 20},
    "write_scenario": {"requests": ["req_7k2m9q"]},
    "verify_webhook": {"headers": {}, "body": "{}"},
}
"""The other arguments that a method requires."""

METHODS: Final = {
    name: method
    for name, method in inspect.getmembers(SandboxClient, inspect.isfunction)
    if not name.startswith("_") and name not in NOT_ROUTES
}


def named(routes: Iterator[ControlRoute]) -> list[object]:
    """Return routes as named parameters."""
    return [pytest.param(route, id=route.name) for route in routes]


class RecordingTransport:
    """A transport that replies nothing and records what it was sent."""

    def __init__(self) -> None:
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        """Return nothing."""
        self.sent.append(request)
        return HttpResponse(204, b"")

    def stream(self, request: HttpRequest) -> Iterator[str]:
        """Return nothing."""
        self.sent.append(request)
        return iter(())

    def close(self) -> None:
        """Do nothing."""


def test_both_clients_have_exactly_one_method_for_each_control_route() -> None:
    routes = {route.name for route in CONTROL_ROUTES}
    assert set(METHODS) == routes
    waiting = {name for name in dir(AsyncSandboxClient) if not name.startswith("_")} - NOT_ROUTES
    assert waiting == routes


@for_each("route", CONTROL_ROUTES, show=lambda route: route.name)
def test_a_client_method_calls_its_route_with_ids_percent_encoded_in_the_path(
    route: ControlRoute,
) -> None:
    transport = RecordingTransport()
    ids: dict[str, Any] = dict.fromkeys(VARIABLE.findall(route.path), "a/ü")
    needed = ids | NEEDED.get(route.name, {})
    told = _call(SandboxClient("http://127.0.0.1:8080", transport=transport), route.name, needed)
    if route.name == "stream":
        assert list(told) == []  # it asks when it is read

    [request] = transport.sent
    path = CONTROL_PATH + route.path.format(**dict.fromkeys(ids, "a%2F%C3%BC"))
    assert (request.method, request.target.partition("?")[0]) == (route.method, path)


@pytest.mark.parametrize(
    "route", named(each for each in CONTROL_ROUTES if each.name not in ("stream", "delete_world"))
)
def test_a_client_method_returns_a_response_that_matches_its_schema(
    route: ControlRoute, world: Sandbox
) -> None:
    """With every field that the request's schema has."""
    told = _call(world.control, route.name, _needed(world, route))

    if route.name == "receive_webhook":
        assert told == 200
    elif route.response_schema is None:
        assert told is None or {"openapi", "$schema"} & set(told) or told.startswith("# HELP ")
    else:
        assert load_contract().problems(route.response_schema, told) == []


@pytest.mark.parametrize(
    "route", named(each for each in CONTROL_ROUTES if each.name not in ("stream", "delete_world"))
)
async def test_a_method_of_the_async_client_returns_a_body_unless_the_route_answers_204(
    route: ControlRoute, world: Sandbox
) -> None:
    ids = _needed(world, route)
    async with world.async_client() as control:
        told = await _call(control, route.name, ids)
    assert (told is None) == (route.success == 204)


def _call(client: object, name: str, needed: dict[str, Any]) -> Any:  # noqa: ANN401 - any route's
    return getattr(client, name)(**needed, **EXAMPLES.get(name, {}))


def _needed(world: Sandbox, route: ControlRoute) -> dict[str, Any]:
    """Return valid ids for the variables of the route's path, or the snapshot that it needs."""
    if route.name == "restore_snapshot":
        return {"snapshot": world.snapshot()}
    if route.name == "seed_world":
        return NEEDED[route.name]
    if route.name == "write_scenario":
        pay(world, 400, card_number=DECLINED)
        return {"requests": [world.requests[-1]["id"]]}
    if route.name == "decide_held_call":
        return {"held_id": _held(world)}
    inbox = world.inbox("orders")
    card = "4111111111111111" if route.name == "charge_back_payment" else PENDING
    payment_id = pay(world, card_number=card)["id"]
    pay(world)
    inbox.wait()
    known = {
        "payment_id": payment_id,
        "request_id": world.requests[0]["id"],
        "event_id": world.events[0]["id"],
        "endpoint_id": world.webhooks[0]["id"],
        "delivery_id": world.deliveries[0]["id"],
        "name": "orders",
    }
    ids = {name: known[name] for name in VARIABLE.findall(route.path)}
    return ids | (NEEDED["verify_webhook"] if route.name == "verify_webhook" else {})


def _held(world: Sandbox) -> str:
    """Return the id of a create that is held, until it is decided to drop it."""
    world.use(HOLD)
    WaitingClient(world)
    while not (found := world.control.list_held_calls()["data"]):
        pass
    return str(found[0]["id"])
