"""Trailers behind the chunks of a body: none is taken for a part of the request that follows."""

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
    "an end": b"Connection: close\r\n",
}


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server without a limit in practice."""
    settings = Settings(port=0, rate_limit=100_000)
    with running_server(settings, new_loop=new_loop(request.param)) as running:
        yield running


def statuses(wire: BlockingConnection) -> list[int]:
    """The statuses of all replies until the end of the connection."""
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
def test_a_request_with_trailers_is_the_last(server: RunningServer, trailers: bytes) -> None:
    """It is answered; nothing of it gets into what came behind it in the same piece."""
    pay = HEAD + CHUNKS + b"0\r\n" + trailers + b"\r\n"
    with connected(server.address) as wire:
        wire.send(pay)
        reply = wire.reply()
        assert (reply.status, reply.closes) == (201, True)
        assert wire.ends()
    with connected(server.address) as wire:
        wire.send(LIST + pay + KEYLESS + LIST)
        assert statuses(wire) == [200, 201]
    middle, behind = len(HEAD) + 40, len(HEAD + CHUNKS) + 5
    for cut in (20, len(HEAD) - 1, len(HEAD), middle, behind, len(pay) - 1):
        assert sent_in_two(server, pay + KEYLESS, cut) == [201], cut


def test_requests_behind_chunks_without_trailers_are_answered(server: RunningServer) -> None:
    """However they are cut into segments."""
    raw = PAY + LIST + PAY_WHOLE + PAY + LIST_LAST
    for cut in (20, len(HEAD), len(HEAD) + 30, len(PAY) - 3, len(PAY + LIST), len(raw) - 1):
        assert sent_in_two(server, raw, cut) == [201, 200, 201, 201, 200], cut


def test_chunks_that_cannot_be_followed_are_the_last(server: RunningServer) -> None:
    """A head whose end came in two pieces is such a case: what is behind it is not guessed."""
    assert sent_in_two(server, PAY + LIST_LAST, len(HEAD) - 3) == [201]


def test_a_large_body_with_trailers_is_read_whole(server: RunningServer) -> None:
    """The parser stops in it until it is read, and has not come to the trailers then."""
    text = b" " * 1_000_000
    large = b"%x\r\n%s\r\n0\r\n" % (len(text), text)
    head = raw_request(
        "PUT",
        "/_sandbox/world/snapshot",
        {"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
    )
    for trailers, expected in ((b"", [400, 200]), (b"X-A: 1\r\n", [400])):
        with connected(server.address) as wire:
            wire.send(head + large + trailers + b"\r\n" + LIST_LAST)
            assert statuses(wire) == expected


def test_more_requests_in_chunks_than_are_read_ahead(server: RunningServer) -> None:
    """Those that cannot be followed are not answered, and none is answered wrongly."""
    with connected(server.address) as wire:
        wire.send(PAY * 100)
        wire.finish()
        came = statuses(wire)
    assert set(came) == {201}
