"""Tests one connection: what it reads, who is still answered on it, and when it ends."""

import asyncio
import gc
import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import product
from typing import Any, Final

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.http_server import HttpServer
from tests.support.sockets import (
    BlockingConnection,
    RunningServer,
    connected,
    exchange,
    new_loop,
    raw_request,
    running_server,
    server_unharmed,
)
from tests.support.tables import for_each
from tests.support.values import LONGEST_WAIT, documented_create

PAYMENTS: Final = "/v3/payments"
CREATE: Final = json.dumps(documented_create()).encode()
PAY: Final = raw_request("POST", PAYMENTS, body=CREATE)
SLOW: Final = PAY.replace(b"4111111111111111", b"4000009900000129")
SILENT: Final = PAY.replace(b"4111111111111111", b"4000009900000095")
LIST: Final = raw_request("GET", PAYMENTS)
JUNK: Final = b"j\0nk 4111111111111111\r\n\r\n"

ANNOUNCED: Final[dict[str, str | None]] = {
    "Content-Type": "application/json",
    "Content-Length": "141",
}
TEXT: Final = {**ANNOUNCED, "Content-Type": "text/plain"}
FOREIGN_HOST: Final = {**ANNOUNCED, "Host": "evil.test"}
FOREIGN_PAGE: Final = {**ANNOUNCED, "Origin": "http://evil.test"}
KEYLESS: Final = {**ANNOUNCED, "Authorization": None}
UNREAD: Final = {
    "no key": (401, raw_request("POST", PAYMENTS, KEYLESS)),
    "an unknown path": (404, raw_request("POST", "/v3/nothing", ANNOUNCED)),
    "an unsupported method": (405, raw_request("DELETE", PAYMENTS, ANNOUNCED)),
    "a list": (200, raw_request("GET", PAYMENTS, ANNOUNCED)),
    "another type": (
        400,
        raw_request("POST", PAYMENTS, TEXT),
    ),
    "a foreign host": (400, raw_request("POST", PAYMENTS, FOREIGN_HOST)),
    "a foreign page": (
        400,
        raw_request("POST", PAYMENTS, FOREIGN_PAGE),
    ),
    "elsewhere": (404, raw_request("POST", "/", ANNOUNCED)),
    "a preflight": (405, raw_request("OPTIONS", PAYMENTS, ANNOUNCED)),
    "chunks": (404, raw_request("POST", "/v3/nothing", {"Transfer-Encoding": "chunked"})),
    "control: no key": (401, raw_request("GET", "/_sandbox/clock", KEYLESS)),
    "control: an unknown path": (404, raw_request("POST", "/_sandbox/nothing", ANNOUNCED)),
    "control: an unsupported method": (405, raw_request("PUT", "/_sandbox/live", ANNOUNCED)),
    "control: a read": (200, raw_request("GET", "/_sandbox/live", ANNOUNCED)),
    "control: another host": (
        421,
        raw_request("GET", "/_sandbox", FOREIGN_HOST),
    ),
    "control: a foreign page": (
        403,
        raw_request("POST", "/_sandbox", FOREIGN_PAGE),
    ),
}
VERSIONS: Final = ("2.0", "0.9")
MUCH: Final = 64 * 1024
"""Bytes after which aiohttp waits for the client to read."""


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server that holds nothing longer than a fifth of a second."""
    settings = Settings(port=0, max_wall_delay=200, rate_limit=100_000)
    with running_server(settings, new_loop=new_loop(request.param)) as running:
        yield running


@pytest.fixture(params=["asyncio", "uvloop"])
def hasty_wire(request: pytest.FixtureRequest) -> Iterator[BlockingConnection]:
    """A connection to a server that waits half a second for an incomplete request."""
    with hasty_server(request.param) as hasty, connected(hasty.address) as wire:
        yield wire


def hasty_server(loop: str) -> AbstractContextManager[RunningServer]:
    """Return a server that waits half a second for an incomplete request."""
    return running_server(Settings(port=0, body_timeout=0.5), new_loop=new_loop(loop))


def settle(server: RunningServer) -> None:
    """Wait until no delayed reply is left."""
    # Once this is answered, what came before on any connection has been read.
    exchange(server.address, raw_request("GET", "/_sandbox/live"))
    give_up = time.monotonic() + LONGEST_WAIT
    while len(server.sandbox.runtime.delayed_replies):
        assert time.monotonic() < give_up
        exchange(server.address, raw_request("GET", "/_sandbox/live"))


def last_entry(server: RunningServer) -> dict[str, Any]:
    """Return the newest entry of the journal, once nothing is delayed."""
    settle(server)
    raw = raw_request("GET", "/_sandbox/requests?limit=1")
    (entry,) = exchange(server.address, raw).json["data"]
    assert isinstance(entry, dict)
    return entry


def statuses(wire: BlockingConnection) -> list[int]:
    """Return the statuses of all replies until the end of the connection, which is no reset."""
    came, is_reset = wire.rest()
    assert not is_reset
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", came)]


def test_a_reply_to_an_unread_body_closes_the_connection(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What follows is the rest of that body, not a request."""
    with server_unharmed(server, caplog), ExitStack() as stack:
        wires = {name: stack.enter_context(connected(server.address)) for name in UNREAD}
        for name, wire in wires.items():  # the server waits a moment for each body
            wire.send(UNREAD[name][1])
        replies = {name: wire.reply() for name, wire in wires.items()}
        found = {name: (reply.status, reply.closes) for name, reply in replies.items()}
        assert found == {name: (status, True) for name, (status, _) in UNREAD.items()}
        for wire in wires.values():
            wire.send(raw_request("GET", "/_sandbox/ready", {"X-Pad": "0" * 150}))
        assert [name for name, wire in wires.items() if not wire.ends()] == []


