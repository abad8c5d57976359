"""`serve --workers N`: several processes that act as one server, and workers that die."""

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from payments_sandbox.cluster.workers import owner_of
from tests.support.process import (
    COMMAND,
    RemoteWorld,
    ServeProcess,
    run,
    serve_process,
    started,
)
from tests.support.sockets import connected, exchange, raw_request
from tests.support.tables import for_each
from tests.support.values import LONGEST_WAIT, documented_create

WORKERS: Final = 3
TWO: Final = ("--workers", "2")
NUMBERS: Final = count()


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """Return a server for the tests that end no process of it."""
    with serve_process("--workers", str(WORKERS), "--coverage") as running:
        yield running


def key_of(worker: int, workers: int = WORKERS) -> str:
    """Return a new key that a worker owns."""
    keys = (f"sk_test_key{next(NUMBERS)}" for _ in count())
    return next(key for key in keys if owner_of(key, workers) == worker)


def workers_of(server: ServeProcess) -> list[int]:
    """Return the process ids of the workers; the one started last is at the end."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not list children")
    deadline = time.monotonic() + LONGEST_WAIT
    while len(found := children.read_text(encoding="ascii").split()) < 2:
        assert time.monotonic() < deadline  # a worker is being replaced
    return sorted(map(int, found))


def summaries(server: ServeProcess, query: str = "") -> dict[str, Any]:
    """Return a page of the list of worlds."""
    page = exchange(server.address, raw_request("GET", f"/_sandbox/worlds{query}"))
    assert page.status == 200, page
    return dict(page.json)


def test_a_key_has_the_same_world_on_every_connection(server: ServeProcess) -> None:
    """Any worker may accept the connection of a request."""
    for worker in range(WORKERS):
        world = RemoteWorld(server.address, key_of(worker))
        for _ in range(4):
            assert world.pay().status == 201
        assert world.control("GET", "/world")["payments"]["completed"] == 4


def test_one_connection_can_use_keys_of_all_workers(server: ServeProcess) -> None:
    """The connection moves between workers, and no request is lost or repeated."""
    keys = [key_of(worker) for worker in range(WORKERS)]
    body = json.dumps(documented_create()).encode()
    with connected(server.address) as wire:
        for number in range(12):
            key = keys[number % WORKERS]
            wire.send(raw_request("POST", "/v3/payments", {"Authorization": f"Bearer {key}"}, body))
            assert wire.reply().status == 201
    for key in keys:
        world = RemoteWorld(server.address, key)
        assert world.control("GET", "/world")["payments"]["completed"] == 4


def test_worlds_of_all_workers_are_listed_by_last_use(server: ServeProcess) -> None:
    """The most recently used is first; an unknown cursor is rejected."""
    used = [key_of(number % WORKERS) for number in range(7)]
    for key in used:
        RemoteWorld(server.address, key).control("GET", "/world")
    pages: list[dict[str, Any]] = [summaries(server, "?limit=2")]
    while (cursor := pages[-1]["next_cursor"]) is not None:
        pages.append(summaries(server, f"?limit=2&starting_after={cursor}"))
    listed = [world["api_key"] for page in pages for world in page["data"]]

    assert sorted(listed[:7]) == sorted(used)
    assert "sk_test_sandbox" in listed
    assert len(listed) == len(set(listed))
    times = [datetime.fromisoformat(world["used_at"]) for page in pages for world in page["data"]]
    assert times == sorted(times, reverse=True)
    refused = exchange(server.address, raw_request("GET", "/_sandbox/worlds?starting_after=no"))
    assert refused.status == 400


def test_generated_keys_are_unique_and_known_to_all_workers(server: ServeProcess) -> None:
    raw = raw_request("POST", "/_sandbox/worlds", body=b'{"clock": "2030-01-15T10:30:00Z"}')
    keys = [exchange(server.address, raw).json["api_key"] for _ in range(8)]
    assert len(set(keys)) == 8
    for key in keys:
        world = RemoteWorld(server.address, key).control("GET", "/world")
        assert world["clock"]["now"] == "2030-01-15T10:30:00Z"


def test_coverage_counts_calls_of_all_workers(server: ServeProcess) -> None:
    def declined() -> int:
        found = exchange(server.address, raw_request("GET", "/_sandbox/coverage")).json["calls"]
        return sum(row["count"] for row in found if row["failure"] == "card_declined")

    before = declined()
    for worker in range(WORKERS):
        world = RemoteWorld(server.address, key_of(worker))
        world.pay(card_number="4000000000000002")
    assert declined() == before + WORKERS


def test_metrics_sum_the_values_of_all_workers(server: ServeProcess) -> None:
    """Every worker answers with the same values."""

    def refused_refunds() -> float:
        text = exchange(server.address, raw_request("GET", "/_sandbox/metrics")).body.decode()
        found = re.search(r'operation="create_refund",status="404".* (\d+)', text)
        return int(found[1]) if found else 0

    before = refused_refunds()
    for worker in range(WORKERS):
        world = RemoteWorld(server.address, key_of(worker))
        world.ask("POST", "/v3/payments/pay_1/refunds", {"amount": 1})
    assert [refused_refunds() for _ in range(4)] == [before + WORKERS] * 4


def test_the_log_and_its_summary_cover_all_workers() -> None:
    """There is a line for each request, and a summary of all worlds at the end."""
    with serve_process(*TWO, "--log", "json") as server:
        for worker in (0, 1, 1):
            RemoteWorld(server.address, key_of(worker, 2)).pay()
        assert server.stop()[0] == 0
        *lines, summary = map(json.loads, server.rest()[0].splitlines())
    assert [line["operation"] for line in lines] == ["create_payment"] * 3
    assert (summary["kind"], summary["requests"]) == ("summary", {"201": 3})
    assert (summary["payments"]["completed"], summary["worlds"]) == (3, 4)


def test_a_unix_socket_serves_the_keys_of_all_workers(tmp_path: Path) -> None:
    """The socket's file is deleted when the server stops."""
    path = tmp_path / "sandbox.sock"
    with serve_process(*TWO, "--unix", str(path)) as server:
        for worker in (0, 1):
            key = key_of(worker, 2)
            for _ in range(3):
                with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as http:
                    headers = {"Authorization": f"Bearer {key}"}
                    url = "http://localhost/v3/payments"
                    assert http.post(url, json=documented_create(), headers=headers).is_success
            world = RemoteWorld(server.address, key)
            assert world.control("GET", "/world")["payments"]["completed"] == 3
        assert server.stop()[0] == 0
    assert not path.exists()


