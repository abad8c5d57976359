"""Calls that wait for a webhook receiver and block it get an error at once."""

import asyncio
import os
import threading
from collections import UserDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer
from starlette.types import ASGIApp

from payments_sandbox.client.blocked_ports import blocked_ports
from payments_sandbox.client.messages import HttpRequest, control_request
from payments_sandbox.testing import (
    ControlApiError,
    ExpectationFailed,
    RunningSandbox,
    Sandbox,
    SandboxClient,
)

BLOCKED = "and keeps it from answering: it blocks the receiver's event loop, or is made in"


@contextmanager
def receiver(world: Sandbox, handle: Callable[[], object]) -> Iterator[list[str]]:
    """Run a receiver in a thread, whose handler does something before it answers."""
    refusals: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                handle()
            except ControlApiError as error:
                refusals.append(str(error))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        world.control.create_webhook_endpoint(f"http://127.0.0.1:{server.server_port}/webhooks")
        try:
            yield refusals
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("is_remote", [False, True])
def test_a_webhook_handler_that_advances_the_clock_gets_an_error(
    server: RunningSandbox, world: Sandbox, *, is_remote: bool
) -> None:
    """This holds for a client in this process and for a remote one."""
    with SandboxClient(server.url, world.api_key) as remote:
        client = remote if is_remote else world.control
        with receiver(world, lambda: client.advance_clock(by="1h")) as refusals:
            world.control.create_event("payment.completed")
            world.verify({"webhook": "payment.completed", "acknowledged": True}, within="60s")
    assert len(refusals) == 1
    assert BLOCKED in refusals[0]


def test_a_handler_that_freezes_the_clock_in_a_thread_gets_an_error(world: Sandbox) -> None:
    """The clock is moving already, and waits for the answer of this handler."""
    with ThreadPoolExecutor(1) as pool:
        freeze = lambda: pool.submit(world.clock.freeze, "2030-02-01").result()  # noqa: E731
        with receiver(world, freeze) as refusals:
            world.use(
                {
                    "scenario": "later",
                    "rules": [{"webhook": "*", "do": {"delay": "1h"}}],
                }
            )
            world.control.create_event("payment.completed")
            happened = world.clock.advance("2h")
    assert [each["what"] for each in happened] == ["webhook.delivered"]
    assert len(refusals) == 1
    assert (
        "A receiver that advances the clock while it handles a webhook waits for itself"
        in refusals[0]
    )


async def receiving_at(
    aiohttp_server: AiohttpServer, receive: Callable[[web.Request], Awaitable[web.Response]]
) -> str:
    """Run a server with a handler, and return its URL."""
    app = web.Application()
    app.router.add_post("/", receive)
    return str((await aiohttp_server(app)).make_url("/"))


async def test_an_advance_that_blocks_the_receivers_event_loop_gets_an_error(
    world: Sandbox, aiohttp_server: AiohttpServer
) -> None:
    """The async client and a call in another thread work."""

    async def receive(_request: web.Request) -> web.Response:
        return web.Response()

    url = await receiving_at(aiohttp_server, receive)
    async with world.async_client() as control:
        await control.create_webhook_endpoint(url)
        world.control.create_event("payment.completed")
        with pytest.raises(ControlApiError, match=BLOCKED):
            world.clock.advance("1h")
        await control.advance_clock(by="1h")
        await asyncio.to_thread(world.clock.advance, "1h")
        world.clock.advance("1h")  # no webhook is pending
    assert [each["status"] for each in world.deliveries] == ["delivered"]


async def test_a_verify_that_blocks_the_receivers_event_loop_gets_an_error(
    world: Sandbox, aiohttp_server: AiohttpServer
) -> None:
    """Expectations that do not need the receiver's answer are still awaited."""

    async def receive(_request: web.Request) -> web.Response:
        return web.Response()

    taken = {"webhook": "payment.completed", "acknowledged": True}
    async with world.async_client() as control:
        await control.create_webhook_endpoint(await receiving_at(aiohttp_server, receive))
        world.control.create_event("payment.completed")
        world.verify({"webhook": "payment.completed", "count": 1}, within="60s")
        world.verify({"webhook": "payment.failed", "count": 0}, taken | {"acknowledged": False})
        with pytest.raises(ControlApiError, match=BLOCKED):
            world.verify(taken, within="60s")
        with pytest.raises(ExpectationFailed):
            world.verify({"request": "create_payment"}, within="1ms")
        await asyncio.to_thread(world.verify, taken, within="60s")
        world.verify(taken, within="60s")  # no webhook is pending


async def test_an_async_handler_that_awaits_an_advance_gets_an_error(
    world: Sandbox, aiohttp_server: AiohttpServer
) -> None:
    """It blocks no event loop, but waits for its own answer; other async calls work."""
    refusals: list[str] = []

    async def receive(_request: web.Request) -> web.Response:
        try:
            await control.advance_clock(by="1h")
        except ControlApiError as error:
            refusals.append(str(error))
        return web.Response()

    url = await receiving_at(aiohttp_server, receive)
    async with world.async_client() as control:
        await control.create_webhook_endpoint(url)
        await control.create_event("payment.completed")
        await control.verify(
            expect=[{"webhook": "payment.completed", "acknowledged": True}], within="60s"
        )
        await control.advance_clock(by="1h")
    assert len(refusals) == 1
    assert BLOCKED in refusals[0]


