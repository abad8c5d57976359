"""A sandbox behind httpx without a socket: the same answers and exceptions, without waiting."""

import asyncio
import gc
import itertools
import json
import math
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final

import h11
import httpx
import pytest
import trio

from payments_sandbox.testing import (
    AsyncSandboxTransport,
    ControlApiError,
    ExpectationFailed,
    MemorySandbox,
    Options,
    RunningSandbox,
    Sandbox,
    SandboxTransport,
    running_sandbox,
)
from payments_sandbox.testing.direct_server import run_now
from tests.project.tables import rows_below
from tests.project.tree import ROOT
from tests.support.sockets import with_card_rules
from tests.support.values import (
    AUTHORIZED,
    FAULT_SPELLINGS,
    HOLD,
    LONGEST_WAIT,
    documented_create,
    documented_refund,
    fault_card,
    fault_cards,
)

PAGE: Final = (ROOT / "docs" / "wire-faults.md").read_text(encoding="utf-8")
SAID: Final = {
    row["step"].strip("`"): row["httpx"].strip("`*")
    for row in rows_below("What clients make of it", PAGE)
}
"""The result of each fault over a socket in httpx."""

TWINS: Final[Options] = {
    "seed": 7,
    "clock": "2030-01-15T10:30:00Z",
    "max_wall_delay": f"{2 * LONGEST_WAIT}s",  # a hang outlasts every timeout
}
URL: Final = "http://127.0.0.1/v3/payments"

Asked = dict[str, Any]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    """Return a server on a socket."""
    with running_sandbox(**TWINS) as server:
        yield server


@pytest.fixture
def memory() -> Iterator[MemorySandbox]:
    """Return a server with the same options without a socket."""
    with MemorySandbox(**TWINS) as server:
        yield server


def create(**changes: object) -> Asked:
    """Return a create with changes to its body."""
    return {"method": "POST", "url": "payments", "json": documented_create(**changes)}


def get(url: str, **more: object) -> Asked:
    """Return a GET request."""
    return {"method": "GET", "url": url, **more}


def raw(content: bytes | str, **headers: str) -> Asked:
    """Return a create with any body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"Content-Type": "application/json", **named}
    return {"method": "POST", "url": "payments", "content": content, "headers": headers}


FIRST: Final = "payments/{first}"
EXCHANGES: Final[list[Asked]] = [
    create(),
    get(FIRST),
    get("payments"),
    get("payments", params={"limit": 1, "customer_id": "cust_abc123", "status": "completed"}),
    {"method": "POST", "url": f"{FIRST}/refunds", "json": documented_refund()},
    {"method": "POST", "url": f"{FIRST}/refunds", "json": documented_refund(amount=99_999)},
    create(card_number="4000000000000002"),
    create(card_number="4000009900000046"),
    create(card_number="4111111111111112"),
    create(amount="2500", colour="red"),
    get("payments", params={"limit": "no"}),
    get("payments/pay_xyz789"),
    get("payments/"),
    get("refunds"),
    get("payments", headers={"Authorization": "Bearer nobody"}),
    get("payments", headers={"Authorization": ""}),
    get("payments", headers={"Host": "evil.example"}),
    {"method": "DELETE", "url": "payments", "headers": {"Origin": "https://evil.example"}},
    {"method": "DELETE", "url": "payments"},
    {"method": "HEAD", "url": "payments"},
    {"method": "OPTIONS", "url": "payments"},
    raw("{"),
    raw('{"amount": 1, "amount": 2}'),
    raw("[" * 5_000),
    raw(b"\xff\xfe"),
    raw(b""),
    raw(b"", Content_Type="text/plain"),
    raw(b"", Content_Type="text/plain", Transfer_Encoding="chunked"),
    raw(b"", Content_Encoding="gzip"),
    {"method": "POST", "url": "payments"},
    {"method": "POST", "url": f"{FIRST}/refunds"},
    {"method": "DELETE", "url": "payments", "headers": {"Content-Type": "text/plain"}},
    raw("{}", Content_Type="text/plain"),
    raw("{}", Content_Encoding="gzip"),
    raw(b" " * 70_000),
    raw(b"\x00" * 10),
    get("payments?customer_id=4111111111111111"),
    get("p%61yments"),
    get("payments", headers={"Connection": "close"}),
    get("payments", headers={"Connection": "x, Close"}),
    {"method": "OPTIONS", "url": "payments", "extensions": {"target": b"*"}},
    get("http://127.0.0.1/_sandbox/clock"),
    get("http://127.0.0.1/_sandbox/nope"),
    get("http://127.0.0.1/_sandbox/clock", headers={"Host": "evil.example"}),
    create(card_number="4000009900000103"),
    create(),
]
"""Requests in order: documented, invalid, hostile, and over the rate limit."""


def seen(client: httpx.Client, asked: Asked, first: str) -> tuple[int, list[object], bytes]:
    """Return status, header lines in order without the date, and body."""
    response = client.request(**{**asked, "url": asked["url"].format(first=first)})
    lines: list[object] = [pair for pair in response.headers.raw if pair[0] != b"Date"]
    assert "date" in response.headers
    return response.status_code, lines, response.content


def test_responses_equal_those_over_a_socket_byte_for_byte(memory: MemorySandbox) -> None:
    """Status, headers and body are compared for all requests above."""
    with (
        running_sandbox(**TWINS) as served,
        httpx.Client(base_url=served.base_url, headers=AUTHORIZED) as there,
        httpx.Client(
            transport=SandboxTransport(memory),
            base_url="http://127.0.0.1/v3",
            headers=AUTHORIZED,
        ) as here,
    ):
        first = ""
        for asked in EXCHANGES:
            url = str(asked["url"]).replace("http://127.0.0.1", served.url)
            expected = seen(there, {**asked, "url": url}, first)
            assert seen(here, asked, first) == expected, asked
            first = first or expected[2].partition(b'"id":"')[2].partition(b'"')[0].decode()
        # The journal is the same too.
        kept = served.world("sk_test_sandbox").requests, memory.world("sk_test_sandbox").requests
        assert [(each["path"], each["response"]) for each in kept[0]] == [
            (each["path"], each["response"]) for each in kept[1]
        ]


def told(client: httpx.Client, card: str, patience: float) -> str:
    """Return the exception of httpx, the status code of an error, or the payment's status."""
    try:
        reply = client.post(URL, json=documented_create(card_number=card), timeout=patience)
        if not reply.is_success:
            return f"status {reply.status_code}"
        return str(reply.json()["status"])
    except Exception as error:  # noqa: BLE001 - its class is the result
        return type(error).__name__


