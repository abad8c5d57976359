"""Owns commands as processes that are forked off one that has imported what they need.

To start an interpreter and to import the package takes ten times as long as most of what a test
does with the process. Its streams, signals, exit code, folder and environment are as ever.
"""

import gc
import inspect
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Final

import pytest

from payments_sandbox.cli import main
from payments_sandbox.server import emulated_api
from tests.project.tree import ROOT
from tests.support.measuring import LOOKS_AT_FORKS

PRELOADED: Final = "tests.support.preloaded"
MEASURED_FORKS: Final = "tests.support.measured_forks"
"""What is imported as well, the latter where processes are measured."""

CAN_FORK: Final = "forkserver" in multiprocessing.get_all_start_methods()
READ_BY_INTERPRETERS: Final = ("LANG", "LC_", "PYTHON", "TZ")
"""What variables begin with that are read only as an interpreter starts."""

_TOLD: Final = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to have all else of it


def can_be_forked(extra: Mapping[str, str]) -> bool:
    """Whether a command with these variables need not have an interpreter of its own."""
    return CAN_FORK and not any(name.startswith(READ_BY_INTERPRETERS) for name in extra)


class ForkedCommand(subprocess.Popen[str]):
    """The command with some words; of the options of processes it knows those that tests use."""

    begin: Callable[[Sequence[str]], int] = staticmethod(main)

    def _execute_child(self, *given: Any) -> None:  # noqa: ANN401 - whatever the version has
        told = dict(zip(_TOLD, given, strict=True))
        ends = (told["p2cread"], told["c2pwrite"], told["errwrite"])
        streams = [_Stream(number if end == -1 else end) for number, end in enumerate(ends)]
        leads = told["process_group"] == 0
        self._forked = _forking().Process(
            target=_run, args=(self.begin, told["args"], told["cwd"], told["env"], streams, leads)
        )
        try:
            self._forked.start()
        finally:
            sides = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            self._close_pipe_fds(*(told[side] for side in sides))  # type: ignore[attr-defined]
        self.pid = self._forked.pid or 0

    def poll(self) -> int | None:
        """The exit code, or nothing while it runs."""
        if self.returncode is None and self._forked.exitcode is not None:
            self.returncode = self._forked.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            TimeoutExpired: it has not.
        """
        self._forked.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def main_in_no_time(words: Sequence[str]) -> int:
    """Be the command on a clock that measures nothing."""
    for module in (time, emulated_api):
        vars(module)["perf_counter"] = lambda: 0.0
    return main(words)


class TimelessCommand(ForkedCommand):
    """The command on a clock that measures nothing: what it prints is the same every time."""

    begin = staticmethod(main_in_no_time)


def main_after(code: str, words: Sequence[str]) -> int:
    """Be the command where something is otherwise."""
    exec(code, {})  # noqa: S102 - a test says what
    return main(words)


def forked_after(code: str) -> type[ForkedCommand]:
    """Make the command begin with other code."""
    return type(
        "ChangedCommand", (ForkedCommand,), {"begin": staticmethod(partial(main_after, code))}
    )


def main_of_pytest(words: Sequence[str]) -> int:
    """Be `python -m pytest`."""
    sys.path.insert(0, str(Path.cwd()))
    return int(pytest.main(list(words)))


class ForkedPytest(ForkedCommand):
    """A session of pytest."""

    begin = staticmethod(main_of_pytest)


def _forking() -> ForkServerContext:
    """What forks; the process that does it has imported this module, and is not measured."""
    forking = multiprocessing.get_context("forkserver")
    more = [MEASURED_FORKS] if LOOKS_AT_FORKS in os.environ else []
    forking.set_forkserver_preload([__name__, PRELOADED, *more])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        ensure_running()
    return forking


class _Stream:
    """A descriptor, which goes along as the process begins."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return _arrived, (DupFd(self._descriptor),)


def _arrived(sent: Any) -> int:  # noqa: ANN401 - multiprocessing has no public name for it
    return int(sent.detach())


def _run(  # noqa: PLR0913 - all that a process has, as multiprocessing gives it
    begin: Callable[[Sequence[str]], int],
    words: Sequence[str],
    folder: str,
    variables: Mapping[str, str],
    streams: Sequence[int],
    leads: bool,  # noqa: FBT001 - multiprocessing gives it by position
) -> None:
    """Be the command."""
    gc.freeze()  # pytest looks for garbage as it ends, and has not made what was imported here
    if leads:
        os.setpgid(0, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(variables)
    if os.environ.pop(LOOKS_AT_FORKS, None):
        _measure()
    os.chdir(folder)
    sys.path[:0] = filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["payments-sandbox", *words]
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - until it ends
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.exit(begin(words))


def _measure() -> None:
    """Begin to measure as an interpreter does, but do not look for all files of the package.

    They are in what the processes of the suite keep; to find them again takes longer than most of
    what is measured.
    """
    from coverage import Coverage  # noqa: PLC0415 - it is only there when something is measured

    measured = Coverage(
        data_file=ROOT / ".coverage",
        config_file=False,
        branch=True,
        include=["*/payments_sandbox/*"],
    )
    measured.set_option("run:parallel", True)  # noqa: FBT003 - so are options set
    measured.set_option("run:patch", ["fork", "_exit"])
    measured.set_option("run:disable_warnings", ["no-data-collected"])
    measured.start()
