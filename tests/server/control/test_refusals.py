"""Tests every control route with every error code: the answer is in its OpenAPI document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NoReturn

import pytest

from payments_sandbox.contract.control_openapi import control_document
from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.error_codes import code_of
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.core.settings import Settings
from payments_sandbox.server import request_body
from payments_sandbox.server.control import api as control_api
from payments_sandbox.server.routing import Routes, Target
from tests.support.http import path_of
from tests.support.sockets import (
    RawReply,
    RunningServer,
    exchange,
    held_create,
    raw_request,
    running_server,
)
from tests.support.tables import for_each
from tests.support.values import documented_create

TOKEN: Final = "token"
DECLINED: Final = "4000000000000002"

HEADERS: Final[dict[str, dict[str, str | None]]] = {
    "unknown_host": {"Host": "evil.test"},
    "cross_site_request": {"Sec-Fetch-Site": "cross-site"},
    "invalid_token": {"Sandbox-Token": None},
    "invalid_api_key": {"Authorization": "Bearer sk_live_0"},
    "request_too_large": {
        "Content-Type": "application/json",
        "Content-Length": str(2**40),
    },
}
BODIES: Final = {
    "advance_clock": b'{"by": "1s"}',
    "set_rate_limit": b'{"limit": 1000000}',
    "create_webhook_endpoint": b'{"url": "inbox:orders"}',
    "create_event": b'{"type": "payout.paid", "data": {}}',
    "script_inbox": b'{"respond": []}',
    "restore_snapshot": b'{"format": "payments-sandbox/world", "version": 3}',
    "put_active_scenarios": b"[]",
    "add_active_scenario": b'{"scenario": "x", "expect": [{"audit": "clean"}]}',
    "check_scenario": b'{"scenario": "x", "expect": [{"audit": "clean"}]}',
    "seed_world": b'{"payments": 1}',
    "write_scenario": b'{"requests": ["req_7k2m9q"]}',
    "decide_held_call": b'{"do": "pass"}',
    "verify_webhook": b'{"headers": {}, "body": ""}',
}
WITHOUT_RULES: Final = {
    "create_world": b'{"scenarios": [{"scenario": "x"}]}',
    "put_active_scenarios": b'[{"scenario": "x"}]',
    "add_active_scenario": b'{"scenario": "x"}',
    "check_scenario": b'{"scenario": "x"}',
    "verify": b'{"expect": [{}]}',
    "decide_held_call": b'{"do": {"drop": {}}}',
}
"""Scenarios, or expectations, with a problem."""
CODES: Final = (
    *HEADERS, "invalid_request", "payment_not_found", "not_found", "illegal_move", "internal_error",
    "invalid_scenario", "not_held",
)  # fmt: skip


each_route = for_each("route", CONTROL_ROUTES, show=lambda route: route.name)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server that requires a token."""
    settings = Settings(port=0, control_token=TOKEN, rate_limit=1_000_000)
    with running_server(settings) as running:
        yield running


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the control API, cached: it is made from hundreds of schemas."""
    return dict(control_document(schema_files(), server_url="http://sandbox/_sandbox"))


@cache
def documented(route: ControlRoute) -> dict[str, int]:
    """Return the codes that the document has for a route, each with its status."""
    return {
        code: int(status)
        for status, response in document()["paths"][route.path][route.method.lower()][
            "responses"
        ].items()
        for media in response.get("content", {}).values()
        for code, example in media.get("examples", {}).items()
        if status != "default"  # for any path, so for none of these
        if "error" in example["value"]
    }


def target(server: RunningServer, route: ControlRoute, code: str) -> str:
    """Return the path of a route, with unknown ids, or of a payment that cannot make the move."""
    path = path_of(route)
    if code == "illegal_move" and "{payment_id}" in route.path:
        payment_id = settled(server, failed=route.name == "charge_back_payment")
        path = path.replace("pay_xyz789", payment_id)
    return path + ("?verbose=1" if code == "invalid_request" else "")


def settled(server: RunningServer, *, failed: bool) -> str:
    """Make a payment that has completed, or failed; return its id."""
    card = {"card_number": DECLINED} if failed else {}
    body = json.dumps(documented_create(**card)).encode()
    exchange(server.address, raw_request("POST", "/v3/payments", body=body))
    page = exchange(server.address, raw_request("GET", "/v3/payments?limit=1")).json
    return str(page["data"][0]["id"])


def provoked(server: RunningServer, route: ControlRoute, code: str) -> RawReply:
    """Return the reply to a request that is wrong in one way."""
    bodies = BODIES | (WITHOUT_RULES if code == "invalid_scenario" else {})
    body = (
        None
        if code == "request_too_large" or route.request is None
        else bodies.get(route.name, b"{}")
    )
    headers = {"Sandbox-Token": TOKEN, **HEADERS.get(code, {})}
    if code == "not_found" and not route.makes_world:
        headers["Authorization"] = "Bearer sk_test_nobody"
    path = target(server, route, code)
    if "{held_id}" in route.path and code in ("invalid_scenario", "not_held"):
        with held_create(server.address, headers) as held_id:
            decision = raw_request("POST", path.replace("held_5e21c8", held_id), headers, body)
            if code == "not_held":
                exchange(server.address, decision)
            return exchange(server.address, decision)
    return exchange(server.address, raw_request(route.method, path, headers, body))


def code_in(reply: RawReply) -> str | None:
    """Return the code of a reply's envelope, or None."""
    is_json = reply.headers.get("content-type") == "application/json"
    body = json.loads(reply.body) if is_json and reply.body else {}
    return str(body["error"]["code"]) if "error" in body else None


def broken(_: object) -> NoReturn:
    """A handler with a bug."""
    raise ZeroDivisionError


@pytest.mark.parametrize("code", CODES)
@each_route
def test_each_control_route_answers_a_code_exactly_if_it_is_documented(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, route: ControlRoute, code: str
) -> None:
    """And with its documented status."""
    if code == "internal_error":
        monkeypatch.setattr(control_api, "handler_of", lambda _: broken)
    if code == "request_too_large":
        monkeypatch.setattr(request_body, "_MOMENT", 0)  # no body follows
    reply = provoked(server, route, code)
    known = documented(route)
    answered = code_in(reply)

    if answered is None:
        assert reply.status in (route.success, *route.also)
    else:
        assert (answered, reply.status) in known.items()
    assert (answered == code) == (code in known)


ROUTE: Final = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/(?:_sandbox|v3)/[\w/]+)")


@pytest.mark.parametrize("code", ["payment_not_found", "not_found", "illegal_move"])
@each_route
def test_a_404_or_illegal_move_names_an_existing_route_that_would_work(
    server: RunningServer, route: ControlRoute, code: str
) -> None:
    """And never says that the path does not exist."""
    reply = provoked(server, route, code)
    if reply.status < 400 or code_in(reply) != code:
        return
    routes = Routes((each.method, f"{CONTROL_PATH}{each.path}", each) for each in CONTROL_ROUTES)
    named = ROUTE.findall(reply.json["error"]["details"])

    assert "path does not exist" not in reply.json["error"]["message"]
    assert named
    for method, path in named:
        methods, _ = routes.find(Target(path, "", path))
        assert path.startswith("/v3/payments") or (methods is not None and method in methods)


def test_every_documented_code_of_the_control_api_is_provoked() -> None:
    """A new code needs its request here."""
    assert {code for route in CONTROL_ROUTES for code in documented(route)} == set(CODES)
    assert all(
        status == code_of(code).status
        for route in CONTROL_ROUTES
        for code, status in documented(route).items()
    )