@pytest.mark.parametrize("spelling", FAULT_SPELLINGS)
def test_a_fault_raises_the_documented_exception_of_httpx(
    memory: MemorySandbox, spelling: str
) -> None:
    """The payment happens, and the next request is answered."""
    with_card_rules(memory.server.sandbox, fault_cards())
    started = perf_counter()
    with httpx.Client(transport=SandboxTransport(memory), headers=AUTHORIZED) as client:
        assert told(client, fault_card(spelling), LONGEST_WAIT) == SAID[spelling]
        assert told(client, "4111111111111111", LONGEST_WAIT) == "completed"
    payments = memory.world("sk_test_sandbox").payments
    assert [each["status"] for each in payments] == ["completed", "completed"]
    assert perf_counter() - started < LONGEST_WAIT, "it has waited for what hangs"


def test_delays_and_timeouts_take_no_real_time(memory: MemorySandbox) -> None:
    """A late reply raises a timeout at once, and a delayed one in time is returned at once."""
    slow = documented_create(card_number="4000009900000129")
    started = perf_counter()
    with httpx.Client(transport=SandboxTransport(memory), headers=AUTHORIZED) as client:
        for _ in range(15):
            with pytest.raises(httpx.ReadTimeout, match="timed out") as caught:
                client.post(URL, json=slow, timeout=2.9)
            assert caught.value.request.url == URL
        assert client.post(URL, json=slow, timeout=3.1).status_code == 201
    assert perf_counter() - started < LONGEST_WAIT, "it has waited, each time"


def test_a_reset_raises_read_error_with_the_systems_message(memory: MemorySandbox) -> None:
    reset = documented_create(card_number="4000009900000061")
    with (
        httpx.Client(transport=SandboxTransport(memory), headers=AUTHORIZED) as client,
        pytest.raises(httpx.ReadError, match="Connection reset by peer"),
    ):
        client.post(URL, json=reset)


async def pays(server: MemorySandbox) -> list[int]:
    """Make three payments and a call that times out with an async client."""
    transport = AsyncSandboxTransport(server)
    async with httpx.AsyncClient(transport=transport, headers=AUTHORIZED) as client:
        url = "https://api.payments.example.com/v3/payments"
        replies = [await client.post(url, json=documented_create()) for _ in range(3)]
        with pytest.raises(httpx.ReadTimeout):
            await client.post(url, json=documented_create(card_number="4000009900000087"))
        return [reply.status_code for reply in replies]


