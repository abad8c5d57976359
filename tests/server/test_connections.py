"""Holds who has a connection: ours while all is plain, then aiohttp's; and how each ends."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.connection import A_TURN
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.http_server import listening
from payments_sandbox.testing.memory.wire import Wire
from tests.support.bodies import KEY, documented_create
from tests.support.two_ways import OneWay
from tests.support.wire import request

LIST = request("GET", "/v3/payments")
PAY = request("POST", "/v3/payments", body=json.dumps(documented_create()).encode())
HUNG = PAY.replace(b"4111111111111111", b"4000009900000087")
IDLE = 75


@pytest.fixture
def way() -> Iterator[OneWay]:
    """A sandbox on wires in memory."""
    way = OneWay()
    yield way
    way.close()


def has(way: OneWay) -> tuple[int, int]:
    """How many connections are ours, and how many aiohttp's."""
    return len(way.connections.ours), len(way.connections.aiohttp.connections)


def test_plain_requests_stay_with_us(way: OneWay) -> None:
    """Aiohttp never hears of them, whatever their answers are."""
    wire = way.wire()
    made = way.say(wire, PAY).raw
    payment_id = made.partition(b'"id":"')[2].partition(b'"')[0].decode()
    path = f"/v3/payments/{payment_id}"
    for each, status in (
        (LIST, b"200"),
        (request("GET", path), b"200"),
        (request("POST", f"{path}/refunds", body=b"{}"), b"201"),
        (request("POST", f"{path}/refunds", body=b"{}"), b"400"),
        (PAY.replace(b"4111111111111111", b"4000000000000002"), b"400"),
        (PAY.replace(b"2500", b"true"), b"400"),
        (request("GET", "/v3/payments/pay_1"), b"404"),
    ):
        assert way.say(wire, each).raw.startswith(b"HTTP/1.1 " + status)

    assert has(way) == (1, 0)


@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/_sandbox/live"),
        request("GET", "/v3/payments", {"Connection": "Keep-Alive, x"}),
        request("GET", "/v3/payments", {"Authorization": "Bearer nobody"}),
        request("GET", "/v3/nothing"),
        PAY[:-1],
        PAY + LIST,
        HUNG,
    ],
    ids=["control", "connection", "key", "path", "a part", "two", "a fault"],
)
def test_aiohttp_keeps_what_it_was_given(way: OneWay, sent: bytes) -> None:
    """The request that is not plain, and all that come after it on this connection."""
    wire, other = way.wire(), way.wire()
    assert has(way) == (2, 0)

    way.say(wire, sent)
    way.say(other, LIST)
    assert has(way) == (1, 1)


def test_a_call_that_is_answered_later_happens_once(way: OneWay) -> None:
    """It has begun when aiohttp reads it again, and is not begun again."""
    wire = way.wire()
    way.say(wire, PAY.replace(b"4111111111111111", b"4000009900000129"))
    way.wait(5)
    assert way.say(wire).raw.startswith(b"HTTP/1.1 201 Created\r\n")

    assert way.say(wire, LIST).raw.count(b'"pay_') == 1
    assert way.journal(KEY)["count"] == 2


def test_a_client_that_leaves_while_its_call_waits(way: OneWay) -> None:
    """The call has happened, and its record says that nobody had the reply."""
    wire = way.wire()
    way.say(wire, PAY.replace(b"4111111111111111", b"4000009900000129"))
    wire.hang_up()
    way.wait(5)

    [entry] = way.journal(KEY)["entries"]
    assert (entry["fault"], entry["status"]) == ("abandoned", None)
    assert has(way) == (0, 0)


RESET = request("POST", "/_sandbox/world/reset")
DROP = request("DELETE", "/_sandbox/world")


@pytest.mark.parametrize("end", [RESET, DROP], ids=["reset", "drop"])
@pytest.mark.parametrize("card", [b"4000009900000129", b"4000009900000087"], ids=["slow", "hung"])
def test_a_call_that_has_begun_when_its_world_ends(way: OneWay, end: bytes, card: bytes) -> None:
    """Its connection ends at once, as that of any call that waits: its payment is no more."""
    control, wire = way.wire(), way.wire()
    way.say(control, request("GET", "/_sandbox/live"))
    heard = way.say_at_once((control, end), (wire, PAY.replace(b"4111111111111111", card)))

    assert heard[0].raw.startswith(b"HTTP/1.1 20")
    assert (heard[1].raw, heard[1].is_over) == (b"", True)
    assert len(way.sandbox.runtime.delayed_replies) == 0
    assert way.say(way.wire(), LIST).raw.count(b'"pay_') == 0


def test_silence_ends_a_connection(way: OneWay) -> None:
    """Whether it has ever been used or not; one that is used now and then stays."""
    unused, used = way.wire(), way.wire()
    way.wait(IDLE - 1)
    way.say(used, LIST)
    assert [unused.is_over, used.is_over] == [False, False]

    way.wait(2)
    assert [unused.is_over, used.is_over] == [True, False]
    assert has(way) == (1, 0)

    way.wait(IDLE - 3)
    assert [used.is_over] == [False]

    way.wait(2)
    assert [used.is_over] == [True]
    assert has(way) == (0, 0)


