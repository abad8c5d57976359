"""`payments-sandbox serve` as a process: it reports readiness, serves, and stops on a signal."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

import payments_sandbox
from tests.support.process import COMMAND, ServeProcess, run, serve_process, started
from tests.support.sockets import RawReply, connected, exchange, raw_request
from tests.support.values import documented_create

CLOCK: Final = "2030-01-15T10:30:00Z"
SECRET: Final = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="
TIMEOUT_CARD: Final = "4000009900000087"
CREATE: Final = json.dumps(documented_create()).encode()
HEAVY: Final = {"faker", "pygments", "rich", "yaml"}
OF_A_TERMINAL: Final = {
    "screen",
    "serve_log",
    "json_log",
    "lines",
    "text",
    "server_totals",
}
"""Modules of the package that are only needed for output on a terminal or a log."""


def facts(server: ServeProcess) -> dict[str, object]:
    """Return the facts that a server prints, without `ready`."""
    port = server.address.rpartition(":")[2]
    return {
        "base_url": f"http://127.0.0.1:{port}/v3",
        "sandbox_url": f"http://127.0.0.1:{port}/_sandbox",
        "api_key": "sk_test_sandbox",
        "webhook_secret": SECRET,
        "pid": server.process.pid,
        "version": payments_sandbox.__version__,
    }


def test_the_ready_line_has_addresses_key_secret_pid_and_version(server: ServeProcess) -> None:
    """It is one line of JSON, printed once connections are accepted."""
    assert server.facts == {"ready": True} | facts(server)
    assert server.ready_line.endswith("}\n")
    assert exchange(server.address, raw_request("GET", "/_sandbox/ready")).json == {
        "ready": True,
        "version": payments_sandbox.__version__,
        "problems": [],
    }


def test_the_ready_file_has_the_facts_of_the_ready_line(tmp_path: Path) -> None:
    """It has no `ready`, and no temporary file is left next to it."""
    file = tmp_path / "ready.json"
    with serve_process("--ready-file", str(file)) as server:
        assert json.loads(file.read_text()) == facts(server)
        assert list(tmp_path.iterdir()) == [file]


def test_the_ready_file_is_replaced_atomically(tmp_path: Path) -> None:
    """A program that has the old file open still reads the old content."""
    file = tmp_path / "ready.json"
    file.write_text("old")
    with file.open() as old, serve_process("--ready-file", str(file)) as server:
        assert old.read() == "old"
        assert json.loads(file.read_text()) == facts(server)


def test_a_port_in_use_exits_1_with_one_line_and_no_ready_file(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("serve", "--port", str(port), "--ready-file", str(file))

    assert (ended.returncode, ended.stdout, file.exists()) == (1, "", False)
    assert ended.stderr == (
        f"payments-sandbox: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)};"
        " --port 0 picks a free one.\n"
    )


def test_a_host_of_another_machine_exits_1_with_one_line() -> None:
    """192.0.2.1 is reserved for documentation."""
    ended = run("serve", "--port", "0", "--host", "192.0.2.1")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("payments-sandbox: cannot listen on 192.0.2.1:0: ")
    assert ended.stderr.count("\n") == 1


def test_an_unresolvable_host_exits_1_with_the_resolvers_reason() -> None:
    ended = run("serve", "--host", "999.1.1.1", "--port", "0")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(
        r"payments-sandbox: cannot listen on 999\.1\.1\.1:0: [A-Z][a-z ]+;"
        r" --host must be an address or a name of this machine\.\n",
        ended.stderr,
    )
    assert "Unknown error" not in ended.stderr


@contextmanager
def server_of_open_connections() -> Iterator[ServeProcess]:
    """Run a server with a hanging request, a stream, a half-sent body and an idle connection."""
    hanging = json.dumps(documented_create(card_number=TIMEOUT_CARD)).encode()
    with (
        serve_process("--clock", CLOCK, "--max-wall-delay", "1h") as server,
        ExitStack() as connections,
    ):
        stream, stuck, half, idle = (
            connections.enter_context(connected(server.address)) for _ in range(4)
        )
        stream.send(raw_request("GET", "/_sandbox/stream"))
        assert stream.reply().status == 200
        stuck.send(raw_request("POST", "/v3/payments", body=hanging))
        half.send(raw_request("POST", "/v3/payments", {"Expect": "100-continue"}, CREATE)[:-1])
        assert half.reply().status == 100
        idle.send(raw_request("GET", "/_sandbox/requests?limit=1"))
        [entry] = idle.reply().json["data"]
        assert (entry["operation"], entry["fault"]) == ("create_payment", "hang")
        yield server


def test_a_signal_stops_the_server_despite_open_connections() -> None:
    """Three servers stop at the same time, each by another signal."""
    with ExitStack() as stack:
        servers = {
            number: stack.enter_context(server_of_open_connections())
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        for number, server in servers.items():
            server.process.send_signal(number)
        ended = {
            number: (server.rest(), server.process.wait()) for number, server in servers.items()
        }
    assert ended == dict.fromkeys(servers, (("", ""), 0))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_repeated_signals_cause_no_traceback(name: str) -> None:
    """Signals are repeated until the process has exited."""
    with serve_process() as server:
        code = None
        while code is None:
            server.process.send_signal(getattr(signal, name))
            with suppress(subprocess.TimeoutExpired):
                code = server.process.wait(0.002)
        assert (code, server.rest()) == (0, ("", ""))


UNUSED: Final = (
    "explor", "multiprocessing", "payments_sandbox.cli.processes.workers",
    "payments_sandbox.cluster", "payments_sandbox.world.effects", "redis",
)  # fmt: skip
"""Parts of module names that only several processes, a cluster or `explore` need."""


def test_serving_requests_imports_no_slow_or_unused_modules() -> None:
    """Slow modules are imported when needed, and modules of other features never."""
    imported = _imported_while(
        raw_request("GET", "/v3/payments"),
        raw_request("POST", "/v3/payments", body=CREATE),
        raw_request("POST", "/v3/payments", body=b"{}"),
        raw_request("GET", "/_sandbox/worlds"),
    )

    assert _in_short(imported) & (HEAVY | OF_A_TERMINAL) == set()
    assert "aiohttp" in imported
    assert "payments_sandbox.server.http_server" in imported
    assert [name for name in imported if any(each in name for each in UNUSED)] == []


def _imported_while(*raws: bytes) -> set[str]:
    """Return the modules that a server has imported after answering requests."""
    with serve_process("--clock", CLOCK, extra={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        for raw in raws:
            assert exchange(server.address, raw).status in {200, 201, 400}
        server.stop()
        _, errors = server.rest()
    return {line.rpartition("|")[2].strip() for line in errors.splitlines()}


def _in_short(names: set[str]) -> set[str]:
    """Return top-level names, and the last name for modules of the package."""
    return {
        name.rpartition(".")[2] if name.startswith("payments_sandbox.") else name.partition(".")[0]
        for name in names
    }


def test_on_a_terminal_serve_prints_text_and_a_line_per_request() -> None:
    """First come its addresses, then one line for each request."""
    ours, theirs = os.openpty()
    words = ("serve", "--port", "0", "--clock", CLOCK)
    with (
        started(words, stdout=theirs) as process,
        os.fdopen(ours, encoding="utf-8", newline="") as screen,
    ):
        os.close(theirs)
        prose = [screen.readline() for _ in range(7)]
        address = prose[1].split()[-1].removesuffix("/v3")
        paid = exchange(address, raw_request("POST", "/v3/payments", body=CREATE)).json["id"]
        exchange(address, raw_request("POST", "/v3/payments", body=b"{}"))
        exchange(address, raw_request("GET", "/v3/pay%1Bments?card=4111111111111111"))
        lines = [screen.readline() for _ in range(3)]
        process.terminate()

    assert [line.rstrip() for line in prose] == [
        f"payments-sandbox {payments_sandbox.__version__} is ready.",
        f"  base URL        {address}/v3",
        "  API key         sk_test_sandbox  (any sk_test_… key gets its own world)",
        f"  webhook secret  {SECRET}",
        f"  control API     {address}/_sandbox",
        f"  dashboard       {address}/_sandbox/",
        "  Ctrl-C stops it. `payments-sandbox cards` lists the magic cards.",
    ]
    assert [re.sub(r"[0-9.]+ ms|^[0-9:]{8}|req_\w+", "…", line.rstrip()) for line in lines] == [
        f"…  create_payment  201  {paid}  2500 USD  cust_abc123",
        "…  create_payment  400  invalid_request  /amount  …",
        r"…  GET /v3/pay\x1bments  404  not_found  …  …",
    ]
    assert process.returncode == 0


def test_equal_seeds_give_byte_identical_responses() -> None:
    """Two processes are compared; another seed gives other responses."""
    first, second, other = (_session(seed) for seed in ("7", "7", "8"))

    assert first == second
    assert [reply[0] for reply in first] == [201, 201, 400, 201, 200, 201, 200, 200, 200, 200]
    assert first != other


def _session(seed: str) -> list[tuple[int, str, bytes]]:
    """Return a server's answers to ten fixed requests, without wall times."""
    declined = json.dumps(documented_create(card_number="4000000000000002")).encode()
    pending = json.dumps(documented_create(card_number="4000009900000012")).encode()
    with serve_process("--seed", seed, "--clock", CLOCK) as server:
        paid = exchange(server.address, raw_request("POST", "/v3/payments", body=CREATE))
        payment = f"/v3/payments/{paid.json['id']}"
        replies = [paid] + [
            exchange(server.address, raw)
            for raw in (
                raw_request("POST", f"{payment}/refunds", body=b'{"amount": 1000}'),
                raw_request("POST", "/v3/payments", body=declined),
                raw_request("POST", "/v3/payments", body=pending),
                raw_request("POST", "/_sandbox/clock/advance", body=b'{"by": "2h"}'),
                raw_request("POST", "/_sandbox/worlds", body=b'{"clock": "2030-01-15"}'),
                raw_request("GET", payment),
                raw_request("GET", "/v3/payments?limit=2"),
                raw_request("GET", "/_sandbox/events"),
                raw_request("GET", "/_sandbox/requests"),
            )
        ]
    return [_bytes(reply, server.address) for reply in replies]


