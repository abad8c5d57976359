"""Tests the origin guard: which Host names are accepted, and requests of foreign web pages."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from payments_sandbox.contract.control_routes import CONTROL_PATH, CONTROL_ROUTES
from payments_sandbox.contract.operations import BASE_PATH, OPERATIONS
from payments_sandbox.core.settings import Settings
from tests.support.sockets import (
    RawReply,
    RunningServer,
    connected,
    exchange,
    raw_request,
    running_server,
    server_unharmed,
)
from tests.support.tables import for_each

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE: Final = ("GET", "HEAD", "OPTIONS")
WRITES: Final = tuple(method for method in METHODS if method not in SAFE)

KNOWN: Final = sorted(
    {BASE_PATH + operation.path for operation in OPERATIONS}
    | {CONTROL_PATH + route.path for route in CONTROL_ROUTES}
)
UNKNOWN: Final = ("/", "/v3", "/v3/nothing", "/_sandbox", "/_sandbox/nothing", "/favicon.ico")
KNOWN_HERE: Final = [
    path.replace("{payment_id}", "pay_1").replace("{request_id}", "req_1") for path in KNOWN
]
EVERYWHERE: Final = (*KNOWN_HERE, *UNKNOWN)
every_path = for_each("path", EVERYWHERE)

ALLOWED: Final = "shop.test"
OURS: Final = (
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.0.0.1:",
    "[::1]",
    "[::1]:8080",
    "10.0.0.5",
    "192.168.1.20:80",
    "[fe80::1]",
    "localhost",
    "LocalHost:8080",
    "localhost.",
    "app.localhost",
    "sandbox",
    "payments-sandbox:8080",
    "payments_sandbox",
    "host.docker.internal",
    "api.payments.example.com",
    "API.payments.example.com.:443",
    "metadata.google.internal",
    "payments-sandbox.ci.svc",
    "payments-sandbox.ci.svc.cluster.local:8080",
    "a.staging.example",
    "A.B.Staging.Example.:8080",
    "shop.test",
    "Shop.Test.:8080",
    "other.test",
)
FOREIGN: Final = (
    "evil.test",
    "evil.test:8080",
    "127.0.0.1.evil.test",
    "localhost.evil.test",
    "api.payments.example.com.evil.test",
    "example.com",
    "sub.shop.test",
    "staging.example",
    "evilstaging.example",
    "a.staging.example.evil.test",
    "printer.local",
    "evil.internal.test",
    "shop.test.evil.test",
    "0.0.0.0",
    "0.0.0.0:8080",
    "[::ffff:0.0.0.0]",
    "0",
    "[::]",
    "[::]:8080",
    "[::1",
    "::1",
    "[evil.test]",
    "127.0.0.1/",
    "localhost/evil",
    "evil.test@localhost",
    "localhost@evil.test",
    "localhost#",
    "localhost?",
    "localhost,evil.test",
    "local host",
    "localhost:80:80",
    "localhost:eighty",
    "127.0.0.1\\",
    "\udcff",
    "lo\u0441alhost",
    ".",
    ":8080",
    "",
)
PAGES: Final = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port": {"Sec-Fetch-Site": "same-site"},
    "unheard-of": {"Sec-Fetch-Site": "elsewhere"},
    "Sec-Fetch-Site before Origin": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": "http://127.0.0.1",
    },
    "foreign origin": {"Origin": "http://evil.test"},
    "other port as origin": {"Origin": "http://127.0.0.1:3000"},
    "address as origin": {"Origin": "http://10.0.0.5"},
    "null origin": {"Origin": "null"},
    "empty origin": {"Origin": ""},
    "host without scheme": {"Origin": "127.0.0.1"},
    "malformed origin": {"Origin": "http://["},
}
OUR_PAGES: Final = {
    "no browser": {},
    "the sandbox itself": {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"},
    "an older browser": {"Origin": "http://127.0.0.1"},
    "typed by the user": {"Sec-Fetch-Site": "none"},
}
HOST_DETAILS: Final = (
    "expected a local Host; start the sandbox with --allow-host NAME to allow another."
)
PAGE_DETAILS: Final = (
    "pages of other origins are not allowed; start the sandbox with --cors ORIGIN to let one call"
    " /v3."
)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """One server for the module, with additional host names."""
    settings = Settings(
        port=0,
        clock="2030-01-15T10:30:00Z",
        rate_limit=100_000,
        allow_hosts=frozenset({ALLOWED, "Other.Test.", "*.Staging.Example"}),
    )
    with running_server(settings) as running:
        yield running


def refused(path: str, status: int, code: str, message: str, details: str) -> tuple[int, object]:
    """Return the status and body of an error; the emulated API has one documented form."""
    if path == BASE_PATH or path.startswith(f"{BASE_PATH}/"):
        status, code, message = 400, "invalid_request", "The request is invalid"
        details = f"/: {details}"
    return status, {"error": {"code": code, "message": message, "details": details}}


def foreign_host(path: str) -> tuple[int, object]:
    """Return the reply to a foreign Host."""
    message = "The Host header names another server"
    return refused(path, 421, "unknown_host", message, HOST_DETAILS)


def foreign_page(path: str) -> tuple[int, object]:
    """Return the reply to a write from a foreign page."""
    message = "Pages of other sites may not make this request"
    return refused(path, 403, "cross_site_request", message, PAGE_DETAILS)


def wrong_method(details: str) -> object:
    """Return the envelope of an unsupported method."""
    message = "This path does not support the method"
    return {"error": {"code": "method_not_allowed", "message": message, "details": details}}


def answering(path: str, methods: tuple[str, ...]) -> list[str]:
    """Return those methods whose reply ends there: a stream's does not."""
    return [method for method in methods if (method, path) != ("GET", "/_sandbox/stream")]


