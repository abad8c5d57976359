"""Owns HTTP on the server's loop: a client, the control API, webhooks, the event stream."""

import asyncio
import json
import re
import shlex
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientConnectionError, ClientResponse, web
from aiohttp.test_utils import BaseTestServer, TestClient
from aiohttp.web import BaseRequest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.error_codes import code_of
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.http_server import HttpServer
from tests.support.values import HOLD, KEY, LONGEST_WAIT, documented_create, documented_refund

Api = TestClient[BaseRequest, None]


async def client_of(
    aiohttp_client: AiohttpClient,
    sandbox: AssembledServer,
    headers: Mapping[str, str] | None = None,
) -> Api:
    """Return a client of a sandbox on its own socket."""
    client: Api = await aiohttp_client(SandboxServer(sandbox), headers=headers)
    return client


class SandboxServer(BaseTestServer):
    """A test server of aiohttp with the connection handling of `payments-sandbox serve`."""

    def __init__(self, sandbox: AssembledServer) -> None:
        super().__init__()
        self._sandbox = sandbox

    async def _make_runner(self, **_: object) -> web.ServerRunner:
        return web.ServerRunner(_Server(self._sandbox))


class _Server(HttpServer):
    """The server; its background work ends with it."""

    def __init__(self, sandbox: AssembledServer) -> None:
        super().__init__(sandbox.handler, sandbox.settings.body_timeout)
        self._runtime = sandbox.runtime

    def pre_shutdown(self) -> None:
        self._runtime.stop()
        super().pre_shutdown()


Json = Any
"""A JSON value, or what a client accepts as one; tests compare it as a whole."""


async def ask(api: Api, method: str, path: str, status: int = 200, **options: Json) -> Json:
    """Send a request, assert the status, and return the JSON of the reply."""
    async with api.request(method, path, **options) as reply:
        text = await reply.text()
        assert reply.status == status, f"{method} {path}: {reply.status} {text}"
        assert reply.headers["Content-Type"] == "application/json"
        return await reply.json()


async def paid(api: Api, status: int = 201, *, key: str | None = None, **changes: Json) -> Json:
    """Return the reply to the documented create, with changes to its body."""
    headers = bearer(key) if key else None
    body = documented_create(**changes)
    return await ask(api, "POST", "/v3/payments", status, json=body, headers=headers)


async def refunded(api: Api, payment_id: str, status: int = 201, **changes: Json) -> Json:
    """Return the reply to the documented refund of a payment, with changes to its body."""
    path = f"/v3/payments/{payment_id}/refunds"
    return await ask(api, "POST", path, status, json=documented_refund(**changes))


async def listed(api: Api, **query: str | int) -> list[str]:
    """Return the ids of one page of the list."""
    page = await ask(api, "GET", "/v3/payments", params=query)
    return [item["id"] for item in page["data"]]


async def events(api: Api) -> list[dict[str, Any]]:
    """Return all events, newest first."""
    page = await ask(api, "GET", "/_sandbox/events")
    return list(page["data"])


async def until(api: Api, holds: Callable[[], bool]) -> None:
    """Wait until a condition is true; after each check the server answers another request."""
    async with asyncio.timeout(LONGEST_WAIT):
        while not holds():
            await ask(api, "GET", "/_sandbox/live")


def bearer(key: str) -> dict[str, str]:
    """Return the header with a key."""
    return {"Authorization": f"Bearer {key}"}


def envelope(code: str, details: str | None = None, message: str | None = None) -> dict[str, Any]:
    """Return the documented envelope of a code, by default with the code's message."""
    error = {"code": code, "message": message or code_of(code).message}
    return {"error": error if details is None else {**error, "details": details}}


def invalid(details: str) -> dict[str, Any]:
    """Return the documented envelope of an invalid request."""
    return envelope("invalid_request", details)


REFUSED = "control/responses/refused_scenario"
"""The schema of an error that lists the problems of a scenario."""

