"""One connection: what it reads and how often, who is still answered on it, and when it ends."""

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
    "no path": (404, raw_request("POST", "/v3/nothing", ANNOUNCED)),
    "no method": (405, raw_request("DELETE", PAYMENTS, ANNOUNCED)),
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
    "control: no path": (404, raw_request("POST", "/_sandbox/nothing", ANNOUNCED)),
    "control: no method": (405, raw_request("PUT", "/_sandbox/live", ANNOUNCED)),
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
    """A connection to a server that waits half a second for what has begun."""
    with hasty_server(request.param) as hasty, connected(hasty.address) as wire:
        yield wire


def hasty_server(loop: str) -> AbstractContextManager[RunningServer]:
    """A server that waits half a second for what has begun."""
    return running_server(Settings(port=0, body_timeout=0.5), new_loop=new_loop(loop))


def settle(server: RunningServer) -> None:
    """Wait until nobody waits for a reply any more."""
    # Once this is answered, what came before on any connection has been read.
    exchange(server.address, raw_request("GET", "/_sandbox/live"))
    give_up = time.monotonic() + LONGEST_WAIT
    while len(server.sandbox.runtime.delayed_replies):
        assert time.monotonic() < give_up
        exchange(server.address, raw_request("GET", "/_sandbox/live"))


def last_entry(server: RunningServer) -> dict[str, Any]:
    """The newest entry of the journal, once it is settled."""
    settle(server)
    raw = raw_request("GET", "/_sandbox/requests?limit=1")
    (entry,) = exchange(server.address, raw).json["data"]
    assert isinstance(entry, dict)
    return entry


def statuses(wire: BlockingConnection) -> list[int]:
    """The statuses of all replies until the end of the connection, which is no reset."""
    came, is_reset = wire.rest()
    assert not is_reset
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", came)]


@pytest.mark.parametrize(("status", "head"), UNREAD.values(), ids=UNREAD)
def test_a_reply_to_a_body_that_was_not_read_is_the_last(
    server: RunningServer,
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    status: int,
    head: bytes,
) -> None:
    """What comes next is the rest of that body, and not a request."""
    with server_unharmed(server, caplog):
        wire.send(head)
        reply = wire.reply()
        assert (reply.status, reply.closes) == (status, True)
        wire.send(raw_request("GET", "/_sandbox/ready", {"X-Pad": "0" * 150}))
        assert wire.ends()


def test_a_refused_body_that_has_come_whole_leaves_the_connection_open(
    wire: BlockingConnection,
) -> None:
    """Nothing of it is left to be taken for a request."""
    for raw, status in (
        (raw_request("POST", PAYMENTS, {"Authorization": None}, CREATE), 401),
        (raw_request("POST", "/v3/nothing", body=CREATE), 404),
        (raw_request("GET", PAYMENTS, body=CREATE), 200),
        (raw_request("PUT", "/_sandbox/live", body=CREATE), 405),
    ):
        wire.send(raw)
        reply = wire.reply()
        assert (reply.status, reply.closes) == (status, False)


