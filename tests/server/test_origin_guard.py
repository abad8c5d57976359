"""The origin guard: which Host names are ours, and what a foreign web page could have caused."""

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
    "the word of the browser counts": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": "http://127.0.0.1",
    },
    "foreign origin": {"Origin": "http://evil.test"},
    "other port as origin": {"Origin": "http://127.0.0.1:3000"},
    "address as origin": {"Origin": "http://10.0.0.5"},
    "no origin to tell": {"Origin": "null"},
    "empty origin": {"Origin": ""},
    "host alone": {"Origin": "127.0.0.1"},
    "no URL": {"Origin": "http://["},
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
    """One server for the module that knows two names more."""
    settings = Settings(
        port=0,
        clock="2030-01-15T10:30:00Z",
        rate_limit=100_000,
        allow_hosts=frozenset({ALLOWED, "Other.Test.", "*.Staging.Example"}),
    )
    with running_server(settings) as running:
        yield running


def refused(path: str, status: int, code: str, message: str, details: str) -> tuple[int, object]:
    """Status and body of a refusal; the emulated API has one documented way to say it."""
    if path == BASE_PATH or path.startswith(f"{BASE_PATH}/"):
        status, code, message = 400, "invalid_request", "The request is invalid"
        details = f"/: {details}"
    return status, {"error": {"code": code, "message": message, "details": details}}


def foreign_host(path: str) -> tuple[int, object]:
    """How a foreign Host is refused."""
    message = "The Host header names another server"
    return refused(path, 421, "unknown_host", message, HOST_DETAILS)


def foreign_page(path: str) -> tuple[int, object]:
    """How a foreign page's write is refused."""
    message = "Pages of other sites may not make this request"
    return refused(path, 403, "cross_site_request", message, PAGE_DETAILS)


def wrong_method(details: str) -> object:
    """The envelope of a method that the path does not have."""
    message = "This path does not support the method"
    return {"error": {"code": "method_not_allowed", "message": message, "details": details}}


def answering(path: str, methods: tuple[str, ...]) -> list[str]:
    """Those of the methods that come to an end there: a stream does not."""
    return [method for method in methods if (method, path) != ("GET", "/_sandbox/stream")]


def outcome(reply: RawReply) -> tuple[int, object]:
    """Status and body of a reply; HEAD has none."""
    return reply.status, reply.json if reply.body else None