BY_NAME = {route.name: route for route in CONTROL_ROUTES}


def path_of(route: ControlRoute) -> str:
    """Return a path of the route, with ids that do not exist."""
    return CONTROL_PATH + route.path.format(
        payment_id="pay_xyz789",
        request_id="req_xyz789",
        event_id="evt_abc123",
        endpoint_id="we_4b1d0f",
        delivery_id="dlv_9c2e71",
        held_id="held_5e21c8",
        name="orders",
    )


class Control:
    """Calls control routes by name, and fails if a reply does not match its schema."""

    def __init__(self, api: Api, contract: Contract) -> None:
        self._api = api
        self._contract = contract

    async def __call__(  # noqa: PLR0913 - the parts of a request, by keyword
        self,
        name: str,
        body: object = None,
        *,
        status: int | None = None,
        key: str | None = None,
        query: dict[str, str] | None = None,
        ids: Mapping[str, str] | None = None,
        **variables: str,
    ) -> Json:
        """Call a route, and return the JSON of the reply.

        Args:
            name: the route's name.
            body: what to send as JSON; None sends no body.
            status: the expected status, by default the route's success.
            key: the key of the world, by default the default key.
            query: the query's parameters.
            ids: the variable parts of the path.
            **variables: the same, by name.
        """
        route = BY_NAME[name]
        path = CONTROL_PATH + route.path.format(**(ids or variables))
        expected = route.success if status is None else status
        options: dict[str, Json] = {} if body is None else {"json": body}
        if key is not None:
            options["headers"] = bearer(key)
        async with self._api.request(route.method, path, params=query, **options) as reply:
            text = await reply.text()
            assert reply.status == expected, f"{name}: {reply.status} {text}"
            assert reply.headers["Server"] == "payments-sandbox"
            if reply.status == 204:
                assert text == ""
                return None
            assert reply.headers["Content-Type"] == "application/json"
            self._hold(name, reply.status, shown := await reply.json())
            return shown

    def _hold(self, name: str, status: int, body: object) -> None:
        route = BY_NAME[name]
        is_success = status in (route.success, *route.also)
        has_problems = isinstance(body, dict) and "problems" in body
        refused = REFUSED if has_problems else "responses/error"
        schema = route.response_schema if is_success else refused
        assert schema is None or self._contract.accepts(schema, body), (
            f"{schema}: {self._contract.explain(schema or '', body)}"
        )


async def hold_a_create(api: Api, control: Control) -> "asyncio.Task[int | None]":
    """Make a create that is held; the task is its client, and returns a status or None."""
    await control("add_active_scenario", HOLD)
    task = asyncio.create_task(_status_of_a_create(api))
    async with asyncio.timeout(LONGEST_WAIT):
        while not (await control("list_held_calls"))["data"]:
            pass
    return task


async def _status_of_a_create(api: Api) -> int | None:
    with suppress(ClientConnectionError):
        async with api.post("/v3/payments", json=documented_create()) as reply:
            return reply.status
    return None


DeliveryJson = dict[str, Any]


