"""Processes that have left the process group of a command are found and ended."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from payments_sandbox.cli.processes import stray_processes
from payments_sandbox.cli.processes.stray_processes import strays_ended
from tests.support.process import WAIT_FOR_SIGNAL, ended_with_block, python

needs_ps = pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")


@pytest.mark.parametrize("has_pidfd", [True, False])
@pytest.mark.parametrize("way", ["proc", pytest.param("ps", marks=needs_ps)])
def test_processes_with_all_given_variables_are_killed(
    way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, has_pidfd: bool
) -> None:
    if way == "ps":
        monkeypatch.setattr(stray_processes, "_PROCESSES", tmp_path)
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    given = {"STRAY_URL": f"http://127.0.0.1/{uuid4()}", "STRAY_KEY": "sk_test_1"}
    waiting = python("print(flush=True);" + WAIT_FOR_SIGNAL)
    stray, other = (
        subprocess.Popen(
            waiting, env=os.environ | variables, stdout=subprocess.PIPE, start_new_session=True
        )
        for variables in (given, given | {"STRAY_KEY": "sk_test_12"})
    )
    with ended_with_block(stray), ended_with_block(other):
        for each in (stray, other):
            assert each.stdout is not None
            each.stdout.readline()  # its environment is set by then
        with strays_ended(given):
            assert stray.poll() is None
        assert stray.wait(20) == -signal.SIGKILL
        assert other.poll() is None


def test_a_system_without_proc_and_ps_finds_no_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stray_processes, "_PROCESSES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with strays_ended({"STRAY_KEY": "sk_test_1"}):
        pass


def test_a_process_that_has_already_exited_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(("true",)) as gone:
        gone.wait(20)
    monkeypatch.setattr(stray_processes, "_with_variables", lambda _: iter([gone.pid]))
    with strays_ended({}):
        pass