def test_a_client_that_does_not_read(way: OneWay) -> None:
    """Aiohttp waits with its answers until the client reads again."""
    wire = way.wire()
    [connection] = way.connections.ours
    connection.pause_writing()
    connection.resume_writing()
    assert way.say(wire, LIST).raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert has(way) == (1, 0)

    connection.pause_writing()
    way.say(wire, LIST)
    assert has(way) == (0, 1)

    connection.resume_writing()
    assert way.say(wire, LIST).raw.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_server_that_stops_ends_them_all(way: OneWay) -> None:
    """Those that wait for a request, and those that have handed one on."""
    wires = [way.wire() for _ in range(3)]
    way.say(wires[0], LIST)
    way.say(wires[1], request("GET", "/_sandbox/live"))
    way.stop()

    assert [wire.is_over for wire in wires] == [True, True, True]


def crowd(way: OneWay, size: int) -> list[tuple[Wire, bytes]]:
    """So many connections, and what each asks for: a page of one, of two, and so on."""
    return [(way.wire(), request("GET", f"/v3/payments?limit={nth}")) for nth in range(1, size + 1)]


def test_a_turn_of_the_loop_has_room_for_so_many(way: OneWay) -> None:
    """The loop looks at what else has come before it goes on with the others."""
    assert way.answered_by_turn(*crowd(way, 20)) == [8, 16, 20]


def test_who_comes_first_is_answered_first(way: OneWay) -> None:
    """Who has been answered and asks again comes after those who wait."""
    first, *others = crowd(way, 20)
    way.say_at_once(first, *others, (first[0], request("GET", "/v3/payments?limit=50")))

    asked = [entry["path"] for entry in way.journal(KEY)["entries"]]
    assert asked == [f"/v3/payments?limit={nth}" for nth in (*range(1, 21), 50)]


def test_more_that_comes_before_its_turn(way: OneWay) -> None:
    """Two requests at once are aiohttp's, and both are answered."""
    late = way.wire()
    *_, heard, _ = way.say_at_once(*crowd(way, A_TURN), (late, LIST), (late, PAY))

    assert [part[:3] for part in heard.raw.split(b"HTTP/1.1 ")] == [b"", b"200", b"201"]
    assert has(way) == (A_TURN, 1)


def test_a_client_that_leaves_before_its_turn(way: OneWay) -> None:
    """Nothing has happened, and the others are answered."""
    late = way.wire()
    *heard, _, _ = way.say_at_once(*crowd(way, 2 * A_TURN), (late, PAY), (late, None))

    assert all(each.raw for each in heard)
    assert way.say(way.wire(), LIST).raw.count(b'"pay_') == 0
    assert has(way) == (2 * A_TURN + 1, 0)


def test_a_server_that_stops_answers_what_has_come(way: OneWay) -> None:
    """Whoever waited for a turn has it now."""
    said = crowd(way, 2 * A_TURN)
    way.stop(*said)

    assert [wire.take(12) for wire, _ in said] == [b"HTTP/1.1 200"] * len(said)
    assert [wire.is_over for wire, _ in said] == [True] * len(said)


def test_a_server_that_stops_lets_aiohttp_answer_what_has_come(way: OneWay) -> None:
    """What is not plain, too, if its turn comes only now."""
    late = way.wire(), request("GET", "/_sandbox/live")
    way.stop(*crowd(way, A_TURN), late)

    assert late[0].take(12) == b"HTTP/1.1 200"
    assert late[0].is_over


async def test_clients_that_say_their_last_at_once() -> None:
    """Each is answered, in its turn or before it, and then its connection is closed."""
    sandbox = assemble(Settings(port=0))
    async with listening(sandbox) as address:
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.socket()) for _ in range(20)]
            for each in clients:
                each.connect(("127.0.0.1", urlsplit(address).port))
                each.sendall(LIST)
                each.shutdown(socket.SHUT_WR)
                each.settimeout(0)
            heard = [await everything(each) for each in clients]

    assert [raw[:12] for raw in heard] == [b"HTTP/1.1 200"] * len(clients)


async def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    loop, came = asyncio.get_running_loop(), b""
    while part := await loop.sock_recv(connection, 65_536):
        came += part
    return came


async def test_a_rush_of_connections_finds_room() -> None:
    """All of these are let in before the server has looked at one, and none has to come again."""
    sandbox = assemble(Settings(port=0))
    async with listening(sandbox) as address:
        with ExitStack() as stack:
            rush = [stack.enter_context(socket.socket()) for _ in range(128)]
            for each in rush:
                each.settimeout(0)
                each.connect_ex(("127.0.0.1", urlsplit(address).port))
            _, let_in, _ = select.select([], rush, [], 0)

    assert len(let_in) == len(rush)