def test_a_refused_body_may_come_a_moment_behind_its_head(wire: BlockingConnection) -> None:
    """As httpx and requests send it; a connection for each refusal would be a waste."""
    head = raw_request("POST", "/v3/nothing", {**ANNOUNCED, "Content-Length": str(len(CREATE))})
    wire.send(head)
    wire.send(CREATE)
    reply = wire.reply()
    assert (reply.status, reply.closes) == (404, False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("target", [PAYMENTS, "/_sandbox/ready", "/"])
def test_another_version_of_http_is_refused_in_one_that_is_spoken(
    server: RunningServer,
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    version: str,
    target: str,
) -> None:
    """As anything else that is not HTTP as it is spoken here."""
    with server_unharmed(server, caplog):
        wire.send(raw_request("GET", target).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        came, _ = wire.rest()
        assert came.startswith(b"HTTP/1.0 400 Bad Request\r\n")


@pytest.mark.parametrize("target", [PAYMENTS, "/_sandbox/worlds"])
def test_a_client_of_http_1_0_is_not_told_to_continue(
    wire: BlockingConnection, target: str
) -> None:
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
        pytest.param(LIST * 100, [200] * 100, id="more than are read at once"),
        pytest.param(SLOW, [201], id="a delay"),
        pytest.param(SLOW + LIST, [201, 200], id="a delay, and another"),
        pytest.param(raw_request("GET", "/_sandbox/inbox/a?wait=100ms"), [200], id="a wait"),
        pytest.param(PAY[:-1], [400], id="an unfinished body"),
        pytest.param(PAY + PAY[:-1], [201, 400], id="an unfinished body behind another"),
        pytest.param(raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1], [400], id="control"),
        pytest.param(
            raw_request("POST", "/v3/nothing", body=CREATE)[:-1], [404], id="nobody reads it"
        ),
        pytest.param(PAY + LIST[:-2], [201], id="an unfinished head"),
        pytest.param(SILENT, [], id="a fault that says nothing"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_a_client_that_has_finished_sending_is_answered(
    server: RunningServer,
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    raw: bytes,
    expected: list[int],
) -> None:
    """Everything that came whole, at once or later; then the connection ends."""
    wire.send(raw)
    wire.finish()
    assert statuses(wire) == expected
    assert [entry for entry in caplog.records if entry.exc_info] == []
    settle(server)


def test_the_journal_tells_of_a_client_that_left_before_the_delayed_reply(
    server: RunningServer,
) -> None:
    """Nothing tells it from one that only sends no more, and is sent the reply."""
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


def test_an_unfinished_body_is_told_so(wire: BlockingConnection) -> None:
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


@pytest.mark.parametrize("parts", [(), (20,), (len(PAY) - 20,), (len(PAY),), (20, len(PAY) - 20)])
@pytest.mark.parametrize("junk", [JUNK, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
@pytest.mark.parametrize("count", [1, 3])
def test_junk_behind_requests_takes_none_of_them_back(
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    parts: tuple[int, ...],
    junk: bytes,
    count: int,
) -> None:
    """However the bytes are cut into segments, each request is answered, and then the junk."""
    raw, start = PAY * count + junk, 0
    for end in (*parts, len(raw)):
        wire.send(raw[start:end])
        start = end
        assert end == len(raw) or end == len(PAY) or wire.is_silent_for(0.01)
    assert statuses(wire) == [201] * count + [400]
    assert [entry for entry in caplog.records if entry.exc_info] == []


def test_a_head_that_comes_line_by_line_is_not_waited_for(
    hasty_wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the time that a body has, whatever comes of it meanwhile."""
    wire = hasty_wire
    wire.send(LIST)
    assert wire.reply().status == 200
    wire.send(b"GET /v3/payments HTTP/1.1\r\n")
    for number in range(3):  # well before time is up: what comes after that makes an RST
        assert wire.is_silent_for(0.02)
        wire.send(b"X-Line: %d\r\n" % number)
    assert wire.reply().is_the_transports
    assert wire.ends()
    assert (
        "127.0.0.1 sent no complete request head within 0.5 s; the connection is closed."
        in caplog.messages
    )


@pytest.mark.parametrize("turns", range(3))
async def test_a_head_has_its_time_however_early_it_begins(
    caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    """What is there when a connection begins comes before aiohttp's task waits for a request."""
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
def test_a_head_that_begins_behind_a_request_is_not_waited_for(
    caplog: pytest.LogCaptureFixture, loop: str
) -> None:
    """Whole and partial come as one, and the parser does not tell what it has begun to read."""
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


def test_a_head_that_begins_during_a_request_is_not_waited_for(
    hasty_wire: BlockingConnection,
) -> None:
    """Its time begins with the end of the request before it; what comes whole is answered."""
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


def test_blank_lines_between_requests_are_no_head(hasty_wire: BlockingConnection) -> None:
    """Some clients send one behind a body; their connection stays."""
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
    sent = 0

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
    "all, and half of another": PAY + raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1],
    "half a body for the control API": raw_request("POST", "/_sandbox/worlds", body=b"{}")[:-1],
    "half a body that nobody reads": raw_request("POST", "/v3/nothing", body=CREATE)[:-5],
}


@pytest.mark.parametrize("raw", BEGINNINGS.values(), ids=BEGINNINGS)
@pytest.mark.parametrize("finishes", [True, False])
async def test_a_client_that_leaves_at_any_moment_is_no_error(
    caplog: pytest.LogCaptureFixture, raw: bytes, *, finishes: bool
) -> None:
    """Between any two turns of the loop, with or without an end of its own, in whatever pieces."""
    server = HttpServer(assemble(Settings(port=0)).handler)
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
    gc.collect()  # what a task has raised is told of when the task goes

    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []
    assert server.connections == []


async def test_a_client_that_leaves_while_much_is_sent_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It reads slowly, and resets the connection while the server waits for it."""
    connection, transport = HttpServer(assemble(Settings(port=0)).handler)(), FakeTransport()
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


async def turn(count: int) -> None:
    """Let the loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - it takes no time
