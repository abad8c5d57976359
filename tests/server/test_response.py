"""Holds how replies of the emulated API leave: in one piece, framed as each client can read."""

from collections.abc import Iterator

import pytest

from payments_sandbox.server.response import JsonResponse
from tests.support.sockets import BlockingConnection, connected, raw_request, running_server

LIST = raw_request("GET", "/v3/payments")
CLOSING = raw_request("GET", "/v3/payments", {"Connection": "close"})
KEEPING = raw_request("GET", "/v3/payments", {"Connection": "keep-alive"})


@pytest.fixture
def wire() -> Iterator[BlockingConnection]:
    """A connection to a sandbox on a real socket."""
    with running_server() as server, connected(server.address) as wire:
        yield wire


def as_1_0(sent: bytes) -> bytes:
    """The request in the words of HTTP/1.0."""
    return sent.replace(b"HTTP/1.1", b"HTTP/1.0")


@pytest.mark.parametrize(
    ("sent", "connection"), [(LIST, None), (as_1_0(KEEPING), "keep-alive")], ids=["1.1", "1.0"]
)
def test_a_connection_that_stays_open_is_used_again(
    wire: BlockingConnection, sent: bytes, connection: str | None
) -> None:
    """HTTP/1.1 keeps it without a word; HTTP/1.0 is told."""
    wire.send(sent)
    assert wire.reply().headers.get("connection") == connection

    wire.send(LIST)
    assert wire.reply().status == 200


@pytest.mark.parametrize(
    ("sent", "connection"), [(CLOSING, "close"), (as_1_0(LIST), None)], ids=["1.1", "1.0"]
)
def test_a_connection_that_is_not_kept_ends(
    wire: BlockingConnection, sent: bytes, connection: str | None
) -> None:
    """HTTP/1.1 is told; HTTP/1.0 expects nothing else."""
    wire.send(sent)
    assert wire.reply().headers.get("connection") == connection

    assert wire.ends()


def test_a_head_has_the_length_of_the_body_that_is_not_sent(wire: BlockingConnection) -> None:
    """HEAD is GET without the body, and the connection goes on behind it."""
    wire.send(LIST.replace(b"GET", b"HEAD"))
    head = wire.reply(to_head=True)
    wire.send(LIST)
    reply = wire.reply()

    assert head.body == b""
    assert head.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize("value", ["1\r\nSet-Cookie: a=b", "1\n", "\r1"])
def test_a_line_with_a_break_in_it_is_refused(value: str) -> None:
    """It would be read as a header that nobody meant to send."""
    with pytest.raises(ValueError, match="line break"):
        JsonResponse(200, {"X-RateLimit-Limit": value}, b"{}")
