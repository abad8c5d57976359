"""Tests how replies of the emulated API are framed, for HTTP/1.1 and HTTP/1.0."""

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
    """Return the request in HTTP/1.0."""
    return sent.replace(b"HTTP/1.1", b"HTTP/1.0")


@pytest.mark.parametrize(
    ("sent", "connection"), [(LIST, None), (as_1_0(KEEPING), "keep-alive")], ids=["1.1", "1.0"]
)
def test_a_kept_connection_answers_a_second_request(
    wire: BlockingConnection, sent: bytes, connection: str | None
) -> None:
    """The Connection header is sent to HTTP/1.0 only."""
    wire.send(sent)
    assert wire.reply().headers.get("connection") == connection

    wire.send(LIST)
    assert wire.reply().status == 200


@pytest.mark.parametrize(
    ("sent", "connection"), [(CLOSING, "close"), (as_1_0(LIST), None)], ids=["1.1", "1.0"]
)
def test_a_connection_that_is_not_kept_is_closed_after_the_reply(
    wire: BlockingConnection, sent: bytes, connection: str | None
) -> None:
    """The Connection header is sent to HTTP/1.1 only."""
    wire.send(sent)
    assert wire.reply().headers.get("connection") == connection

    assert wire.ends()


def test_a_head_reply_has_the_content_length_of_get_and_no_body(wire: BlockingConnection) -> None:
    """The connection stays usable."""
    wire.send(LIST.replace(b"GET", b"HEAD"))
    head = wire.reply(to_head=True)
    wire.send(LIST)
    reply = wire.reply()

    assert head.body == b""
    assert head.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize("value", ["1\r\nSet-Cookie: a=b", "1\n", "\r1"])
def test_a_header_value_with_a_line_break_raises_value_error(value: str) -> None:
    """It would be read as another header."""
    with pytest.raises(ValueError, match="line break"):
        JsonResponse(200, {"X-RateLimit-Limit": value}, b"{}")
