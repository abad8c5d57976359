"""Owns how HTTP tests ask: a client, questions that check the status, the expected envelopes."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestClient
from aiohttp.web import BaseRequest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.contract.error_codes import code_of
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.http_server import HttpServer
from tests.support.bodies import documented_create, documented_refund

Api = TestClient[BaseRequest, None]


async def client_of(
    aiohttp_client: AiohttpClient,
    sandbox: AssembledServer,
    headers: Mapping[str, str] | None = None,
) -> Api:
    """A client of a sandbox, on a socket of its own."""
    client: Api = await aiohttp_client(SandboxServer(sandbox), headers=headers)
    return client


class SandboxServer(BaseTestServer):
    """A server of aiohttp's tests with the connections of `payments-sandbox serve`."""

    def __init__(self, sandbox: AssembledServer) -> None:
        super().__init__()
        self._sandbox = sandbox

    async def _make_runner(self, **_: object) -> web.ServerRunner:
        return web.ServerRunner(_Server(self._sandbox))


class _Server(HttpServer):
    """The server, whose background work ends with it."""

    def __init__(self, sandbox: AssembledServer) -> None:
        super().__init__(sandbox.handler)
        self._runtime = sandbox.runtime

    def pre_shutdown(self) -> None:
        self._runtime.stop()
        super().pre_shutdown()


Json = Any
"""A JSON value, or what a client takes as one; tests compare it whole."""

PATIENCE = 5
"""Seconds in which what a test waits for must happen."""


async def ask(api: Api, method: str, path: str, status: int = 200, **options: Json) -> Json:
    """The JSON of a reply that must have the status."""
    async with api.request(method, path, **options) as reply:
        text = await reply.text()
        assert reply.status == status, f"{method} {path}: {reply.status} {text}"
        assert reply.headers["Content-Type"] == "application/json"
        return await reply.json()


async def paid(api: Api, status: int = 201, *, key: str | None = None, **changes: Json) -> Json:
    """The reply to the documented create, with changes to its body."""
    headers = bearer(key) if key else None
    body = documented_create(**changes)
    return await ask(api, "POST", "/v3/payments", status, json=body, headers=headers)


async def refunded(api: Api, payment_id: str, status: int = 201, **changes: Json) -> Json:
    """The reply to the documented refund of a payment, with changes to its body."""
    path = f"/v3/payments/{payment_id}/refunds"
    return await ask(api, "POST", path, status, json=documented_refund(**changes))


async def listed(api: Api, **query: str | int) -> list[str]:
    """The ids of one page of the list."""
    page = await ask(api, "GET", "/v3/payments", params=query)
    return [item["id"] for item in page["data"]]


async def events(api: Api) -> list[dict[str, Any]]:
    """Every event, newest first."""
    page = await ask(api, "GET", "/_sandbox/events")
    return list(page["data"])


async def until(api: Api, holds: Callable[[], bool]) -> None:
    """Let the server work until something holds: each look is a request that it has answered."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await ask(api, "GET", "/_sandbox/live")


def bearer(key: str) -> dict[str, str]:
    """The header that names a key."""
    return {"Authorization": f"Bearer {key}"}


def envelope(code: str, details: str | None = None) -> dict[str, Any]:
    """The documented envelope of a code, with its own message."""
    error = {"code": code, "message": code_of(code).message}
    return {"error": error if details is None else {**error, "details": details}}


def invalid(details: str) -> dict[str, Any]:
    """The documented envelope of an invalid request."""
    return envelope("invalid_request", details)
