"""Tests trailers of chunked bodies: none becomes a part of the request that follows."""

import json
import re
from collections.abc import Iterator
from typing import Final

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.sockets import (
    BlockingConnection,
    RunningServer,
    connected,
    exchange,
    new_loop,
    raw_request,
    running_server,
)
from tests.support.values import documented_create

PAYMENTS: Final = "/v3/payments"
CREATE: Final = json.dumps(documented_create()).encode()
HEAD: Final = raw_request(
    "POST", PAYMENTS, {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
)
CHUNKS: Final = b"10;note=1\r\n%s\r\n%X\r\n%s\r\n" % (CREATE[:16], len(CREATE) - 16, CREATE[16:])
PAY: Final = HEAD + CHUNKS + b"0\r\n\r\n"
PAY_WHOLE: Final = raw_request("POST", PAYMENTS, body=CREATE)
LIST: Final = raw_request("GET", PAYMENTS)
LIST_LAST: Final = raw_request("GET", PAYMENTS, {"Connection": "close"})
KEYLESS: Final = raw_request("GET", PAYMENTS, {"Authorization": None})
TRAILERS: Final = {
    "a checksum": b"X-Checksum: 1\r\n",
    "a key": b"Authorization: Bearer sk_test_other\r\n",
    "a host": b"X-Checksum: 1\r\nHost: evil.test\r\n",
    "a connection close": b"Connection: close\r\n",
}


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server without a rate limit in practice."""
    settings = Settings(port=0, rate_limit=100_000)
    with running_server(settings, new_loop=new_loop(request.param)) as running:
        yield running


def statuses(wire: BlockingConnection) -> list[int]:
    """Return the statuses of all replies until the end of the connection."""
    came, _ = wire.rest()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", came)]


def sent_in_two(server: RunningServer, raw: bytes, cut: int) -> list[int]:
    """Send bytes in two pieces, the second when the first has been read."""
    with connected(server.address) as wire:
        wire.send(raw[:cut])
        exchange(server.address, raw_request("GET", "/_sandbox/live"))
        wire.send(raw[cut:])
        return statuses(wire)


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS)
def test_no_trailer_of_a_chunked_request_gets_into_the_next_request(
    server: RunningServer, trailers: bytes
) -> None:
    """However the chunks are split; the connection is used again."""
    pay = HEAD + CHUNKS + b"0\r\n" + trailers + b"\r\n"
    for cut in (20, len(HEAD) - 1, len(HEAD), len(HEAD) + 40, len(pay) - 8, len(pay) - 1):
        with connected(server.address) as wire:
            wire.send(pay[:cut])
            exchange(server.address, raw_request("GET", "/_sandbox/live"))
            wire.send(pay[cut:])
            reply = wire.reply()
            assert (reply.status, reply.closes) == (201, False), cut
            wire.send(KEYLESS)
            assert wire.reply().status == 401
            wire.send(LIST)
            assert wire.reply().status == 200


@pytest.mark.parametrize("trailers", [b"", *TRAILERS.values()], ids=["none", *TRAILERS])
def test_bytes_pipelined_after_a_chunked_request_are_not_read_and_the_connection_closes(
    server: RunningServer, trailers: bytes
) -> None:
    """The reply says so, whether requests, a part of one, or junk follows."""
    pay = HEAD + CHUNKS + b"0\r\n" + trailers + b"\r\n"
    for behind in (KEYLESS, LIST[:9], LIST + LIST, b"j\0nk\r\n\r\n"):
        with connected(server.address) as wire:
            wire.send(LIST + pay + behind)
            assert wire.reply().status == 200
            last = wire.reply()
            assert (last.status, last.closes) == (201, True)
            assert wire.ends()
        assert sent_in_two(server, pay + behind, len(HEAD) + 40) == [201], behind


def test_requests_before_and_after_a_chunked_request_are_answered(server: RunningServer) -> None:
    """Those before it may come in the same segment, those after it in the next."""
    raw = LIST + PAY_WHOLE + PAY + PAY_WHOLE + LIST_LAST
    assert sent_in_two(server, raw, len(LIST + PAY_WHOLE + PAY)) == [200, 201, 201, 201, 200]


def test_a_large_chunked_body_with_trailers_is_read_whole(server: RunningServer) -> None:
    """The parser pauses in such a body, before it sees the trailers."""
    text = b" " * 1_000_000
    large = b"%x\r\n%s\r\n0\r\n" % (len(text), text)
    head = raw_request(
        "PUT",
        "/_sandbox/world/snapshot",
        {"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
    )
    with connected(server.address) as wire:
        wire.send(head + large + b"X-A: 1\r\n\r\n")
        assert wire.reply().status == 400
        wire.send(LIST_LAST)
        assert statuses(wire) == [200]


def test_a_hundred_pipelined_chunked_requests_get_no_wrong_reply(server: RunningServer) -> None:
    """The first is answered."""
    with connected(server.address) as wire:
        wire.send(PAY * 100)
        wire.finish()
        assert set(statuses(wire)) == {201}