def outcome(reply: RawReply) -> tuple[int, object]:
    """Return the status and body of a reply; HEAD has none."""
    return reply.status, reply.json if reply.body else None


@for_each("host", OURS)
def test_a_local_documented_or_allowed_host_is_accepted(server: RunningServer, host: str) -> None:
    """Literal addresses, local names, single labels: no web page can own them."""
    for path in ("/v3/payments", "/_sandbox/live", "/_sandbox/world"):
        assert exchange(server.address, raw_request("GET", path, {"Host": host})).status == 200


@for_each("host", FOREIGN)
def test_a_foreign_or_malformed_host_is_rejected(
    server: RunningServer, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    """Its name may resolve wherever its owner likes."""
    with server_unharmed(server, caplog):
        for path in ("/v3/payments", "/_sandbox/live", "/"):
            reply = exchange(server.address, raw_request("GET", path, {"Host": host}))
            assert outcome(reply) == foreign_host(path)


@for_each("path", ["/_sandbox/live", "/_sandbox/ready"])
@for_each("method", ["GET", "HEAD"])
def test_a_health_check_in_http_1_0_needs_no_host(
    server: RunningServer, method: str, path: str
) -> None:
    """Load balancers send none, and no browser can do so."""
    bare = f"{method} {path} HTTP/1.0\r\n\r\n".encode()
    assert exchange(server.address, bare).status == 200
    named = bare.replace(b"\r\n\r\n", b"\r\nHost: evil.test\r\n\r\n")
    assert exchange(server.address, named).status == 421
    elsewhere = bare.replace(path.encode(), b"/_sandbox/cards")
    assert exchange(server.address, elsewhere).status == 421


@pytest.mark.parametrize("path", ["/v3/payments", "/v3/nothing", "/_sandbox/worlds", "/"])
def test_a_preflight_of_a_foreign_page_is_rejected_with_the_cors_option(
    server: RunningServer, path: str
) -> None:
    """Preflights have no key, so an error about the key would mislead."""
    asked = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "POST",
        "Authorization": None,
    }
    reply = exchange(server.address, raw_request("OPTIONS", path, asked))
    assert outcome(reply) == foreign_page(path)


