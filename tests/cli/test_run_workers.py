"""`run --workers N`: the command sees one server, and the verdict is about all of its workers."""

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
"""A key of each worker."""

PAY: Final = f"pay({documented_create()!r})\n"
ALL_PAY: Final = ASK + "".join(f"os.environ['PAYMENTS_API_KEY'] = {key!r}\n{PAY}" for key in KEYS)
NO_PAYMENT: Final = {
    "scenario": "unpaid",
    "expect": [{"payments": {"status": "completed"}, "count": 0}],
}


def ended(program: str, *options: str) -> tuple[int, str, str]:
    """The exit code of a run with two workers, and both outputs."""
    done = run("run", *TWO, *options, "--", *python(program))
    return done.returncode, done.stdout, without_ids(done.stderr)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and not yet waited for."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        pytest.skip("this system does not list children")
    return list(map(int, children.read_text(encoding="ascii").split()))


def workers_of(command: RunProcess) -> list[int]:
    """The workers of a run: their parent is the one of its children that has two."""
    return next(
        found for each in children_of(command.process.pid) if len(found := children_of(each)) == 2
    )


def test_the_worlds_of_all_workers_are_judged(tmp_path: Path) -> None:
    """Those that were used, wherever they are."""
    scenario = tmp_path / "unpaid.json"
    scenario.write_text(json.dumps(NO_PAYMENT))
    code, _, errors = ended(ALL_PAY, "--scenario", str(scenario))
    assert code == 1
    assert errors.startswith("payments-sandbox: failed: 2 worlds; 2 of 2 expectations not met")
    assert all(key in errors for key in KEYS)
    alone = run("run", "--report", "-", "--", *python(ASK + PAY))
    assert "passed: the audit is clean\n" in alone.stdout
    assert ended(ASK + PAY, "--report", "-") == (0, alone.stdout, "")


def test_where_nothing_was_used_that_of_the_given_key_is_judged(tmp_path: Path) -> None:
    """As with one process, whichever worker has it."""
    scenario = tmp_path / "unpaid.json"
    scenario.write_text(json.dumps(NO_PAYMENT))
    alone = run("run", "--scenario", str(scenario), "--", "true")
    assert ended("", "--scenario", str(scenario)) == (0, "", without_ids(alone.stderr))
    assert "1 expectation met" in alone.stderr


def test_a_world_that_was_dropped_is_judged_too() -> None:
    """Its worker has kept the report."""
    drop = "control('DELETE', '/world')\n"
    wrong = "try: ask(os.environ['PAYMENTS_BASE_URL'] + '/nothing')\nexcept OSError: pass\n"
    program = ASK + "".join(
        f"os.environ['PAYMENTS_API_KEY'] = {key!r}\n{wrong}{drop}" for key in KEYS
    )
    code, _, errors = ended(program, "--strict")
    assert code == 1
    assert all(f"{key}, dropped" in errors for key in KEYS)


def test_coverage_is_that_of_all_workers(tmp_path: Path) -> None:
    """Counted together."""
    file = tmp_path / "coverage.json"
    decline = (
        f"\ntry: pay({documented_create(card_number='4000000000000002')!r})\nexcept OSError: pass\n"
    )
    program = ASK + "".join(f"os.environ['PAYMENTS_API_KEY'] = {key!r}{decline}" for key in KEYS)
    assert ended(program, "--coverage-json", str(file))[0] == 0
    assert '"count": 2' in file.read_text()


def test_worlds_are_kept_in_a_folder(tmp_path: Path) -> None:
    """From one run to the next."""
    folder = str(tmp_path / "worlds")
    assert ended(ALL_PAY, "--state", folder)[0] == 0
    count_them = "".join(
        f"os.environ['PAYMENTS_API_KEY'] = {key!r}\nprint(len(listed({documented_create()!r})))\n"
        for key in KEYS
    )
    assert ended(ASK + count_them, "--state", folder)[:2] == (0, "1\n1\n")


def test_a_worker_that_dies_fails_the_run() -> None:
    """What it had seen cannot be judged any more; the command has a server all the same."""
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


def test_workers_that_never_get_ready_run_no_command(tmp_path: Path) -> None:
    """In one line, with the exit code of the reason."""
    (tmp_path / "1-of-2.state").mkdir()
    code, output, errors = ended("print('ran')", "--state", str(tmp_path))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("payments-sandbox: cannot use")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_commands(number: signal.Signals) -> None:
    """And the workers end when it has ended."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in workers_of(command)]
        for each in handles:
            stack.callback(os.close, each)
        os.killpg(command.process.pid, number)
        assert command.ended()[0] == 128 + number
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]


def test_nothing_outlives_a_run_that_is_killed() -> None:
    """Nobody tells the workers but the system."""
    with run_process(WAIT_FOR_SIGNAL, *TWO) as command, ExitStack() as stack:
        handles = [os.pidfd_open(pid) for pid in (*workers_of(command), int(command.pid))]
        for each in handles:
            stack.callback(os.close, each)
        command.process.kill()
        for each in handles:
            assert select.select([each], [], [], LONGEST_WAIT)[0] == [each]


def test_workers_that_have_all_gone_are_no_verdict() -> None:
    """In one line; nobody waits for an answer that never comes."""
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


def test_what_does_not_go_with_workers_is_refused(tmp_path: Path) -> None:
    """As `serve` refuses it."""
    (tmp_path / "file").write_text("x")
    for options, expected in (
        (("--tls", "auto"), "argument --workers: expected 1 with --tls"),
        (("--state", str(tmp_path / "file")), "argument --state: expected a folder, since each"),
    ):
        code, output, errors = ended("print('ran')", *options)
        assert (code, output) == (2, "")
        assert expected in errors
    one = run("run", "--state", str(tmp_path), "--", "true")
    assert "a folder is for --workers 2 or more" in one.stderr
