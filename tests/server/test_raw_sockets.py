"""Tests bytes that no HTTP library would send: answered or rejected, never a crash or hang."""

import json
import os
from typing import Final

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from tests.support.sockets import (
    RATE_LIMIT_HEADERS,
    RawReply,
    RunningServer,
    connected,
    exchange,
    rate_limit_of,
    raw_request,
    server_unharmed,
)
from tests.support.tables import for_each
from tests.support.values import documented_create

PAYMENTS: Final = "/v3/payments"
ALL_THREE: Final = dict.fromkeys(RATE_LIMIT_HEADERS, True)
CREATE: Final = json.dumps(documented_create()).encode()
LIST: Final = raw_request("GET", PAYMENTS)
CHUNKED: Final[dict[str, str | None]] = {"Transfer-Encoding": "chunked", "Content-Length": None}


def raw_target(target: bytes) -> bytes:
    """Return a GET of a target whose bytes are not checked."""
    return LIST.replace(PAYMENTS.encode(), target, 1)


def with_line(line: bytes) -> bytes:
    """Return a GET with one more header line."""
    return LIST.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


def refusal(code: str, message: str, details: str | None = None) -> dict[str, object]:
    """Return the documented envelope."""
    error = {"code": code, "message": message, "details": details}
    return {"error": {key: value for key, value in error.items() if value is not None}}


def invalid(details: str) -> dict[str, object]:
    """Return the envelope of an invalid request."""
    return refusal("invalid_request", "The request is invalid", details)


NO_ROUTE: Final = refusal(
    "not_found",
    "This path does not exist",
    "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds.",
)
NO_API: Final = refusal("not_found", "This path does not exist", "The APIs are /v3 and /_sandbox.")
NO_SLASH: Final = refusal("not_found", "This path does not exist", "Did you mean /v3/payments?")


def two_slashes(meant: str) -> dict[str, object]:
    """Return the envelope of a path that has two slashes in a row."""
    advice = f"The path has two slashes in a row; did you mean {meant}?"
    return refusal("not_found", "This path does not exist", advice)


NO_PAYMENT: Final = refusal("payment_not_found", "No payment with this id exists")
FOREIGN: Final = invalid(
    "/: expected a local Host; start the sandbox with --allow-host NAME to allow another."
)