class WebhookApi:
    """The webhooks of one world through the control API, by default of the default world."""

    def __init__(
        self, api: Api, control: Control, sandbox: AssembledServer, key: str = KEY
    ) -> None:
        self.api = api
        self.control = control
        self.key = key
        self._sandbox = sandbox

    async def create_endpoint(self, url: str, **settings: Json) -> str:
        """Create an endpoint, and return its id."""
        body = {"url": url, **settings}
        made = await self.control("create_webhook_endpoint", body, key=self.key)
        return str(made["id"])

    async def update_endpoint(self, endpoint_id: str, **settings: Json) -> Json:
        """Change an endpoint, and return it."""
        return await self.control(
            "update_webhook_endpoint", settings, key=self.key, endpoint_id=endpoint_id
        )

    async def pay(self, **changes: Json) -> str:
        """Create a payment, which causes one event, and return its id."""
        return str((await paid(self.api, key=self.key, **changes))["id"])

    async def advance(self, by: str) -> list[dict[str, Any]]:
        """Advance the clock, and return what happened."""
        moved = await self.control("advance_clock", {"by": by}, key=self.key)
        return list(moved["happened"])

    async def settle(self) -> list[DeliveryJson]:
        """Finish everything that is due, and return all deliveries, oldest first."""
        await self.advance("0s")
        return await self.deliveries()

    async def deliveries(self, **query: str) -> list[DeliveryJson]:
        """Return the deliveries in their current state, oldest first."""
        query = {"limit": "1000"} | query
        page = await self.control("list_deliveries", key=self.key, query=query)
        return list(page["data"])[::-1]

    async def only_delivery(self) -> DeliveryJson:
        """Finish everything that is due, and return the only delivery."""
        (delivery,) = await self.settle()
        return delivery

    async def wait_for_in_flight(self, count: int) -> None:
        """Wait until a number of attempts are in flight in the server."""
        await until(self.api, lambda: len(self._sandbox.runtime.dispatcher) == count)


def attempt_errors(delivery: DeliveryJson) -> list[str | None]:
    """Return why each attempt of a delivery failed."""
    return [each["error"] for each in delivery["attempts"]]


def attempt_instants(delivery: DeliveryJson) -> list[str]:
    """Return the world's time of each attempt of a delivery."""
    return [each["at"] for each in delivery["attempts"]]


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One server-sent event."""

    kind: str
    id: str
    data: Any


class StreamReader:
    """Reads server-sent events, and skips comments."""

    def __init__(self, reply: ClientResponse) -> None:
        self._lines = reply.content

    async def next(self, kind: str | None = None) -> StreamMessage:
        """Return the next message, optionally of one kind.

        Raises:
            EOFError: the stream ended first.
        """
        while True:
            message = await self._message()
            if kind in (None, message.kind):
                return message

    async def take(self, count: int) -> list[StreamMessage]:
        """Return a number of next messages."""
        return [await self.next() for _ in range(count)]

    async def ends(self) -> bool:
        """Return whether the stream ends before another message."""
        try:
            await self.next()
        except EOFError:
            return True
        return False

    async def _message(self) -> StreamMessage:
        fields: dict[str, str] = {}
        while line := await self._lines.readline():
            text = line.decode().rstrip("\n")
            if not text and fields:
                return StreamMessage(fields["event"], fields["id"], json.loads(fields["data"]))
            if text and not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value
        raise EOFError("the stream has ended")


DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Uses no proxy, even if the environment names one."""


class Curl(ArgumentParser):
    """Parses the options of curl that the examples use, and rejects others."""

    def __init__(self) -> None:
        super().__init__("curl", allow_abbrev=False, add_help=False, exit_on_error=False)
        self.add_argument("url")
        self.add_argument("-s", action="store_true", required=True)
        self.add_argument("-H", action="append", default=[])
        self.add_argument("-d")


def requested(command: str) -> urllib.request.Request:
    """Return the request that a curl command sends: a POST if it has `-d`."""
    _, *words = shlex.split(command.replace("\\\n", " "))  # as a shell joins continued lines
    given = Curl().parse_args(words)
    headers = dict(line.split(": ", 1) for line in given.H)
    data = None if given.d is None else given.d.encode()
    return urllib.request.Request(given.url, data, headers)  # noqa: S310 - our own address


def curl(command: str) -> str:
    """Send the request of a curl command, and return the body of the reply."""
    try:
        with DIRECT.open(requested(command), timeout=LONGEST_WAIT) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.read().decode()


def pattern_of_block(pattern: str) -> re.Pattern[str]:
    """Return a pattern for a block of a page: `…` is the rest of a string, or more fields."""
    text = re.escape(pattern.strip()).replace(re.escape(", …"), r",.+")
    return re.compile(text.replace("…", r'[^"]+'))
