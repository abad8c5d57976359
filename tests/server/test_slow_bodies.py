"""Tests bodies that come late, in pieces, in excess or not at all, and pipelined requests."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.sockets import (
    RATE_LIMIT_HEADERS,
    BlockingConnection,
    RawReply,
    RunningServer,
    connected,
    exchange,
    rate_limit_of,
    raw_request,
    running_server,
    server_unharmed,
)
from tests.support.values import documented_create

PAYMENTS: Final = "/v3/payments"
CONTROL: Final = "/_sandbox/clock/freeze"
ALL_THREE: Final = dict.fromkeys(RATE_LIMIT_HEADERS, True)
CREATE: Final = json.dumps(documented_create()).encode()
LARGE: Final = b'{"description": "' + b"x" * 300_000 + b'"}'
CHUNKED: Final[dict[str, str | None]] = {"Transfer-Encoding": "chunked", "Content-Length": None}
LIMIT: Final = 65_536
ENVELOPES: Final = {
    "late": (
        400,
        "invalid_request",
        "The request is invalid",
        "/: expected the body to arrive within 0.1 s.",
    ),
    "badly framed": (
        400,
        "invalid_request",
        "The request is invalid",
        "/: expected a body that is framed correctly.",
    ),
    "large": (
        413,
        "request_too_large",
        "The request body is too large",
        "The body is larger than 65536 bytes.",
    ),
    "keyless": (
        401,
        "invalid_api_key",
        "The API key is missing or invalid",
        "Send 'Authorization: Bearer sk_test_…'.",
    ),
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[RunningServer]:
    """A server with a very short body timeout."""
    with running_server(Settings(port=0, body_timeout=0.1)) as running:
        yield running


def chunks(body: bytes, size: int) -> bytes:
    """Return the body in chunks, with the last one."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def head(target: str = PAYMENTS, **headers: str | None) -> bytes:
    """Return the head of a POST whose body is sent later; `_` in a name is `-`."""
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    return raw_request("POST", target, lines | {"Content-Type": "application/json"})


def padded(size: int) -> bytes:
    """Return the documented create body, padded with blanks to this many bytes."""
    return CREATE + b" " * (size - len(CREATE))


def assert_envelope(reply: RawReply, name: str) -> None:
    """Assert that the reply is that error in the documented envelope."""
    status, code, message, details = ENVELOPES[name]
    error = {"code": code, "message": message, "details": details}
    assert (reply.status, reply.json) == (status, {"error": error})


def assert_paid(reply: RawReply) -> None:
    """Assert that the reply is the success of the documented create body."""
    assert (reply.status, rate_limit_of(reply)) == (201, ALL_THREE)
    assert reply.json == {
        "id": reply.json["id"],
        "status": "completed",
        "amount": 2500,
        "currency": "USD",
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
    }


def test_expect_100_continue_gets_100_then_the_reply(wire: BlockingConnection) -> None:
    """And the connection stays usable."""
    wire.send(head(Content_Length=str(len(CREATE)), Expect="100-Continue"))

    assert wire.reply() == RawReply(100, {}, b"")
    wire.send(CREATE)
    assert_paid(wire.reply())
    wire.send(raw_request("POST", PAYMENTS, body=CREATE))
    assert_paid(wire.reply())