def _bytes(reply: RawReply, address: str) -> tuple[int, str, bytes]:
    """Return status, remaining requests and body, without wall times."""
    body = reply.body.replace(address.encode(), b"")
    body = re.sub(rb'"(created_at":"[^"]*","clock|duration_ms":[0-9.]+)', b"", body)
    return reply.status, reply.headers.get("x-ratelimit-remaining", ""), body


def test_the_ready_file_is_deleted_when_the_server_stops(tmp_path: Path) -> None:
    """A program that waits for the file never reads the address of an earlier server."""
    file = tmp_path / "ready.json"
    file.write_text("of an earlier server", encoding="utf-8")
    with serve_process("--ready-file", str(file)) as server:
        assert json.loads(file.read_text(encoding="utf-8"))["base_url"].startswith(server.address)
        server.stop()
        assert not file.exists()


def test_a_ready_file_may_be_a_named_pipe_even_without_a_reader(tmp_path: Path) -> None:
    """The server does not wait for a reader, stops normally, and keeps the pipe."""
    os.mkfifo(pipe := tmp_path / "ready")
    with serve_process("--ready-file", str(pipe)) as server:
        assert json.loads(pipe.read_text(encoding="utf-8")) == facts(server)
        assert server.stop()[0] == 0
    with serve_process("--ready-file", str(pipe)) as unread:
        assert (unread.stop()[0], unread.rest()) == (0, ("", ""))
    assert pipe.is_fifo()


def test_a_ready_file_may_be_a_device_or_a_symlink(tmp_path: Path) -> None:
    """The device and the link are kept; only the link's target is deleted at the end."""
    (link := tmp_path / "link").symlink_to("file")
    with serve_process("--ready-file", str(link)) as server:
        assert json.loads((tmp_path / "file").read_text(encoding="utf-8")) == facts(server)
        server.stop()
    assert [each.name for each in tmp_path.iterdir()] == ["link"]
    with serve_process("--ready-file", "/dev/stderr") as server:
        assert server.stop()[0] == 0
        assert json.loads(server.rest()[1]) == facts(server)


def test_under_nohup_the_server_ignores_sighup() -> None:
    """SIGHUP stays ignored if it was ignored at the start; SIGTERM still ends the server."""
    nohup = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND)
    with serve_process(command=nohup) as server:
        server.process.send_signal(signal.SIGHUP)
        assert exchange(server.address, raw_request("GET", "/_sandbox/ready")).status == 200
        assert (server.stop()[0], server.rest()) == (0, ("", ""))