def test_workers_on_a_system_without_fork_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows is such a system."""
    monkeypatch.delattr(os, "fork")
    ended = run("serve", *TWO, is_process=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    expected = (
        "argument --workers: expected 1: this system cannot pass connections to other processes\n"
    )
    assert ended.stderr.endswith(expected)


def test_workers_with_tls_exit_2() -> None:
    ended = run("serve", *TWO, "--tls", "auto")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "argument --workers: expected 1 with --tls" in ended.stderr


def test_a_killed_worker_is_replaced_and_its_lost_worlds_are_reported() -> None:
    """Worlds of other workers are unaffected; a new world of a lost key says what happened."""
    with serve_process(*TWO) as server:
        lost, kept = (RemoteWorld(server.address, key_of(worker, 2)) for worker in (0, 1))
        lost.pay()
        kept.pay()
        pid = workers_of(server)[0]
        os.kill(pid, signal.SIGKILL)
        line = server.error_line()
        assert lost.control("GET", "/world")["restarted"] == (
            "An earlier world of this key was lost with worker 1, which was killed by SIGKILL."
        )
        assert lost.control("GET", "/world")["payments"]["completed"] == 0
        assert kept.control("GET", "/world")["payments"]["completed"] == 1
        assert kept.control("GET", "/world")["restarted"] is None
        assert server.stop()[0] == 0
    assert f"worker 1 (pid {pid}) was killed by SIGKILL and is restarted" in line
    assert lost.key in line
    assert kept.key not in line


def test_a_lost_world_is_still_reported_after_its_worker_died_again() -> None:
    """A world that was dropped in between is not reported."""
    with serve_process(*TWO) as server:
        unused, dropped = (RemoteWorld(server.address, key_of(0, 2)) for _ in range(2))
        unused.pay()
        dropped.pay()
        os.kill(workers_of(server)[0], signal.SIGKILL)
        server.error_line()
        dropped.control("GET", "/world")
        dropped.control("DELETE", "/world")
        for _ in range(3):
            os.kill(workers_of(server)[-1], signal.SIGKILL)  # the one started last
            server.error_line()
        assert "lost with worker 1" in unused.control("GET", "/world")["restarted"]
        assert dropped.control("GET", "/world")["restarted"] is None
        assert server.stop()[0] == 0


def test_a_worker_that_cannot_start_ends_the_server_with_exit_code_2(tmp_path: Path) -> None:
    """The error is one line, and the other workers end too."""
    (tmp_path / "1-of-2.state").mkdir()
    ended = run("serve", "--port", "0", *TWO, "--state", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("payments-sandbox: cannot use")
    assert ended.stderr.count("\n") == 1


def test_generated_keys_are_not_repeated_after_workers_are_replaced() -> None:
    """The new workers have the same seed."""
    with serve_process(*TWO, "--seed", "7") as server:
        raw = raw_request("POST", "/_sandbox/worlds", body=b"{}")
        drawn = [exchange(server.address, raw).json["api_key"] for _ in range(6)]
        for pid in workers_of(server):
            os.kill(pid, signal.SIGKILL)
            server.error_line()
        drawn += [exchange(server.address, raw).json["api_key"] for _ in range(6)]
    assert len(set(drawn)) == 12


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_server_and_all_workers(tmp_path: Path, number: signal.Signals) -> None:
    """It exits with 0 despite an open connection, and the ready file is deleted."""
    ready = tmp_path / "ready.json"
    with serve_process(*TWO, "--ready-file", str(ready), "--max-wall-delay", "1h") as server:
        facts = json.loads(ready.read_text())
        assert {"ready": True} | facts == server.facts
        assert facts["pid"] == server.process.pid
        pids = workers_of(server)
        silent = json.dumps(documented_create(card_number="4000009900000087")).encode()
        with connected(server.address) as stuck:
            stuck.send(raw_request("POST", "/v3/payments", body=silent))
            RemoteWorld(server.address, "sk_test_sandbox").control("GET", "/requests?limit=1")
            assert server.stop(number)[0] == 0
        assert server.rest() == ("", "")
    assert not ready.exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):  # the parent has reaped it
            os.kill(pid, 0)


def test_an_ignored_sighup_stays_ignored_and_sigint_stops_the_server() -> None:
    """Shells start background commands with SIGINT ignored, so it must not stay ignored."""
    ignoring = ("sh", "-c", 'trap "" HUP INT; exec "$@"', "sh", *COMMAND)
    with serve_process(*TWO, command=ignoring) as server:
        server.process.send_signal(signal.SIGHUP)
        RemoteWorld(server.address, "sk_test_sandbox").control("GET", "/world")
        assert server.stop(signal.SIGINT)[0] == 0


def test_killing_the_parent_ends_all_workers() -> None:
    """The parent is killed with SIGKILL, so only the kernel can tell the workers."""
    with serve_process(*TWO) as server, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in workers_of(server)]
        for each in handles:
            stack.callback(os.close, each)
        server.process.kill()
        assert server.rest() == ("", "")
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]


def test_a_suspended_worker_is_ended_with_the_server() -> None:
    """It is continued in order to end."""
    with serve_process(*TWO) as server:
        os.kill(workers_of(server)[1], signal.SIGSTOP)
        assert (server.stop()[0], server.rest()) == (0, ("", ""))


def test_a_state_is_restored_with_another_number_of_workers(tmp_path: Path) -> None:
    """The number goes from one process to two and three workers, and back to one."""
    folder = tmp_path / "worlds"
    with serve_process("--state", str(tmp_path / "one.state")) as server:
        worlds = [RemoteWorld(server.address, f"sk_test_kept{number}") for number in range(8)]
        paid = {world.key: world.pay().json["id"] for world in worlds}
        assert server.stop()[0] == 0
    folder.mkdir()
    (tmp_path / "one.state").rename(folder / "one.state")
    for workers in (2, 3, 1):
        arguments = ("--workers", str(workers), "--state", str(folder))
        with serve_process(*arguments) as server:
            for key, payment in paid.items():
                world = RemoteWorld(server.address, key)
                assert world.ask("GET", f"/v3/payments/{payment}").status == 200
                assert world.control("GET", "/world")["payments"]["completed"] == 1
            assert server.stop()[0] == 0
        names = sorted(each.name for each in folder.iterdir())
        assert names == [f"{number + 1}-of-{workers}.state" for number in range(workers)]


def test_a_replaced_worker_restores_the_last_saved_state(tmp_path: Path) -> None:
    """The log says that the last saved state is back."""
    arguments = (*TWO, "--state", str(tmp_path / "worlds"))
    world = RemoteWorld("", key_of(0, 2))
    with serve_process(*arguments) as server:
        RemoteWorld(server.address, world.key).pay()
        server.stop()
    with serve_process(*arguments) as server:
        here = RemoteWorld(server.address, world.key)
        here.pay()
        os.kill(workers_of(server)[0], signal.SIGKILL)
        while "killed by SIGKILL" not in (line := server.error_line()):
            pass
        found = here.control("GET", "/world")
    assert line.endswith("; the last saved state is restored")
    assert found["payments"]["completed"] == 1
    assert "lost with worker 1" in found["restarted"]


def test_a_state_folder_in_use_or_a_state_file_exits_2(tmp_path: Path) -> None:
    """The error is one line, and comes before the server listens."""
    folder = tmp_path / "worlds"
    with serve_process(*TWO, "--state", str(folder)) as server:
        for workers in ("2", "3"):
            ended = run("serve", "--port", "0", "--workers", workers, "--state", str(folder))
            assert (ended.returncode, ended.stdout) == (2, "")
            assert ended.stderr == (
                f"payments-sandbox: cannot use {folder}: workers: it is in use by pid"
                f" {server.process.pid}.\n"
            )
    (tmp_path / "file").write_text("x")
    for arguments, expected in (
        ((*TWO, "--state", str(tmp_path / "file")), "expected a folder, since each worker has its"),
        ((*TWO, "--state", os.devnull), "expected a folder, since each worker has its own file"),
        (
            ("--state", str(tmp_path), "--tls", "auto"),
            "argument --state: expected a file with --tls: encrypted connections cannot be passed",
        ),
        (
            (*TWO, "--state", str(tmp_path / "no" / "where")),
            "expected a file or folder in an existing",
        ),
    ):
        ended = run("serve", "--port", "0", *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert expected in ended.stderr.splitlines()[-1]


def test_a_torn_state_file_exits_2_and_is_left_unchanged(tmp_path: Path) -> None:
    for name in ("1-of-2.state", "other.state"):
        (tmp_path / name).write_text("torn")
        ended = run("serve", "--port", "0", *TWO, "--state", str(tmp_path))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"{name}: expected a file of format" in ended.stderr
        assert (tmp_path / name).read_text() == "torn"
        (tmp_path / name).unlink()


def test_a_port_in_use_exits_1_with_one_line() -> None:
    """The error is the same as with one process."""
    with serve_process() as taken:
        port = taken.address.rpartition(":")[2]
        ended = run("serve", *TWO, "--port", port)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"payments-sandbox: cannot listen on 127.0.0.1:{port}: ")
    assert ended.stderr.count("\n") == 1


@for_each("workers", ["0", "65", "two", "-1"])
def test_an_invalid_number_of_workers_exits_2(workers: str) -> None:
    """The error says what is expected."""
    ended = run("serve", "--workers", workers)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("expected a whole number from 1 to 64\n")


def test_the_server_stops_when_stdin_is_closed() -> None:
    """Input is ignored, as with one process."""
    words = ("serve", "--port", "0", *TWO, "--until-stdin-closes")
    with started(words, stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        assert server.communicate("x" * 99, LONGEST_WAIT) == ("", "")
        assert server.returncode == 0
