"""A command under its supervisor: when it is killed and when it is not."""

import asyncio
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from payments_sandbox.cli.processes import supervisor
from payments_sandbox.cli.processes.child_process import NotStartedError, running
from payments_sandbox.cli.processes.supervisor import end
from tests.support.process import IGNORE_SIGTERM, WAIT_FOR_SIGNAL, ended_with_block, python

NOW: Final = 0.0
LONG: Final = 3600.0


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Return a named pipe: opening one end waits for the other."""
    pipe = tmp_path / "told"
    os.mkfifo(pipe)
    return pipe


async def test_a_command_that_ignores_sigterm_is_killed_after_the_grace_period(told: Path) -> None:
    program = IGNORE_SIGTERM + f"open({str(told)!r}, 'w').close();" + WAIT_FOR_SIGNAL
    async with running(python(program), os.environ, grace=NOW) as command:
        await asyncio.to_thread(told.read_bytes)
        command.forward(signal.SIGTERM)
        assert await command.ended() == 128 + signal.SIGKILL


async def test_sigint_starts_no_grace_period(told: Path) -> None:
    """A command that handles it may take as long as it needs."""
    heeding = f"""
import signal, sys
def tell(text):
    with open({str(told)!r}, "w") as pipe:
        pipe.write(text)
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
tell("ready")
signal.sigwait({{signal.SIGINT}})
tell("heard")
sys.exit(3)
"""
    async with running(python(heeding), os.environ, grace=NOW) as command:
        await asyncio.to_thread(told.read_bytes)
        command.forward(signal.SIGINT)
        assert await asyncio.to_thread(told.read_bytes) == b"heard"
        assert await command.ended() == 3


async def test_a_command_that_does_not_exist_raises_not_started_error() -> None:
    """The error has the system's reason."""
    with pytest.raises(NotStartedError, match=r"^No such file or directory$"):
        async with running(("no-such-command",), os.environ):
            pytest.fail("it runs")


async def test_cancelling_a_run_at_any_point_leaves_no_supervisor_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of two parallel runs is cancelled if the other finds that the command does not exist."""
    made: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(
        *words: str,
        **options: Any,  # noqa: ANN401 - any option
    ) -> asyncio.subprocess.Process:
        made.append(await start(*words, **options))
        return made[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)

    async def run_it() -> None:
        async with running(["true"], os.environ) as command:
            await command.ended()

    for turns in range(12):
        task = asyncio.create_task(run_it())
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251 - no time passes
        task.cancel()
        await asyncio.wait([task])
        assert [each.returncode for each in made if each.returncode is None] == []
    assert made


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_while_the_supervisor_exits_still_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Otherwise it may exit after the loop is closed, and asyncio would complain on stderr."""
    waited: list[asyncio.subprocess.Process] = []
    wait = asyncio.subprocess.Process.wait

    async def cancelled_while_it_waits(process: asyncio.subprocess.Process) -> int:
        waited.append(process)
        loop = asyncio.get_running_loop()
        for _ in range(times):
            loop.call_soon(task.cancel)
            await asyncio.sleep(0)  # noqa: TID251 - no time passes
        return await wait(process)

    monkeypatch.setattr(asyncio.subprocess.Process, "wait", cancelled_while_it_waits)

    async def run_it() -> None:
        async with running(("no-such-command",), os.environ):
            pytest.fail("it runs")

    task = asyncio.create_task(run_it())
    await asyncio.wait([task])

    [process] = waited
    assert task.cancelled()
    assert process.returncode is not None


def test_a_stopped_process_group_is_continued_and_ended() -> None:
    """A stopped process does not get SIGTERM until it is continued."""
    child = subprocess.Popen(python(WAIT_FOR_SIGNAL), process_group=0)
    with ThreadPoolExecutor(1) as threads, ended_with_block(child):
        os.kill(child.pid, signal.SIGSTOP)
        over = threads.submit(end, child.pid, LONG)
        assert child.wait(20) == -signal.SIGTERM
        over.result(20)


def test_ending_a_process_group_that_is_gone_is_not_an_error() -> None:
    """The call returns at once instead of raising or waiting."""
    with subprocess.Popen(("true",), process_group=0) as child:
        child.wait(20)
    end(child.pid, LONG)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="the system does not show it")
def test_a_group_that_consists_of_zombies_counts_as_ended() -> None:
    """Their new parent may take long to reap them, so `end` does not wait for that."""
    with (
        ThreadPoolExecutor(1) as threads,
        subprocess.Popen(("true",), process_group=0) as child,
    ):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        threads.submit(end, child.pid, LONG).result(20)


@pytest.mark.parametrize("processes", ["/proc", "empty", "none"])
def test_a_group_that_ignores_sigterm_is_killed_with_or_without_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    """It is killed after the grace period."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(supervisor, "_PROCESSES", str(tmp_path / processes))
    ignoring = IGNORE_SIGTERM + "print(flush=True);" + WAIT_FOR_SIGNAL
    child = subprocess.Popen(python(ignoring), process_group=0, stdout=subprocess.PIPE)
    with ended_with_block(child):
        assert child.stdout is not None
        child.stdout.readline()
        end(child.pid, 0.1)
        assert child.wait(20) == -signal.SIGKILL
