"""`run --workers N`: the command sees one server, and the result covers all workers."""

import json
import os
import select
import signal
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.cluster.workers import owner_of
from tests.support.process import (
    WAIT_FOR_SIGNAL,
    RemoteWorld,
    RunProcess,
    python,
    run,
    run_process,
    without_ids,
)
from tests.support.programs import ASK
from tests.support.values import LONGEST_WAIT, documented_create

TWO: Final = ("--workers", "2")
KEYS: Final = [
    next(key for key in map("sk_test_run{}".format, count()) if owner_of(key, 2) == worker)
    for worker in range(2)
]
"""One key for each worker."""

PAY: Final = f"pay({documented_create()!r})\n"
ALL_PAY: Final = ASK + "".join(f"os.environ['PAYMENTS_API_KEY'] = {key!r}\n{PAY}" for key in KEYS)
NO_PAYMENT: Final = {
    "scenario": "unpaid",
    "expect": [{"payments": {"status": "completed"}, "count": 0}],
}


def ended(program: str, *options: str) -> tuple[int, str, str]:
    """Run a program with two workers, and return exit code, stdout and masked stderr."""
    done = run("run", *TWO, *options, "--", *python(program))
    return done.returncode, done.stdout, without_ids(done.stderr)


def children_of(pid: int) -> list[int]:
    """Return the children of a process that it has not reaped yet."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        pytest.skip("this system does not list children")
    return list(map(int, children.read_text(encoding="ascii").split()))


def workers_of(command: RunProcess) -> list[int]:
    """Return the workers of a run: their parent is its only child with two children."""
    return next(
        found for each in children_of(command.process.pid) if len(found := children_of(each)) == 2
    )


def test_used_worlds_of_all_workers_are_evaluated(tmp_path: Path) -> None:
    scenario = tmp_path / "unpaid.json"
    scenario.write_text(json.dumps(NO_PAYMENT))
    code, _, errors = ended(ALL_PAY, "--scenario", str(scenario))
    assert code == 1
    assert errors.startswith("payments-sandbox: failed: 2 worlds; 2 of 2 expectations not met")
    assert all(key in errors for key in KEYS)
    alone = run("run", "--report", "-", "--", *python(ASK + PAY))
    assert "passed: the audit is clean\n" in alone.stdout
    assert ended(ASK + PAY, "--report", "-") == (0, alone.stdout, "")


def test_without_any_request_the_world_of_the_given_key_is_evaluated(tmp_path: Path) -> None:
    """The report is the same as with one process."""
    scenario = tmp_path / "unpaid.json"
    scenario.write_text(json.dumps(NO_PAYMENT))
    alone = run("run", "--scenario", str(scenario), "--", "true")
    assert ended("", "--scenario", str(scenario)) == (0, "", without_ids(alone.stderr))
    assert "1 expectation met" in alone.stderr


def test_dropped_worlds_of_all_workers_are_evaluated() -> None:
    """Each worker keeps the reports of its dropped worlds."""
    drop = "control('DELETE', '/world')\n"
    wrong = "try: ask(os.environ['PAYMENTS_BASE_URL'] + '/nothing')\nexcept OSError: pass\n"
    program = ASK + "".join(
        f"os.environ['PAYMENTS_API_KEY'] = {key!r}\n{wrong}{drop}" for key in KEYS
    )
    code, _, errors = ended(program, "--strict")
    assert code == 1
    assert all(f"{key}, dropped" in errors for key in KEYS)


def test_coverage_sums_the_counts_of_all_workers(tmp_path: Path) -> None:
    file = tmp_path / "coverage.json"
    decline = (
        f"\ntry: pay({documented_create(card_number='4000000000000002')!r})\nexcept OSError: pass\n"
    )
    program = ASK + "".join(f"os.environ['PAYMENTS_API_KEY'] = {key!r}{decline}" for key in KEYS)
    assert ended(program, "--coverage-json", str(file))[0] == 0
    assert '"count": 2' in file.read_text()


def test_a_state_folder_keeps_worlds_between_runs(tmp_path: Path) -> None:
    folder = str(tmp_path / "worlds")
    assert ended(ALL_PAY, "--state", folder)[0] == 0
    count_them = "".join(
        f"os.environ['PAYMENTS_API_KEY'] = {key!r}\nprint(len(listed({documented_create()!r})))\n"
        for key in KEYS
    )
    assert ended(ASK + count_them, "--state", folder)[:2] == (0, "1\n1\n")


def test_a_killed_worker_is_replaced_and_the_run_is_not_evaluated() -> None:
    """The killed worker's requests are lost, but the command still has a server."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command:
        world = RemoteWorld(command.address, KEYS[0])
        world.pay()
        pid = workers_of(command)[0]
        os.kill(pid, signal.SIGKILL)
        assert "lost with worker 1" in world.control("GET", "/world")["restarted"]
        os.kill(int(command.pid), signal.SIGTERM)
        code, _, errors = command.ended()
    assert code == 128 + signal.SIGTERM
    assert errors.endswith(
        f"payments-sandbox: not judged: worker 1 (pid {pid}) was killed by SIGKILL.\n"
    )


def test_an_unusable_state_folder_exits_2_without_running_the_command(tmp_path: Path) -> None:
    """The error is one line."""
    (tmp_path / "1-of-2.state").mkdir()
    code, output, errors = ended("print('ran')", "--state", str(tmp_path))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("payments-sandbox: cannot use")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_and_then_the_workers(number: signal.Signals) -> None:
    """The command gets the signal; the workers stop after it."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in workers_of(command)]
        for each in handles:
            stack.callback(os.close, each)
        os.killpg(command.process.pid, number)
        assert command.ended()[0] == 128 + number
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]


def test_killing_run_ends_its_workers_and_the_command() -> None:
    """The run is killed with SIGKILL, so only the kernel can tell them."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in (*workers_of(command), int(command.pid))]
        for each in handles:
            stack.callback(os.close, each)
        command.process.kill()
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]


def test_the_end_of_all_workers_is_reported_instead_of_a_result() -> None:
    """The run does not wait for answers that never come."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in workers_of(command)]
        for each in handles:
            stack.callback(os.close, each)
        [keeper] = [
            each for each in children_of(command.process.pid) if len(children_of(each)) == 2
        ]
        os.kill(keeper, signal.SIGKILL)
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]
        os.kill(int(command.pid), signal.SIGTERM)
        code, _, errors = command.ended()
    assert code == 128 + signal.SIGTERM
    assert "the workers ended for an unknown reason" in errors


def test_options_that_conflict_with_workers_exit_2(tmp_path: Path) -> None:
    """The errors are those of `serve`."""
    (tmp_path / "file").write_text("x")
    for options, expected in (
        (("--tls", "auto"), "argument --workers: expected 1 with --tls"),
        (("--state", str(tmp_path / "file")), "argument --state: expected a folder, since each"),
    ):
        code, output, errors = ended("print('ran')", *options)
        assert (code, output) == (2, "")
        assert expected in errors
    one = run("run", "--tls", "auto", "--state", str(tmp_path), "--", "true")
    assert "argument --state: expected a file with --tls: encrypted" in one.stderr
