"""Webhook receivers in the process of a sandbox without a socket."""

import asyncio
import contextvars
import gzip
import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import anyio
import httpx
import pytest
import trio

from payments_sandbox.testing import (
    AsyncSandboxTransport,
    ControlApiError,
    MemorySandbox,
    Sandbox,
    SandboxTransport,
)
from payments_sandbox.webhooks.delivery import KEPT_BODY
from tests.support.values import documented_create

URL = "http://127.0.0.1/v3/payments"
WEBHOOKS = "https://shop.example/webhooks"

Start = Callable[[str, list[tuple[str, str]]], object]


class EndedError(BaseException):
    """Ends a test like `pytest.fail`: it is not an `Exception`."""


def shop(receiver: Any) -> tuple[SandboxTransport, Sandbox]:  # noqa: ANN401 - any receiver
    """Return a sandbox, and a world whose webhooks go to a receiver."""
    transport = SandboxTransport(receivers={WEBHOOKS: receiver})
    world = transport.server.new_world(clock="2030-01-15T10:30:00Z")
    world.control.create_webhook_endpoint(WEBHOOKS)
    return transport, world


def pay(transport: SandboxTransport, world: Sandbox) -> httpx.Response:
    """Make a payment."""
    with httpx.Client(transport=transport, headers=world.headers) as client:
        return client.post(URL, json=documented_create())


async def pay_in_a_loop(transport: SandboxTransport, world: Sandbox) -> httpx.Response:
    """Make a payment with an async client."""
    there = AsyncSandboxTransport(transport.server)
    async with httpx.AsyncClient(transport=there, headers=world.headers) as client:
        return await client.post(URL, json=documented_create())


def attempts(world: Sandbox) -> list[dict[str, Any]]:
    """Return all attempts of all deliveries."""
    return [dict(attempt) for delivery in world.deliveries for attempt in delivery["attempts"]]


async def raising(*_asgi: object) -> None:
    """An ASGI app."""
    raise EndedError("no")


def raising_wsgi(*_wsgi: object) -> list[bytes]:
    """A WSGI app."""
    raise EndedError("no")


@pytest.mark.parametrize("kind", ["wsgi", "asgi", "asgi in a loop"])
def test_a_base_exception_of_a_receiver_is_raised_after_the_call(kind: str) -> None:
    """The attempt counts as failed and is retried; the world stays consistent."""
    app = httpx.WSGITransport(raising_wsgi) if kind == "wsgi" else httpx.ASGITransport(raising)
    transport, world = shop(app)

    def call() -> object:
        if kind == "asgi in a loop":
            return asyncio.run(pay_in_a_loop(transport, world))
        return pay(transport, world)

    with pytest.raises(EndedError, match=r"^no$"):
        call()
    assert [each["error"] for each in attempts(world)] == ["EndedError: no"]
    assert len(world.requests) == len(world.payments) == 1
    with pytest.raises(EndedError):
        world.clock.next()
    assert len(attempts(world)) == 2


def test_an_endless_response_of_a_receiver_is_read_up_to_the_limit() -> None:
    produced = 0

    def endless() -> Iterator[bytes]:
        nonlocal produced
        for piece in repeat(b"x" * 1_000):
            produced += len(piece)
            yield piece

    def app(_environ: object, start: Start) -> Iterator[bytes]:
        start("200 OK", [])
        return endless()

    transport, world = shop(httpx.WSGITransport(app))
    pay(transport, world)
    assert attempts(world)[0]["error"] is None
    assert produced <= KEPT_BODY + 1_000


@pytest.mark.parametrize("body", [gzip.compress(b"\0" * 100_000), b"no gzip"])
def test_an_encoded_response_of_a_receiver_is_not_decoded(body: bytes) -> None:
    """It is not decoded over the network either."""

    def app(_environ: object, start: Start) -> list[bytes]:
        start("200 OK", [("Content-Encoding", "gzip")])
        return [body]

    transport, world = shop(httpx.WSGITransport(app))
    pay(transport, world)
    [attempt] = attempts(world)
    assert attempt["error"] is None
    assert len(attempt["response"]["body"]) <= len(body)


def test_an_endless_async_stream_is_read_up_to_the_limit_and_closed() -> None:
    closed = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:  # noqa: ANN401 - an iterator
            for piece in repeat(b"x" * 1_000):
                yield piece

        async def aclose(self) -> None:
            closed.append(True)

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Endless())

    transport, world = shop(Transport())
    pay(transport, world)
    assert (attempts(world)[0]["error"], closed) == (None, [True])