# What aiohttp refuses before any of our code: text, and the connection ends.
NOT_HTTP: Final = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "NUL in a header": with_line(b"X-Note: a\0b"),
    "header too large": with_line(b"X-Note: " + b"a" * 9_000),
    "too many headers": with_line(b"\r\n".join(b"X-%d: 1" % n for n in range(200))),
    "target too large": raw_target(b"/v3/payments?limit=" + b"1" * 9_000),
    "folded header": with_line(b"X-Note: a\r\n b"),
    "blank before colon": with_line(b"X-Note : a"),
    "bare line feeds": LIST.replace(b"\r\n", b"\n"),
    "no Host": raw_request("GET", PAYMENTS, {"Host": None}),
    "two Hosts": with_line(b"Host: 127.0.0.1"),
    "two User-Agents": with_line(b"User-Agent: a\r\nUser-Agent: b"),
    "two Content-Types": with_line(b"Content-Type: a/b\r\nContent-Type: a/b"),
    "length and chunks": raw_request(
        "POST", PAYMENTS, CHUNKED | {"Content-Length": "3"}, b"0\r\n\r\n"
    ),
    "two lengths": with_line(b"Content-Length: 1\r\nContent-Length: 2"),
    "negative length": raw_request("POST", PAYMENTS, {"Content-Length": "-1"}, CREATE),
    "signed length": raw_request("POST", PAYMENTS, {"Content-Length": "+1"}, CREATE),
    "length in words": raw_request("POST", PAYMENTS, {"Content-Length": "many"}, CREATE),
    "bad chunk size": raw_request("POST", PAYMENTS, CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
    "negative chunk": raw_request("POST", PAYMENTS, CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "blank in the method": LIST.replace(b"GET", b"GE T", 1),
    "invalid method": LIST.replace(b"GET", b"G(T", 1),
    "no target": LIST.replace(b" /v3/payments", b"", 1),
    "target without slash": raw_target(b"payments"),
    "control character": raw_target(b"/v3/pay\x01ments"),
    "tab": raw_target(b"/v3/pay\tments"),
}
# What one of aiohttp's two parsers refuses and the other leaves to us.
EITHER_WAY: Final = {
    "umlaut": raw_target("/v3/paymänts".encode()),
    "invalid UTF-8 in the path": raw_target(b"/v3/paym\xffnts"),
    "invalid UTF-8 in the query": raw_target(b"/v3/payments?note=\xff"),
    "unknown method": LIST.replace(b"GET", b"BREW", 1),
    "huge length": raw_request("POST", PAYMENTS, {"Content-Length": "9" * 25}, CREATE),
    "endless chunk size": raw_request("POST", PAYMENTS, CHUNKED, b"f" * 9_000 + b"\r\n"),
    "HTTP/9.9": raw_target(b"/v3/nothing").replace(b"HTTP/1.1", b"HTTP/9.9"),
    "HTTP/0.9": b"GET /v3/payments\r\n\r\n",
    "invalid UTF-8 in a header name": with_line(b"X-\xff: 1"),
}
ODD_TARGETS: Final = {
    "two slashes inside": (b"/v3//payments", two_slashes("/v3/payments")),
    "two slashes, and one at the end": (b"/v3//payments//", two_slashes("/v3/payments")),
    "an empty id": (
        b"/v3/payments//refunds",
        two_slashes("/v3/payments/{payment_id}/refunds"),
    ),
    "two slashes in an unknown path": (b"/v3//nothing", NO_ROUTE),
    "slash at the end": (b"/v3/payments/", NO_SLASH),
    "base path only": (b"/v3", NO_ROUTE),
    "base and slash": (b"/v3/", NO_ROUTE),
    "encoded slash in the id": (b"/v3/payments/pay_1%2Frefunds", NO_PAYMENT),
    "encoded NUL": (b"/v3/payments/pay_1%00", NO_PAYMENT),
    "encoded newline": (b"/v3/payments/pay_1%0A", NO_PAYMENT),
    "encoded invalid UTF-8": (b"/v3/payments/%FF%ED%A0%80", NO_PAYMENT),
    "bad escape": (b"/v3/payments/%zz", NO_PAYMENT),
    "parent folder": (b"/v3/../v3/payments", NO_SLASH),
    "encoded parent folder": (b"/v3/%2e%2e/_sandbox/world", NO_ROUTE),
    "path in other case": (b"/v3/Payments", NO_ROUTE),
    "long id": (b"/v3/payments/pay_" + b"a" * 4_000, NO_PAYMENT),
    "unknown parameter": (
        b"/v3/payments?%00=1",
        invalid(
            "/?: is not a documented parameter; expected one of limit, starting_after,"
            " customer_id, status, created_after."
        ),
    ),
    "limit in Arabic digits": (
        b"/v3/payments?limit=%D9%A1",
        invalid("/limit: expected an integer from 1 to 100."),
    ),
}
ELSEWHERE: Final = {
    "root": (raw_target(b"/"), 404, NO_API),
    "two slashes first": (raw_target(b"//v3/payments"), 404, two_slashes("/v3/payments")),
    "two slashes in a control path": (
        raw_target(b"/_sandbox//cards"),
        404,
        two_slashes("/_sandbox/cards"),
    ),
    "backslash": (raw_target(b"/v3\\payments"), 404, NO_API),
    "encoded slash in a control path": (raw_target(b"/v3%2Fpayments"), 404, NO_API),
    "star": (LIST.replace(b"GET /v3/payments", b"OPTIONS *", 1), 404, NO_API),
    "CONNECT": (LIST.replace(b"GET /v3/payments", b"CONNECT 127.0.0.1:80", 1), 404, NO_API),
    "foreign absolute form": (raw_target(b"http://evil.test/v3/payments"), 400, FOREIGN),
    "HTTP/1.0 without Host": (b"GET /v3/payments HTTP/1.0\r\n\r\n", 400, FOREIGN),
}


def assert_envelope(reply: RawReply, status: int, body: dict[str, object]) -> None:
    """Assert that the reply is this error, with the rate limit."""
    assert (reply.status, reply.json, rate_limit_of(reply)) == (status, body, ALL_THREE)


@for_each("raw", NOT_HTTP.values())
def test_bytes_that_are_not_valid_http_get_aiohttps_400_and_a_closed_connection(
    server: RunningServer, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    """With at most one log line."""
    with server_unharmed(server, caplog), connected(server.address) as wire:
        wire.send(raw)
        assert (wire.reply().is_the_transports, wire.ends()) == (True, True)


@pytest.mark.parametrize("raw", EITHER_WAY.values(), ids=EITHER_WAY)
def test_a_request_that_only_one_of_aiohttps_parsers_rejects_is_rejected_either_way(
    server: RunningServer, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    """By aiohttp's 400 or by an envelope; the journal stays readable."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw)
        assert reply.is_the_transports or "error" in reply.json
        assert reply.status in {400, 401, 404, 405, 413}


@for_each(("target", "body"), ODD_TARGETS.values())
def test_an_odd_target_below_v3_is_rejected_in_the_envelope_and_counted(
    server: RunningServer, caplog: pytest.LogCaptureFixture, target: bytes, body: dict[str, object]
) -> None:
    """It is not decoded, joined or redirected into an existing path."""
    status = 400 if body["error"]["code"] == "invalid_request" else 404  # type: ignore[index]  # JSON
    with server_unharmed(server, caplog):
        assert_envelope(exchange(server.address, raw_target(target)), status, body)


@for_each(("raw", "status", "body"), ELSEWHERE.values())
def test_a_target_outside_the_apis_is_rejected_without_a_key_or_rate_limit(
    server: RunningServer,
    caplog: pytest.LogCaptureFixture,
    raw: bytes,
    status: int,
    body: dict[str, object],
) -> None:
    """In the envelope."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw)
        assert (reply.status, reply.json) == (status, body)
        assert not any(rate_limit_of(reply).values())


def test_aiohttp_no_extensions_selects_the_pure_python_parser() -> None:
    """With which these tests are run again."""
    asked = os.environ.get("AIOHTTP_NO_EXTENSIONS")
    assert not asked or HttpRequestParser is HttpRequestParserPy