@pytest.mark.parametrize("path", ["/v3/payments", "/_sandbox/world"])
def test_host_and_absolute_target_must_both_be_accepted_hosts(
    server: RunningServer, path: str
) -> None:
    assert exchange(server.address, raw_request("GET", path)).status == 200
    for ours in ("localhost", "LOCALHOST:80", "[::1]", "[::1]:80", "[fe80::1%25eth0]:80"):
        raw = raw_request("GET", f"http://{ours}{path}")
        assert exchange(server.address, raw).status == 200, ours
    for host, target in (("127.0.0.1", "http://evil.test"), ("evil.test", "http://127.0.0.1")):
        reply = exchange(server.address, raw_request("GET", target + path, {"Host": host}))
        assert outcome(reply) == foreign_host(path)


@every_path
def test_a_foreign_host_is_rejected_by_every_path_and_method(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Also on routes without a key, and on unknown paths."""
    with server_unharmed(server, caplog):
        for method in METHODS:
            raw = raw_request(method, path, {"Host": "evil.test", "Content-Length": "0"})
            status, body = foreign_host(path)
            expected = (status, None if method == "HEAD" else body)
            assert (method, *outcome(exchange(server.address, raw))) == (method, *expected)


@every_path
def test_a_write_from_a_foreign_page_is_rejected_by_every_path_and_method(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with server_unharmed(server, caplog):
        for method in WRITES:
            raw = raw_request(method, path, {"Origin": "http://evil.test", "Content-Length": "0"})
            reply = exchange(server.address, raw)
            assert (method, *outcome(reply)) == (method, *foreign_page(path))


@every_path
def test_no_reply_has_cors_headers_for_a_foreign_page(server: RunningServer, path: str) -> None:
    """And no preflight succeeds."""
    for method in answering(path, SAFE):
        raw = raw_request(method, path, {"Origin": "http://evil.test"})
        reply = exchange(server.address, raw)
        assert [name for name in reply.headers if name.startswith("access-control-")] == []
        assert method != "OPTIONS" or reply.status in (404, 405)


@for_each("headers", PAGES.values())
@for_each("path", ["/v3/payments", "/_sandbox/world/reset"])
def test_a_foreign_page_is_recognised_by_sec_fetch_site_or_origin(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str, headers: Mapping[str, str]
) -> None:
    """Pages cannot change these headers."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", path, headers, b"{}"))
        assert outcome(reply) == foreign_page(path)


@for_each("headers", OUR_PAGES.values())
def test_writes_of_our_own_pages_and_of_programs_are_accepted(
    server: RunningServer, headers: Mapping[str, str]
) -> None:
    """Programs send none of these headers."""
    reset = raw_request("POST", "/_sandbox/world/reset", headers, b'{"only": ["rate_limit"]}')
    create = raw_request("POST", "/v3/payments", headers, b"{}")

    assert exchange(server.address, reset).status == 200
    assert exchange(server.address, create).json["error"]["details"].startswith("/amount: ")


@every_path
def test_an_unsupported_method_of_any_route_is_405_with_allow(
    server: RunningServer, path: str
) -> None:
    """Every other path is 404."""
    for method in answering(path, (*METHODS, "TRACE")):
        reply = exchange(server.address, raw_request(method, path, {"Content-Length": "0"}))
        allow = reply.headers.get("allow", "")
        assert (allow != "") == (reply.status == 405)
        assert path in KNOWN_HERE or reply.status == 404
        if reply.status == 405:
            details = f"{method} is not supported here; use one of: {allow}."
            assert method not in allow.split(",")
            assert outcome(reply) == (405, wrong_method(details) if method != "HEAD" else None)


def test_head_of_the_event_stream_has_no_body_and_keeps_the_connection(
    server: RunningServer,
) -> None:
    with connected(server.address) as wire:
        wire.send(raw_request("HEAD", "/_sandbox/stream") + raw_request("GET", "/_sandbox/live"))
        head = wire.reply(to_head=True)
        assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
        assert wire.reply().json["live"] is True


def test_every_reply_names_only_the_sandbox_in_its_server_header(server: RunningServer) -> None:
    """Not the versions of Python and aiohttp."""
    raws = [raw_request(method, path) for path in EVERYWHERE for method in ("HEAD", "OPTIONS")]
    raws += [
        raw_request("GET", "/v3/payments", {"Host": "evil.test"}),
        raw_request("POST", "/v3/payments"),
    ]
    servers = {exchange(server.address, raw).headers["server"] for raw in raws}

    assert servers == {"payments-sandbox"}