def test_a_rejected_request_whose_body_has_arrived_leaves_the_connection_open(
    wire: BlockingConnection,
) -> None:
    for raw, status in (
        (raw_request("POST", PAYMENTS, {"Authorization": None}, CREATE), 401),
        (raw_request("POST", "/v3/nothing", body=CREATE), 404),
        (raw_request("GET", PAYMENTS, body=CREATE), 200),
        (raw_request("PUT", "/_sandbox/live", body=CREATE), 405),
    ):
        wire.send(raw)
        reply = wire.reply()
        assert (reply.status, reply.closes) == (status, False)


def test_a_rejected_body_sent_right_after_its_head_leaves_the_connection_open(
    wire: BlockingConnection,
) -> None:
    """As httpx and requests send it."""
    head = raw_request("POST", "/v3/nothing", {**ANNOUNCED, "Content-Length": str(len(CREATE))})
    wire.send(head)
    wire.send(CREATE)
    reply = wire.reply()
    assert (reply.status, reply.closes) == (404, False)


@for_each("version", VERSIONS)
@for_each("target", [PAYMENTS, "/_sandbox/ready", "/"])
def test_an_unsupported_http_version_gets_400_in_http_1_0(
    server: RunningServer, caplog: pytest.LogCaptureFixture, version: str, target: str
) -> None:
    with server_unharmed(server, caplog), connected(server.address) as wire:
        wire.send(raw_request("GET", target).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        came, _ = wire.rest()
        assert came.startswith(b"HTTP/1.0 400 Bad Request\r\n")


@pytest.mark.parametrize("target", [PAYMENTS, "/_sandbox/worlds"])
def test_an_http_1_0_client_gets_no_100_continue(wire: BlockingConnection, target: str) -> None:
    """It would take that for the answer."""
    raw = raw_request(
        "POST", target, {"Expect": "100-continue"}, CREATE if target == PAYMENTS else b"{}"
    )
    head, _, body = raw.replace(b"HTTP/1.1", b"HTTP/1.0").partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.is_silent_for(0.05)
    wire.send(body)
    assert statuses(wire) == [201]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(PAY, [201], id="a payment"),
        pytest.param(PAY.replace(b"HTTP/1.1", b"HTTP/1.0"), [201], id="HTTP/1.0"),
        pytest.param(PAY + LIST + PAY + LIST, [201, 200, 201, 200], id="several"),
        pytest.param(LIST * 100, [200] * 100, id="a hundred requests"),
        pytest.param(SLOW, [201], id="a delay"),
        pytest.param(SLOW + LIST, [201, 200], id="a delay, and another"),
        pytest.param(
            raw_request("GET", "/_sandbox/inbox/a?wait=100ms"), [200], id="a wait at an inbox"
        ),
        pytest.param(PAY[:-1], [400], id="an unfinished body"),
        pytest.param(PAY + PAY[:-1], [201, 400], id="an unfinished body behind another"),
        pytest.param(raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1], [400], id="control"),
        pytest.param(
            raw_request("POST", "/v3/nothing", body=CREATE)[:-1],
            [404],
            id="an unread body of an unknown path",
        ),
        pytest.param(
            raw_request("GET", "/v3/payments", body=CREATE)[:-1],
            [200],
            id="an unread body of a list",
        ),
        pytest.param(PAY + LIST[:-2], [201], id="an unfinished head"),
        pytest.param(SILENT, [], id="a fault without a reply"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_client_that_half_closes_its_connection_gets_all_its_replies(
    server: RunningServer,
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    raw: bytes,
    expected: list[int],
) -> None:
    """Then the connection ends."""
    wire.send(raw)
    wire.finish()
    assert statuses(wire) == expected
    assert [entry for entry in caplog.records if entry.exc_info] == []
    settle(server)


def test_a_delayed_reply_is_journalled_as_abandoned_once_its_client_leaves_or_half_closes(
    server: RunningServer,
) -> None:
    """The two look the same; the reply is sent, and the half-closed client reads it."""
    with connected(server.address) as wire:
        wire.send(SLOW)
    with connected(server.address) as finished:
        finished.send(SLOW)
        finished.finish()
        assert statuses(finished) == [201]
    settle(server)
    listed = exchange(server.address, raw_request("GET", "/_sandbox/requests?limit=2"))

    for entry in listed.json["data"]:
        assert (entry["committed"], entry["response"], entry["fault"]) == (True, None, "abandoned")


def test_an_incomplete_body_gets_400_that_says_so(wire: BlockingConnection) -> None:
    """A wrong Content-Length is the commonest cause."""
    wire.send(PAY[:-1])
    wire.finish()
    assert wire.reply().json == {
        "error": {
            "code": "invalid_request",
            "message": "The request is invalid",
            "details": "/: expected the complete body that the headers announce.",
        }
    }


@pytest.mark.parametrize(
    "parts",
    [(), (20,), (len(PAY) - 20,), (len(PAY),), (20, len(PAY) - 20)],
    ids=[
        "in one segment",
        "cut in the first head",
        "cut in the first body",
        "cut after the first request",
        "cut twice",
    ],
)
@pytest.mark.parametrize(
    "junk", [JUNK, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"], ids=["junk line", "header without colon"]
)
@pytest.mark.parametrize("count", [1, 3], ids=["1 request", "3 requests"])
def test_junk_after_pipelined_requests_gets_400_after_their_replies(
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    parts: tuple[int, ...],
    junk: bytes,
    count: int,
) -> None:
    """However the bytes are split into segments."""
    raw, start = PAY * count + junk, 0
    for end in (*parts, len(raw)):
        wire.send(raw[start:end])
        start = end
        assert end == len(raw) or end == len(PAY) or wire.is_silent_for(0.01)
    assert statuses(wire) == [201] * count + [400]
    assert [entry for entry in caplog.records if entry.exc_info] == []


def test_a_head_sent_line_by_line_times_out(
    hasty_wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the time that a body has, in total."""
    wire = hasty_wire
    wire.send(LIST)
    assert wire.reply().status == 200
    wire.send(b"GET /v3/payments HTTP/1.1\r\n")
    for number in range(3):  # well before the timeout: later bytes would cause an RST
        assert wire.is_silent_for(0.02)
        wire.send(b"X-Line: %d\r\n" % number)
    assert wire.reply().is_the_transports
    assert wire.ends()
    assert (
        "127.0.0.1 sent no complete request head within 0.5 s; the connection is closed."
        in caplog.messages
    )


@pytest.mark.parametrize("turns", range(3))
async def test_a_head_that_begins_with_the_connection_times_out(
    caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    """Data may arrive before aiohttp's task waits for a request."""
    server, transport = HttpServer(assemble(Settings(port=0)).handler, 0), FakeTransport()
    connection = server()
    connection.connection_made(transport)
    await turn(turns)
    connection.data_received(b"GET /v3")
    await turn(5)

    assert transport.is_closed
    assert (
        "a client sent no complete request head within 0 s; the connection is closed."
        in caplog.messages
    )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_incomplete_head_pipelined_after_a_request_times_out(
    caplog: pytest.LogCaptureFixture, loop: str
) -> None:
    """Both arrive in one segment."""
    head = PAY[: PAY.index(b"\r\n\r\n")]
    sent = [LIST + b"GET /v3/pay", LIST + LIST[:-2], PAY + b"G", PAY + head]
    with hasty_server(loop) as hasty, ExitStack() as stack:
        wires = [stack.enter_context(connected(hasty.address)) for _ in sent]
        for wire, both in zip(wires, sent, strict=True):
            wire.send(both)
        assert [wire.reply().status for wire in wires] == [200, 200, 201, 201]
        assert [wire.reply().is_the_transports for wire in wires] == [True] * len(sent)
        assert [wire.ends() for wire in wires] == [True] * len(sent)
    line = "127.0.0.1 sent no complete request head within 0.5 s; the connection is closed."
    assert caplog.messages.count(line) == len(sent)


def test_an_incomplete_head_sent_during_a_request_times_out_after_its_reply(
    hasty_wire: BlockingConnection,
) -> None:
    """A head that is completed in time is answered."""
    wire = hasty_wire
    start, rest = PAY[:-5], PAY[-5:]
    wire.send(start)
    assert wire.is_silent_for(0.02)
    wire.send(rest + LIST[:9])
    assert wire.reply().status == 201
    wire.send(LIST[9:])
    assert wire.reply().status == 200
    wire.send(start)
    assert wire.is_silent_for(0.02)
    wire.send(rest + LIST[:9])
    assert wire.reply().status == 201
    assert wire.reply().is_the_transports
    assert wire.ends()


def test_blank_lines_between_requests_do_not_time_out(hasty_wire: BlockingConnection) -> None:
    """Some clients send one after a body."""
    wire = hasty_wire
    wire.send(PAY + b"\r\n")
    assert wire.reply().status == 201
    wire.send(b"\r\n")
    assert wire.is_silent_for(0.6)
    wire.send(LIST)
    assert wire.reply().status == 200


class FakeTransport(asyncio.Transport):
    """A transport without a socket."""

    is_closed = False
    is_paused = False
    sent = 0

    def pause_reading(self) -> None:
        """Receive nothing for a while."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Receive again."""
        self.is_paused = False

    def write(self, data: bytes) -> None:  # type: ignore[override]  # of any bytes
        """Count the bytes, and send nothing."""
        self.sent += len(data)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed

    def close(self) -> None:
        """Close it."""
        self.is_closed = True


BEGINNINGS: Final = {
    "nothing": b"",
    "a head": PAY[: -len(CREATE)],
    "half a body": PAY[:-5],
    "all": PAY,
    "one body and half of another": PAY + raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1],
    "half a body for the control API": raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1],
    "half a body of an unknown path": raw_request("POST", "/v3/nothing", body=CREATE)[:-5],
}


@pytest.mark.parametrize("raw", BEGINNINGS.values(), ids=BEGINNINGS)
@pytest.mark.parametrize("finishes", [True, False], ids=["FIN", "RST"])
async def test_a_client_that_disconnects_at_any_moment_causes_no_error(
    caplog: pytest.LogCaptureFixture, raw: bytes, *, finishes: bool
) -> None:
    """Between any two turns of the loop, with or without a half-close, in any pieces."""
    server = HttpServer(assemble(Settings(port=0)).handler, 30)
    for counts in product(range(4), repeat=3):
        turns = (*counts, sum(counts) % 4)
        connection, transport = server(), FakeTransport()
        connection.connection_made(transport)
        for count, part in zip(turns, (b"", raw[:-3], raw[-3:]), strict=False):
            if part and not transport.is_closed:
                connection.data_received(part)
            await turn(count)
        if finishes and not transport.is_closed:
            connection.eof_received()
            await turn(turns[-1])
        connection.connection_lost(None if finishes else ConnectionResetError())
    await turn(10)
    gc.collect()  # the exception of a task is reported when the task is freed

    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []
    assert server.connections == []


async def test_a_client_that_resets_during_a_large_reply_causes_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection, transport = HttpServer(assemble(Settings(port=0)).handler, 30)(), FakeTransport()
    connection.connection_made(transport)
    connection.data_received(
        raw_request("POST", "/_sandbox/world/seed", body=b'{"payments": 2000}')
    )
    while not transport.sent:
        await turn(1)
    transport.sent = 0
    connection.pause_writing()
    connection.data_received(raw_request("GET", "/_sandbox/world/snapshot"))
    while transport.sent < MUCH:
        await turn(1)
    await turn(5)
    connection.connection_lost(ConnectionResetError("by peer"))
    await turn(10)

    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []


async def test_a_large_body_that_begins_together_with_its_head_is_read_to_its_end() -> None:
    """What arrives before anybody reads the body is more than aiohttp buffers, so it pauses."""
    connection, transport = HttpServer(assemble(Settings(port=0)).handler, 30)(), FakeTransport()
    connection.connection_made(transport)
    raw = raw_request("POST", "/_sandbox/scenarios/check", body=b" " * 900_000)
    connection.data_received(raw[:700_000])
    paused = [transport.is_paused]
    await turn(5)
    paused.append(transport.is_paused)
    assert paused == [True, False]
    connection.data_received(raw[700_000:])
    while not transport.sent:
        await turn(1)
    connection.connection_lost(None)
    await turn(10)


async def turn(count: int) -> None:
    """Let the loop run `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - it takes no time