@pytest.mark.parametrize("run", [asyncio.run, None], ids=["asyncio", "trio"])
def test_async_clients_work_in_asyncio_and_trio(memory: MemorySandbox, run: Any) -> None:  # noqa: ANN401 - a runner, or None for trio
    """They use the documented address, which needs no certificate here."""
    statuses = trio.run(pays, memory) if run is None else run(pays(memory))
    assert statuses == [201, 201, 201]


async def test_blocking_and_async_clients_share_a_sandbox(memory: MemorySandbox) -> None:
    """Blocking control clients work inside an event loop."""
    world = memory.new_world(clock="2030-01-15")
    inbox = world.inbox()
    transport = AsyncSandboxTransport(memory)
    async with httpx.AsyncClient(transport=transport, headers=world.headers) as client:
        tasks = [client.post(URL, json=documented_create()) for _ in range(5)]
        replies = await asyncio.gather(*tasks)
    assert {reply.status_code for reply in replies} == {201}
    assert len(world.payments) == 5
    assert len(inbox.messages) == 5
    async with world.async_client() as control:
        assert (await control.retrieve_world())["payments"]["completed"] == 5
        advanced = await control.advance_clock(by="30d")
    assert advanced["happened"] == []


def test_webhooks_reach_inboxes_before_the_call_returns(memory: MemorySandbox) -> None:
    """They are retried when the clock advances; unknown receivers get an error."""
    world = memory.new_world(clock="2030-01-15")
    inbox = world.inbox()
    inbox.respond(500)
    world.control.create_webhook_endpoint("http://127.0.0.1:9/webhooks")
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        client.post(URL, json=documented_create())
    assert [each["verified"] for each in inbox.messages] == [True]
    world.clock.advance("1m")
    assert len(inbox.messages) == 2
    errors = {each["attempts"][0]["error"] for each in world.deliveries}
    assert "a sandbox without a socket sends only to inbox:NAME and to its receivers" in str(errors)


def test_threads_can_share_a_client(memory: MemorySandbox) -> None:
    """Each gets its own answers."""
    transport = SandboxTransport(memory)
    with (
        httpx.Client(transport=transport, headers=AUTHORIZED) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        bodies = [documented_create(amount=number) for number in range(1, 41)]
        replies = list(pool.map(lambda body: client.post(URL, json=body).json(), bodies))
    assert [reply["amount"] for reply in replies] == list(range(1, 41))


def test_a_stream_without_a_socket_ends_after_all_messages(memory: MemorySandbox) -> None:
    """Nothing can happen while the stream is read."""
    world = memory.new_world()
    assert list(world.control.stream()) == []
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        client.post(URL, json=documented_create())
    assert [message.kind for message in world.control.stream(last=1)] == ["request"]
    with pytest.raises(ControlApiError, match="invalid_api_key"):
        next(memory.client().stream())


async def test_an_async_stream_without_a_socket_ends_after_all_messages(
    memory: MemorySandbox,
) -> None:
    async with memory.new_world().async_client() as control:
        assert [message async for message in control.stream()] == []


def test_a_transport_creates_its_own_sandbox_with_options() -> None:
    """The options are those of `serve`."""
    transport = SandboxTransport(rate_limit=1)
    with httpx.Client(transport=transport, headers=AUTHORIZED) as client:
        assert [client.get(URL).status_code for _ in range(2)] == [200, 429]
        assert repr(transport.server) == "<MemorySandbox>"
    # The world can be read after the client is closed.
    assert transport.server.world("sk_test_sandbox").rate_limit.remaining == 0
    with pytest.raises(TypeError, match="did you mean 'seed'"):
        SandboxTransport(sed=7)  # type: ignore[call-arg]  # misspelt on purpose


def pay_and_forget() -> None:
    """Use a client without closing it."""
    client = httpx.Client(transport=SandboxTransport(), headers=AUTHORIZED)
    assert client.post(URL, json=documented_create()).status_code == 201


async def test_clients_leave_no_threads_and_no_warnings() -> None:
    """This covers clients that are not closed, and async ones."""
    before = set(threading.enumerate())
    for _ in range(3):
        pay_and_forget()
    gc.collect()
    async with httpx.AsyncClient(transport=AsyncSandboxTransport(), headers=AUTHORIZED) as client:
        assert (await client.post(URL, json=documented_create())).status_code == 201
        assert set(threading.enumerate()) <= before
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_an_open_client_at_exit_causes_no_output() -> None:
    script = """
import httpx
from payments_sandbox.testing import MemorySandbox, SandboxTransport
memory = MemorySandbox()
world = memory.new_world()
with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
    client.get("http://127.0.0.1/v3/payments")
stream = world.control.stream(last=1)
print(next(stream).kind)
"""
    assert strictly(script) == (0, "request\n", "")


def strictly(script: str) -> tuple[int, str, str]:
    """Run a program with warnings as errors, and return exit code, stdout and stderr."""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="3.12 starts no thread once the main one has ended"
)
def test_a_thread_that_outlives_the_main_thread_can_use_a_client() -> None:
    script = """
import asyncio, threading
import httpx
from payments_sandbox.testing import AsyncSandboxTransport

async def look():
    threading.main_thread().join()
    async with httpx.AsyncClient(transport=AsyncSandboxTransport()) as client:
        print((await client.get("http://127.0.0.1/v3/payments")).status_code)

threading.Thread(target=lambda: asyncio.run(look())).start()
"""
    assert strictly(script) == (0, "401\n", "")


