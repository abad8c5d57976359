"""`payments-sandbox healthcheck`: reports readiness by its exit code and one line."""

import json
import socket
from typing import Final

import pytest

from payments_sandbox.cli.commands import healthcheck
from tests.support.process import ServeProcess, run, serve_process
from tests.support.sockets import saying
from tests.support.tables import for_each

REPLY: Final = "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"


def reply(status: str, body: object) -> bytes:
    """Return a complete HTTP reply."""
    text = body if isinstance(body, str) else json.dumps(body)
    return REPLY.format(status=status, length=len(text), body=text).encode()


def ended(*arguments: str, **extra: str) -> tuple[int, str, str]:
    """Run `healthcheck`, and return its exit code, stdout and stderr."""
    done = run("healthcheck", *arguments, extra=extra)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("path", ["", "/", "/v3", "/_sandbox"])
def test_a_ready_server_exits_0_for_the_url_of_either_api(server: ServeProcess, path: str) -> None:
    """The URL may come from the environment."""
    well = (0, f"{server.address} is ready.\n", "")
    assert ended("--url", server.address + path) == well
    assert ended(PAYMENTS_SANDBOX_URL=server.address + path) == well


def test_healthcheck_ignores_proxy_variables(server: ServeProcess) -> None:
    """A proxy would answer for a server that is down."""
    assert ended("--url", server.address, http_proxy="http://127.0.0.1:1")[0] == 0


def test_an_unreachable_server_exits_1_with_a_hint() -> None:
    """The message is that of every command that contacts a server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    code, output, errors = ended("--url", address)
    assert (code, output) == (1, "")
    assert errors == (
        f"payments-sandbox: no sandbox answers at {address}: Connection refused;"
        " payments-sandbox serve starts one, and --url selects another.\n"
    )


def not_ours(reason: str) -> str:
    """Return the message about another kind of server."""
    return f"the server at URL is not a payments-sandbox ({reason}); --url selects another"


NOT_READY: Final = {
    "problems": (
        reply("503 No", {"ready": False, "problems": ["a.yaml is broken.", "b.yaml too."]}),
        "URL is not ready: a.yaml is broken.; b.yaml too",
    ),
    "not ready without a reason": (
        reply("503 No", {"ready": False, "problems": []}),
        "URL is not ready: status 503, without a reason",
    ),
    "another object": (reply("200 OK", {"healthy": True}), not_ours("status 200")),
    "error of the sandbox": (
        reply("500 No", {"error": {"code": "internal_error", "message": "It failed"}}),
        "URL rejected the request: It failed (internal_error)",
    ),
    "ready with a bad status": (
        reply("500 No", {"ready": True, "problems": []}),
        not_ours("status 500"),
    ),
    "HTML": (reply("404 No", "<html>"), not_ours("status 404")),
    "JSON array": (reply("200 OK", [1]), not_ours("status 200")),
    "not HTTP": (
        b"SSH-2.0-OpenSSH_9.6\r\n",
        not_ours("its answer is not HTTP, or is incomplete"),
    ),
}


@pytest.mark.parametrize(("raw", "problem"), NOT_READY.values(), ids=NOT_READY)
def test_an_answer_that_is_not_ready_exits_1_with_the_reason(
    raw: bytes | None, problem: str
) -> None:
    with saying(raw) as address:
        said = problem.replace("URL", address)
        assert ended("--url", address) == (1, "", f"payments-sandbox: {said}.\n")


def test_a_server_that_does_not_answer_in_time_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is two seconds, shortened here."""
    assert healthcheck.TIMEOUT == 2
    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.05)
    with saying(None) as address:
        said = f"payments-sandbox: {address} does not answer; --url selects another server.\n"
        assert ended("--url", address) == (1, "", said)


EXPECTED: Final = "expected an address such as http://127.0.0.1:8080"


@for_each("url", ["localhost:8080", "http://", "http://a/b", "ftp://a", ""])
def test_an_invalid_url_option_exits_2(url: str) -> None:
    code, output, errors = ended("--url", url)
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1] == (
        f"payments-sandbox healthcheck: error: argument --url: {EXPECTED}"
    )


@pytest.mark.parametrize("url", ["localhost:8080", "http://", "http://a/b", "ftp://a"])
def test_an_invalid_url_variable_exits_2(url: str) -> None:
    """Like the option, except that an empty variable counts as not set."""
    code, output, errors = ended(PAYMENTS_SANDBOX_URL=url)
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1] == (
        f"payments-sandbox healthcheck: error: PAYMENTS_SANDBOX_URL: {EXPECTED}"
    )


def test_healthcheck_finds_the_server_by_the_host_and_port_variables_of_serve() -> None:
    """`PAYMENTS_SANDBOX_URL` and `--url` win; a wildcard host is looked for on loopback."""
    with serve_process("--host", "0.0.0.0") as server:
        port = server.address.rpartition(":")[2]
        url = f"http://127.0.0.1:{port}"
        well = (0, f"{url} is ready.\n", "")
        assert ended(PAYMENTS_SANDBOX_PORT=port, PAYMENTS_SANDBOX_HOST="0.0.0.0") == well
        assert ended(PAYMENTS_SANDBOX_PORT=port) == well
        assert ended(PAYMENTS_SANDBOX_PORT="1", PAYMENTS_SANDBOX_URL=url) == well
        assert ended("--url", url, PAYMENTS_SANDBOX_PORT="1") == well


def test_port_variables_of_kubernetes_are_ignored_and_invalid_ports_rejected() -> None:
    """Kubernetes sets `…_PORT` to a URL, and 0 means any port: both fall back to the default."""
    assert ended(PAYMENTS_SANDBOX_PORT="1", PAYMENTS_SANDBOX_HOST="::")[2].startswith(
        "payments-sandbox: no sandbox answers at http://[::1]:1: "
    )
    code, _, errors = ended(PAYMENTS_SANDBOX_PORT="many")
    assert (code, errors.splitlines()[-1]) == (
        2,
        (
            "payments-sandbox healthcheck: error: PAYMENTS_SANDBOX_PORT: expected a whole number"
            " from 0 to 65535"
        ),
    )
    for port in ("tcp://10.0.0.11:9000", "0"):
        # Another program may listen there, so only the address in the message counts.
        _, output, errors = ended(PAYMENTS_SANDBOX_PORT=port)
        assert "http://127.0.0.1:8080" in output + errors