async def anyio_app(_scope: object, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
    """An app that detects its event loop, as Starlette does."""
    await anyio.to_thread.run_sync(str)
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("run", [anyio.run, trio.run], ids=["asyncio", "trio"])
def test_an_asgi_app_runs_in_an_asyncio_loop_for_asyncio_and_trio_callers(run: Any) -> None:  # noqa: ANN401 - a runner
    """The app runs in a thread, where it cannot detect trio."""
    transport, world = shop(httpx.ASGITransport(anyio_app))
    assert run(pay_in_a_loop, transport, world).status_code == 201
    assert [each["error"] for each in attempts(world)] == [None]


@pytest.mark.parametrize("run", [anyio.run, trio.run], ids=["asyncio", "trio"])
def test_an_asgi_app_sees_the_context_variables_of_its_caller(run: Any) -> None:  # noqa: ANN401 - a runner
    """Such variables hold a request for logs, or a database session."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        seen.append(variable.get())
        await anyio_app(scope, receive, send)

    transport, world = shop(httpx.ASGITransport(app))

    async def call() -> None:
        variable.set("set")
        await pay_in_a_loop(transport, world)

    run(call)
    assert seen == ["set"]


def test_a_mock_transport_with_an_async_handler_can_receive_webhooks() -> None:
    """The transport itself is both blocking and async."""

    async def handler(_request: httpx.Request) -> httpx.Response:
        await asyncio.get_running_loop().run_in_executor(None, str)
        return httpx.Response(204)

    transport, world = shop(httpx.MockTransport(handler))
    pay(transport, world)
    assert [each["error"] for each in attempts(world)] == [None]


def test_interrupting_a_call_leaves_a_receiver_that_never_answers() -> None:
    """The call does not wait for it."""
    released = threading.Event()

    async def silent(*_asgi: object) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.to_thread(released.wait)

    def act(*_signal: object) -> None:
        raise EndedError

    transport, world = shop(httpx.ASGITransport(silent))
    before = signal.signal(signal.SIGUSR1, act)
    try:
        with pytest.raises(EndedError):
            asyncio.run(pay_in_a_loop(transport, world))
    finally:
        signal.signal(signal.SIGUSR1, before)
        released.set()
    assert [each["error"] for each in attempts(world)] == ["EndedError: "]


@pytest.mark.parametrize("moved", [False, True])
def test_a_receiver_that_advances_the_clock_gets_an_error(*, moved: bool) -> None:
    """The webhook was caused by a payment, or by a moving clock."""
    said: list[str | None] = []

    def app(_environ: object, start: Start) -> list[bytes]:
        try:
            world.clock.advance("1h")
        except ControlApiError as error:
            said.append(error.details)
        start("500 Later" if len(said) == 1 else "204 No Content", [])
        return []

    transport, world = shop(httpx.WSGITransport(app))
    pay(transport, world)
    if moved:
        world.clock.next()
    [details] = set(said)
    assert details == (
        "/: this call waits for a receiver to answer a webhook, and is made while the receiver"
        " handles it. Advance the clock after it has answered."
    )
    assert len(attempts(world)) == len(said) == 1 + moved


@pytest.mark.parametrize(
    ("receivers", "said"),
    [
        ([], "receivers: expected a dict of transports by url, such as {"),
        ({"shop.example": httpx.WSGITransport(raising_wsgi)}, "expected the beginning of a url"),
        ({WEBHOOKS: raising_wsgi}, f"expected an httpx transport for {WEBHOOKS}, such as"),
    ],
)
def test_invalid_receivers_are_rejected_at_creation(receivers: Any, said: str) -> None:  # noqa: ANN401 - what is wrong
    """The error comes at creation instead of at each attempt."""
    with pytest.raises((TypeError, ValueError)) as refused:
        MemorySandbox(receivers=receivers)
    assert said in str(refused.value)


def test_options_for_an_existing_sandbox_are_rejected() -> None:
    """They would have no effect."""
    with (
        MemorySandbox() as memory,
        pytest.raises(TypeError, match=r"^receivers, seed: not allowed with a server"),
    ):
        AsyncSandboxTransport(memory, receivers={}, seed=7)