def test_unread_streams_do_not_block_other_calls(memory: MemorySandbox) -> None:
    world = memory.new_world()
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        client.get(URL)
        streams = [world.control.stream(last=1) for _ in range(12)]
        assert {next(each).kind for each in streams} == {"request"}
        requests = [client.build_request("GET", URL) for _ in range(12)]
        replies = [client.send(each, stream=True) for each in requests]
        assert {each.status_code for each in replies} == {200}
        assert len(world.requests) == 13


def test_a_delayed_reply_after_a_timeout_is_journalled_as_abandoned(memory: MemorySandbox) -> None:
    world = memory.new_world()
    slow = documented_create(card_number="4000009900000129")
    with (
        httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(URL, json=slow, timeout=1)
    [entry] = world.requests
    assert (entry["fault"], entry["response"]) == ("abandoned", None)


async def test_an_infinite_timeout_works_like_none(memory: MemorySandbox) -> None:
    transport = AsyncSandboxTransport(memory)
    async with httpx.AsyncClient(transport=transport, timeout=math.inf) as client:
        assert (await client.get(URL, headers=AUTHORIZED)).status_code == 200


def test_a_closed_sandbox_raises_and_can_be_closed_twice(memory: MemorySandbox) -> None:
    memory.close()
    memory.close()
    with (
        httpx.Client(transport=SandboxTransport(memory)) as client,
        pytest.raises(RuntimeError, match="closed"),
    ):
        client.get(URL)


def test_without_httpx_only_the_transports_are_missing() -> None:
    """Using a transport raises an error that names httpx."""
    script = """
import sys

sys.modules["httpx"] = None
for name in ("Sandbox", "SandboxTransport", "Transport"):
    try:
        exec(f"from payments_sandbox.testing import {name}")
    except ImportError as error:
        print(error)
    else:
        print(name, "is there")
from payments_sandbox.testing import *
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    there, needs_httpx, unknown = done.stdout.splitlines()

    assert there == "Sandbox is there"
    assert needs_httpx == "SandboxTransport requires httpx, which is not installed"
    assert unknown.startswith("cannot import name 'Transport' from 'payments_sandbox.testing'")


def test_waiting_ends_at_once_since_nothing_can_happen_meanwhile(memory: MemorySandbox) -> None:
    """An expectation that is met already passes."""
    world = memory.new_world()
    started = perf_counter()
    with pytest.raises(ExpectationFailed):
        world.verify({"payments": {}, "count": 1}, within="1m")
    assert world.control.read_inbox("test", wait="60s") == {
        "data": [],
        "has_more": False,
        "next_cursor": None,
    }
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        client.post(URL, json=documented_create())
    world.verify({"payments": {}, "count": 1}, within="1m")
    assert perf_counter() - started < 30


def test_a_large_snapshot_can_be_restored(memory: MemorySandbox) -> None:
    world = memory.new_world()
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        for _ in range(150):
            client.post(URL, json=documented_create())
    snapshot = world.snapshot()
    world.reset()
    world.restore(snapshot)
    assert len(world.payments) == 150


def test_a_held_call_continues_at_once_or_times_out_uncommitted(memory: MemorySandbox) -> None:
    """Nobody can decide about the call meanwhile. With a shorter timeout nothing happens."""
    world = memory.new_world()
    world.use(HOLD | {"rules": [HOLD["rules"][0] | {"then": "cycle"}]})
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        assert client.post(URL, json=documented_create(), timeout=601).status_code == 201
        with pytest.raises(httpx.ReadTimeout):
            client.post(URL, json=documented_create(), timeout=599)
    waited, left = world.requests
    assert (waited["committed"], waited["duration_ms"]) == (True, 600_000)
    assert (left["committed"], left["fault"]) == (False, "abandoned")
    assert world.control.list_held_calls()["data"] == []


def test_the_timeout_covers_a_delay_before_a_fault(memory: MemorySandbox) -> None:
    """Between two chunks the timeout starts again."""
    world = memory.new_world()
    drip = {"drip": {"over": "4s", "chunks": 2}, "delay": "1s"}
    world.use({"scenario": "late", "rules": [{"request": "list_payments", "do": [drip] * 2}]})
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        assert client.get(URL, timeout=2.1).json()["data"] == []
        with client.stream("GET", URL, timeout=1.9) as reply, pytest.raises(httpx.ReadTimeout):
            reply.read()
        assert reply.status_code == 200
    whole, late = world.requests
    assert (late["response"], late["fault"]) == (None, "drip")
    assert (whole["response"] is not None, whole["duration_ms"]) == (True, 5_000)


@pytest.mark.parametrize(
    "more",
    [
        {"method": "G ET"},
        {"headers": {"X y": "1"}},
        {"headers": {"X": "a\r\nb: c"}},
        {"headers": {"Content-Length": "x"}},
        {"headers": {"Transfer-Encoding": "gzip"}},
    ],
)
def test_requests_that_httpx_cannot_send_raise_and_have_no_effect(
    memory: MemorySandbox, more: Asked
) -> None:
    """The exception is the same as over a socket."""
    world = memory.new_world()
    asked = {"method": "POST", "url": URL, "json": documented_create(), **more}
    with (
        httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client,
        pytest.raises(httpx.LocalProtocolError),
    ):
        client.request(**asked)
    assert (world.requests, world.payments) == ([], [])


def test_header_lines_have_the_same_order_as_over_a_socket(
    memory: MemorySandbox, served: RunningSandbox
) -> None:
    """The journal shows the order; httpx always sends Host first."""
    shown = []
    for server, transport in ((memory, SandboxTransport(memory)), (served, httpx.HTTPTransport())):
        world = server.new_world()
        lines = {"X-First": "1", **world.headers, "Host": "127.0.0.1", "X-Last": "2"}
        with httpx.Client(transport=transport) as client:
            client.get(f"{world.base_url}/payments", headers=lines)
        shown.append(list(world.requests[0]["request"]["headers"].items()))
    assert shown[0] == shown[1]
    assert shown[0][0] == ("Host", "127.0.0.1")


@pytest.mark.parametrize("more", [b"", b"12345678901"])
def test_a_body_with_a_wrong_content_length_raises(memory: MemorySandbox, more: bytes) -> None:
    """The exception is that of h11, as over a socket."""
    world = memory.new_world()
    with (
        httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client,
        pytest.raises(h11.LocalProtocolError),
    ):
        client.post(URL, content=more, headers={"Content-Length": "10"})
    assert world.requests == []


JSON: Final = {"Content-Type": "application/json"}


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "200000"}])
def test_an_endless_request_body_gets_413(memory: MemorySandbox, headers: dict[str, str]) -> None:
    """The server does not wait for the rest, as over the network."""
    world = memory.new_world()
    endless = itertools.repeat(b" " * 1_000)
    with httpx.Client(transport=SandboxTransport(memory), headers=world.headers) as client:
        assert client.post(URL, content=endless, headers=JSON | headers).status_code == 413


async def test_an_endless_request_body_of_an_async_client_gets_413(
    memory: MemorySandbox,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for piece in itertools.repeat(b" " * 1_000):
            yield piece

    world = memory.new_world()
    transport = AsyncSandboxTransport(memory)
    async with httpx.AsyncClient(transport=transport, headers=world.headers) as client:
        assert (await client.post(URL, content=endless(), headers=JSON)).status_code == 413


WEBHOOKS: Final = "https://shop.example/webhooks"


def pay(transport: SandboxTransport, *, world: Sandbox) -> None:
    """Make a payment whose webhooks go to the shop."""
    world.control.create_webhook_endpoint(WEBHOOKS)
    with httpx.Client(transport=transport, headers=world.headers) as client:
        assert client.post(URL, json=documented_create()).status_code == 201


def attempt_of(world: Sandbox) -> dict[str, Any]:
    """Return the first attempt of the only delivery."""
    [delivery] = world.deliveries
    return dict(delivery["attempts"][0])


def test_a_wsgi_app_receives_webhooks_and_can_call_the_api() -> None:
    """It is called within the call that caused the webhook."""
    seen: list[tuple[str, object]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ANN401 - WSGI's
        body = json.loads(environ["wsgi.input"].read())
        with httpx.Client(transport=transport, headers=world.headers) as client:
            found = client.get(f"{URL}/{body['data']['payment_id']}").json()["status"]
        seen.append((environ["PATH_INFO"], found))
        start_response("204 No Content", [])
        return [b""]

    transport = SandboxTransport(receivers={"https://shop.example": httpx.WSGITransport(app)})
    world = transport.server.new_world()
    pay(transport, world=world)
    assert seen == [("/webhooks", "completed")]
    assert attempt_of(world)["response"]["status"] == 204


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
    """Receive a webhook, after using the running event loop."""
    await asyncio.get_running_loop().run_in_executor(None, str)
    message = await receive()
    assert json.loads(message["body"])["type"] == "payment.completed"
    assert scope["path"] == "/webhooks"
    headers = [(b"retry-after", b"7")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"later"})


def test_an_asgi_app_receives_webhooks() -> None:
    """It runs in its own event loop, and its answer is in the delivery."""
    transport = SandboxTransport(receivers={WEBHOOKS: httpx.ASGITransport(asgi_app)})
    world = transport.server.new_world(clock="2030-01-15T10:30:00Z")
    pay(transport, world=world)
    response = attempt_of(world)["response"]
    assert (response["status"], response["body"]) == (503, "later")


async def test_an_asgi_app_receives_webhooks_caused_by_an_async_client() -> None:
    """The calling thread already has an event loop."""
    server = MemorySandbox(receivers={WEBHOOKS: httpx.ASGITransport(asgi_app)})
    world = server.new_world()
    world.control.create_webhook_endpoint(WEBHOOKS)
    transport = AsyncSandboxTransport(server)
    async with httpx.AsyncClient(transport=transport, headers=world.headers) as client:
        assert (await client.post(URL, json=documented_create())).status_code == 201
    assert attempt_of(world)["response"]["status"] == 503


@pytest.mark.parametrize("kind", ["wsgi", "asgi", "asgi in a loop"])
async def test_a_receiver_that_raises_is_a_failed_attempt(kind: str) -> None:
    """The call that caused the webhook is answered normally."""

    async def broken(*_asgi: Any) -> None:  # noqa: ANN401 - ASGI's
        raise LookupError(kind)

    def wsgi(*_wsgi: Any) -> list[bytes]:  # noqa: ANN401 - WSGI's
        raise LookupError(kind)

    app = httpx.WSGITransport(wsgi) if kind == "wsgi" else httpx.ASGITransport(broken)
    transport = SandboxTransport(receivers={WEBHOOKS: app})
    world = transport.server.new_world()
    if kind == "asgi in a loop":
        pay(transport, world=world)
    else:
        await asyncio.to_thread(pay, transport, world=world)
    assert attempt_of(world)["error"] == f"LookupError: {kind}"


def test_the_receiver_with_the_longest_matching_url_prefix_is_used() -> None:
    """The order of the receivers does not matter."""
    receivers = {
        "https://shop.example": httpx.MockTransport(lambda _: httpx.Response(500)),
        WEBHOOKS: httpx.MockTransport(lambda _: httpx.Response(200)),
    }
    transport = SandboxTransport(receivers=receivers)
    world = transport.server.new_world()
    pay(transport, world=world)
    assert attempt_of(world)["error"] is None


def test_run_now_raises_for_awaitables_that_need_an_event_loop() -> None:
    """They would never continue."""

    class Forever:
        def __await__(self) -> Generator[str]:
            yield "a future"

    async def wait() -> None:
        await Forever()

    with pytest.raises(RuntimeError, match=r"but this does: a future$"):
        run_now(wait())