@for_each("host", OURS)
def test_a_host_that_no_page_can_own_is_served(server: RunningServer, host: str) -> None:
    """Literal addresses, local names, single labels, the documented host, and allowed names."""
    for path in ("/v3/payments", "/_sandbox/live", "/_sandbox/world"):
        assert exchange(server.address, raw_request("GET", path, {"Host": host})).status == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_a_host_that_a_page_could_own_is_refused(
    server: RunningServer, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    """Names that resolve wherever their owner likes, the unspecified addresses, and no names."""
    with server_unharmed(server, caplog):
        for path in ("/v3/payments", "/_sandbox/live", "/"):
            reply = exchange(server.address, raw_request("GET", path, {"Host": host}))
            assert outcome(reply) == foreign_host(path)


@pytest.mark.parametrize("path", ["/_sandbox/live", "/_sandbox/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_health_check_of_http_1_0_needs_no_host(
    server: RunningServer, method: str, path: str
) -> None:
    """Load balancers send it so, and no browser can."""
    bare = f"{method} {path} HTTP/1.0\r\n\r\n".encode()
    assert exchange(server.address, bare).status == 200
    named = bare.replace(b"\r\n\r\n", b"\r\nHost: evil.test\r\n\r\n")
    assert exchange(server.address, named).status == 421
    elsewhere = bare.replace(path.encode(), b"/_sandbox/cards")
    assert exchange(server.address, elsewhere).status == 421


@pytest.mark.parametrize("path", ["/v3/payments", "/v3/nothing", "/_sandbox/worlds", "/"])
def test_a_preflight_of_a_foreign_page_is_told_of_the_option(
    server: RunningServer, path: str
) -> None:
    """Its browser asks without a key, so a refused key would be the wrong thing to hear of."""
    asked = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "POST",
        "Authorization": None,
    }
    reply = exchange(server.address, raw_request("OPTIONS", path, asked))
    assert outcome(reply) == foreign_page(path)


@pytest.mark.parametrize("path", ["/v3/payments", "/_sandbox/world"])
def test_a_known_host_admits_no_other(server: RunningServer, path: str) -> None:
    """An absolute request target has a host of its own, and both must be ours."""
    assert exchange(server.address, raw_request("GET", path)).status == 200
    for ours in ("localhost", "LOCALHOST:80", "[::1]", "[::1]:80", "[fe80::1%25eth0]:80"):
        raw = raw_request("GET", f"http://{ours}{path}")
        assert exchange(server.address, raw).status == 200, ours
    for host, target in (("127.0.0.1", "http://evil.test"), ("evil.test", "http://127.0.0.1")):
        reply = exchange(server.address, raw_request("GET", target + path, {"Host": host}))
        assert outcome(reply) == foreign_host(path)


@every_path
def test_a_foreign_host_is_refused_everywhere(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Every route by every method, the routes without a key and the unknown ones too."""
    with server_unharmed(server, caplog):
        for method in METHODS:
            raw = raw_request(method, path, {"Host": "evil.test", "Content-Length": "0"})
            status, body = foreign_host(path)
            expected = (status, None if method == "HEAD" else body)
            assert (method, *outcome(exchange(server.address, raw))) == (method, *expected)


@every_path
def test_a_write_of_a_foreign_page_is_refused_everywhere(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Every route by every method that could change something."""
    with server_unharmed(server, caplog):
        for method in WRITES:
            raw = raw_request(method, path, {"Origin": "http://evil.test", "Content-Length": "0"})
            reply = exchange(server.address, raw)
            assert (method, *outcome(reply)) == (method, *foreign_page(path))


@every_path
def test_no_answer_lets_a_foreign_page_read(server: RunningServer, path: str) -> None:
    """No cross-origin header on any answer, and nobody answers a preflight."""
    for method in answering(path, SAFE):
        raw = raw_request(method, path, {"Origin": "http://evil.test"})
        reply = exchange(server.address, raw)
        assert [name for name in reply.headers if name.startswith("access-control-")] == []
        assert method != "OPTIONS" or reply.status in (404, 405)


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("path", ["/v3/payments", "/_sandbox/world/reset"])
def test_a_foreign_page_is_known_by_its_headers(
    server: RunningServer, caplog: pytest.LogCaptureFixture, path: str, headers: Mapping[str, str]
) -> None:
    """What browsers send along and pages cannot change."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", path, headers, b"{}"))
        assert outcome(reply) == foreign_page(path)


@pytest.mark.parametrize("headers", OUR_PAGES.values(), ids=OUR_PAGES)
def test_our_own_page_and_no_page_are_let_through(
    server: RunningServer, headers: Mapping[str, str]
) -> None:
    """Programs send none of these headers, and our own origin is not foreign."""
    reset = raw_request("POST", "/_sandbox/world/reset", headers, b'{"only": ["rate_limit"]}')
    create = raw_request("POST", "/v3/payments", headers, b"{}")

    assert exchange(server.address, reset).status == 200
    assert exchange(server.address, create).json["error"]["details"].startswith("/amount: ")


@every_path
def test_a_wrong_method_is_told_which_would_do(server: RunningServer, path: str) -> None:
    """405 with `Allow` in the envelope on every route, 404 in it on every other path."""
    for method in answering(path, (*METHODS, "TRACE")):
        reply = exchange(server.address, raw_request(method, path, {"Content-Length": "0"}))
        allow = reply.headers.get("allow", "")
        assert (allow != "") == (reply.status == 405)
        assert path in KNOWN_HERE or reply.status == 404
        if reply.status == 405:
            details = f"{method} is not supported here; use one of: {allow}."
            assert method not in allow.split(",")
            assert outcome(reply) == (405, wrong_method(details) if method != "HEAD" else None)


def test_head_of_the_stream_is_its_head(server: RunningServer) -> None:
    """Without a body, so that the connection can go on."""
    with connected(server.address) as wire:
        wire.send(raw_request("HEAD", "/_sandbox/stream") + raw_request("GET", "/_sandbox/live"))
        head = wire.reply(to_head=True)
        assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
        assert wire.reply().json["live"] is True


def test_every_answer_hides_what_the_server_is_made_of(server: RunningServer) -> None:
    """`Server` names the sandbox, not the versions of Python and aiohttp."""
    raws = [raw_request(method, path) for path in EVERYWHERE for method in ("HEAD", "OPTIONS")]
    raws += [
        raw_request("GET", "/v3/payments", {"Host": "evil.test"}),
        raw_request("POST", "/v3/payments"),
    ]
    servers = {exchange(server.address, raw).headers["server"] for raw in raws}

    assert servers == {"payments-sandbox"}