def shop_of(told: list[str], world: Sandbox) -> ASGIApp:
    """Return an app whose sync handler runs in a thread pool without its request."""
    from fastapi import FastAPI  # noqa: PLC0415 - it takes long

    shop = FastAPI()

    @shop.post("/", status_code=204)
    def hear() -> None:
        try:
            world.clock.advance("1h")
        except ControlApiError as error:
            told.append(str(error))

    return shop


async def serve(app: ASGIApp, request: web.Request) -> web.Response:
    """Answer a request with an ASGI app, as an ASGI server does."""
    status = 0
    url = request.url
    scope: dict[str, object] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": request.method,
        "path": url.path,
        "query_string": b"",
        "headers": [],
        "server": (url.host, url.port),
    }

    async def receive() -> MutableMapping[str, object]:
        return {"type": "http.request", "body": await request.read()}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return web.Response(status=status)


async def test_a_sync_fastapi_handler_that_advances_the_clock_gets_an_error(
    world: Sandbox, aiohttp_server: AiohttpServer
) -> None:
    """Its server's event loop is not blocked, and its thread's stack does not have the request."""
    told: list[str] = []
    url = await receiving_at(aiohttp_server, partial(serve, shop_of(told, world)))
    async with world.async_client() as control:
        await control.create_webhook_endpoint(url)
        await control.create_event("payment.completed")
        await control.verify(
            expect=[{"webhook": "payment.completed", "acknowledged": True}], within="60s"
        )
    assert len(told) == 1
    assert BLOCKED in told[0]


async def test_an_async_handler_that_advances_the_clock_in_a_thread_gets_an_error(
    world: Sandbox, aiohttp_server: AiohttpServer
) -> None:
    """The handler awaits the thread, so its answer depends on the clock."""
    told: list[str] = []

    def advance() -> None:
        try:
            world.clock.advance("1h")
        except ControlApiError as error:
            told.append(str(error))

    async def receive(_request: web.Request) -> web.Response:
        await asyncio.to_thread(advance)
        return web.Response()

    url = await receiving_at(aiohttp_server, receive)
    async with world.async_client() as control:
        await control.create_webhook_endpoint(url)
        await control.create_event("payment.completed")
        await control.verify(
            expect=[{"webhook": "payment.completed", "acknowledged": True}], within="60s"
        )
    assert len(told) == 1
    assert BLOCKED in told[0]


ADVANCE = HttpRequest("POST", "/_sandbox/clock/advance")


class Scope(UserDict[str, object]):
    """A request object that wraps an ASGI scope, as frameworks have it."""


class OddMapping(UserDict[str, object]):
    """A mapping that raises when it is searched."""

    def __contains__(self, key: object) -> bool:
        raise ZeroDivisionError


@pytest.mark.parametrize("is_awaited", [True, False])
@pytest.mark.parametrize(
    ("held", "ports"),
    [
        ({"type": "http", "asgi": {"version": "3.0"}, "server": ("127.0.0.1", 4711)}, "4711"),
        (Scope({"asgi": {}, "server": ("::1", 4711)}), "4711"),
        ({"asgi": {}, "server": None}, None),
        ({"asgi": {}, "server": ("/run/socket", None)}, None),
        ({"wsgi.version": (1, 0), "SERVER_PORT": "4711"}, "4711"),
        ({"server": ("127.0.0.1", 4711), "SERVER_PORT": "4711"}, None),
        (asyncio.Protocol(), None),
        (OddMapping(), None),
    ],
    ids=["asgi", "request", "no-server", "unix", "wsgi", "neither", "protocol", "odd"],
)
def test_a_handler_in_a_thread_pool_is_found_by_the_request_on_its_stack(
    held: object, ports: str | None, *, is_awaited: bool
) -> None:
    """This works for any WSGI or ASGI server; other objects are ignored."""

    def handler(_request: object) -> dict[str, str]:
        return blocked_ports(ADVANCE, is_awaited=is_awaited)

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(handler, held).result()
    assert found == ({} if ports is None else {"Sandbox-Blocked-Ports": ports})


def test_only_requests_that_wait_for_webhooks_report_blocked_ports() -> None:
    assert blocked_ports(HttpRequest("GET", "/_sandbox/clock")) == {}
    assert blocked_ports(HttpRequest("POST", "/_sandbox/clock/advance")) == {}


def open_descriptors() -> int:
    """Return the number of open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only this system lists them")
async def test_finding_blocked_ports_leaks_no_descriptors() -> None:
    """Each call inspects the descriptors that the event loop reads, and keeps them open."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    loop.add_reader(reading, lambda: None)
    try:
        before = open_descriptors()
        for _ in range(3):
            blocked_ports(control_request("POST", "/clock/advance", body={"next": True}))
        assert open_descriptors() == before
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)