@pytest.mark.parametrize("target", [PAYMENTS, CONTROL])
def test_expect_100_continue_with_a_large_body_gets_413_instead_of_100(
    server: RunningServer, wire: BlockingConnection, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    with server_unharmed(server, caplog):
        wire.send(head(target, Content_Length="300000", Expect="100-continue"))
        assert_envelope(wire.reply(), "large")


def test_expect_100_continue_without_a_key_gets_401_instead_of_100(
    server: RunningServer, wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    with server_unharmed(server, caplog):
        wire.send(head(Content_Length="10", Expect="100-continue", Authorization=None))
        assert_envelope(wire.reply(), "keyless")


def test_an_unknown_expect_header_is_ignored(wire: BlockingConnection) -> None:
    """417 is not documented."""
    wire.send(raw_request("POST", PAYMENTS, {"Expect": "the-unexpected"}, CREATE))

    assert_paid(wire.reply())


@pytest.mark.parametrize("size", [1, 20, len(CREATE)])
def test_a_chunked_body_is_accepted_with_chunks_of_any_size(
    wire: BlockingConnection, size: int
) -> None:
    wire.send(raw_request("POST", PAYMENTS, CHUNKED, chunks(CREATE, size)))

    assert_paid(wire.reply())


def test_a_body_of_exactly_the_maximum_size_is_accepted(server: RunningServer) -> None:
    """By length and in chunks."""
    assert_paid(exchange(server.address, raw_request("POST", PAYMENTS, body=padded(LIMIT))))
    assert_paid(
        exchange(
            server.address, raw_request("POST", PAYMENTS, CHUNKED, chunks(padded(LIMIT), 4_096))
        )
    )


@pytest.mark.parametrize("target", [PAYMENTS, CONTROL])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({}, LARGE, id="by length"),
        pytest.param(CHUNKED, chunks(LARGE, 8_000), id="in chunks"),
        pytest.param({}, padded(LIMIT + 1), id="one byte more"),
        pytest.param(CHUNKED, chunks(padded(LIMIT + 1), 8_000), id="one byte more in chunks"),
        pytest.param({}, b"[" * 100_000, id="100,000 deep"),
    ],
)
def test_a_body_above_the_maximum_size_is_413(
    server: RunningServer,
    caplog: pytest.LogCaptureFixture,
    target: str,
    headers: dict[str, str | None],
    body: bytes,
) -> None:
    """By length and in chunks."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", target, headers, body))
        assert_envelope(reply, "large")


def test_a_body_that_does_not_arrive_in_time_gets_400_and_a_closed_connection(
    hasty: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    length = str(len(CREATE))
    with (
        server_unharmed(hasty, caplog),
        connected(hasty.address) as silent,
        connected(hasty.address) as slow,
    ):
        silent.send(head(PAYMENTS, Content_Length=length))
        slow.send(head(CONTROL, Content_Length=length) + CREATE[:-1])
        for wire in (silent, slow):
            assert_envelope(wire.reply(), "late")
        for wire in (silent, slow):
            assert wire.ends()


@pytest.mark.parametrize("target", [PAYMENTS, CONTROL])
def test_a_body_sent_byte_by_byte_gets_400_after_the_timeout_of_the_whole_body(
    hasty: RunningServer, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """The timeout is for the body as a whole, also of a second request on a connection."""
    with server_unharmed(hasty, caplog), connected(hasty.address) as wire:
        wire.send(head(target, Content_Length="1") + b"{")
        assert wire.reply().status == 400
        wire.send(head(target, Content_Length=str(LIMIT)))
        while wire.is_silent_for(0.01):
            wire.send(b" ")
        assert_envelope(wire.reply(), "late")


def test_a_body_of_900_kb_to_the_control_api_is_read_whole_after_a_pause(
    server: RunningServer, wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """The parser pauses reading at half a megabyte unless it is told how much to keep."""
    body = b"[" + b" " * 900_000 + b"]"
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    with server_unharmed(server, caplog):
        wire.send(raw_request("PUT", "/_sandbox/scenarios/active", lines))
        assert wire.is_silent_for(0.01)
        wire.send(body)
        assert wire.reply().status == 200


def test_a_chunked_body_without_its_last_chunk_gets_400_after_the_timeout(
    hasty: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    with server_unharmed(hasty, caplog), connected(hasty.address) as wire:
        wire.send(head(Transfer_Encoding="chunked") + chunks(CREATE, 20).removesuffix(b"0\r\n\r\n"))
        assert_envelope(wire.reply(), "late")


@pytest.mark.parametrize("target", [PAYMENTS, CONTROL])
@pytest.mark.parametrize(
    "good",
    [b"", b"2\r\n{}\r\n", b"2\r\n{}"],
    ids=["as first chunk", "after a chunk", "in place of a line end"],
)
def test_a_malformed_chunk_gets_400_at_once(
    server: RunningServer,
    wire: BlockingConnection,
    caplog: pytest.LogCaptureFixture,
    target: str,
    good: bytes,
) -> None:
    """Not only after the timeout of the body."""
    with server_unharmed(server, caplog):
        wire.send(head(target, Transfer_Encoding="chunked", Expect="100-continue"))
        assert wire.reply().status == 100
        wire.send(good)
        wire.send(b"zz\r\n")
        assert_envelope(wire.reply(), "badly framed")
        assert wire.ends()


@pytest.mark.parametrize("target", [PAYMENTS, CONTROL])
def test_a_client_that_disconnects_in_the_middle_of_a_body_causes_no_error(
    caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """Nothing is logged, and nothing happens."""
    with (
        running_server(Settings(port=0)) as server,
        connected(server.address) as wire,
        server_unharmed(server, caplog),
    ):
        wire.send(head(target, Content_Length=str(len(CREATE)), Expect="100-continue"))
        assert wire.reply().status == 100
        wire.send(CREATE[:50])
        wire.leave()
    # Only now has the server seen it for sure.
    assert [entry.getMessage() for entry in caplog.records if entry.exc_info] == []


def test_pipelined_requests_with_bodies_are_answered_in_order(wire: BlockingConnection) -> None:
    """All are sent before the first reply is read."""
    wire.send(
        raw_request("POST", PAYMENTS, body=CREATE)
        + raw_request("POST", PAYMENTS, body=b"{")
        + raw_request("GET", "/v3/payments/pay_0")
        + raw_request("GET", "/_sandbox/live")
        + raw_request("POST", PAYMENTS, {**CHUNKED, "Connection": "close"}, chunks(CREATE, 50))
    )

    replies = [wire.reply() for _ in range(5)]
    assert [reply.status for reply in replies] == [201, 400, 404, 200, 201]
    assert_paid(replies[0])
    assert_paid(replies[4])
    assert replies[0].json["id"] != replies[4].json["id"]
    assert wire.ends()


def test_nothing_in_an_unread_body_is_taken_for_another_request(
    server: RunningServer, wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """A rejected body ends the connection."""
    with server_unharmed(server, caplog):
        inner = raw_request("POST", PAYMENTS, body=CREATE)
        wire.send(raw_request("POST", PAYMENTS, {"Content-Type": "text/plain"}, inner) + inner)
        assert wire.reply().status == 400
        assert wire.ends()


def test_a_malformed_chunk_after_a_rejected_head_causes_no_error(
    server: RunningServer, wire: BlockingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """At most one line is logged."""
    with server_unharmed(server, caplog):
        wire.send(head(Transfer_Encoding="chunked", Authorization=None))
        assert_envelope(wire.reply(), "keyless")
        wire.send(b"zz\r\n")
        assert wire.ends()
