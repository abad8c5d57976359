"""Owns commands as processes that are forked from one that has imported what they need.

Starting an interpreter and importing the package takes ten times as long as most of what a test
does with the process. Streams, signals, exit code, folder and environment work as usual.
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
"""Modules that are imported too, the second one only if processes are measured."""

CAN_FORK: Final = "forkserver" in multiprocessing.get_all_start_methods()
READ_BY_INTERPRETERS: Final = ("LANG", "LC_", "PYTHON", "TZ")
"""Prefixes of variables that are only read when an interpreter starts."""

_TOLD: Final = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]  # noqa: SLF001 - everything else of Popen is kept


def can_be_forked(extra: Mapping[str, str]) -> bool:
    """Return whether a command with these variables can do without its own interpreter."""
    return CAN_FORK and not any(name.startswith(READ_BY_INTERPRETERS) for name in extra)


class ForkedCommand(subprocess.Popen[str]):
    """A forked command with arguments; it supports those options of `Popen` that tests use."""

    begin: Callable[[Sequence[str]], int] = staticmethod(main)

    def _execute_child(self, *given: Any) -> None:  # noqa: ANN401 - depends on the version
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
        """Return the exit code, or None while it runs."""
        if self.returncode is None and self._forked.exitcode is not None:
            self.returncode = self._forked.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code.

        Raises:
            TimeoutExpired: it has not ended in time.
        """
        self._forked.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def main_in_no_time(words: Sequence[str]) -> int:
    """Run the command with a clock that always measures zero."""
    for module in (time, emulated_api):
        vars(module)["perf_counter"] = lambda: 0.0
    return main(words)


class TimelessCommand(ForkedCommand):
    """A command with a clock that always measures zero, so that its output never changes."""

    begin = staticmethod(main_in_no_time)


def main_after(code: str, words: Sequence[str]) -> int:
    """Run code that changes something, and then the command."""
    exec(code, {})  # noqa: S102 - code of a test
    return main(words)


def forked_after(code: str) -> type[ForkedCommand]:
    """Return a command that runs code first."""
    return type(
        "ChangedCommand", (ForkedCommand,), {"begin": staticmethod(partial(main_after, code))}
    )


def main_of_pytest(words: Sequence[str]) -> int:
    """Run `python -m pytest`."""
    sys.path.insert(0, str(Path.cwd()))
    return int(pytest.main(list(words)))


class ForkedPytest(ForkedCommand):
    """A forked session of pytest."""

    begin = staticmethod(main_of_pytest)


def _forking() -> ForkServerContext:
    """Return the fork server, whose process has imported this module and is not measured."""
    forking = multiprocessing.get_context("forkserver")
    more = [MEASURED_FORKS] if LOOKS_AT_FORKS in os.environ else []
    forking.set_forkserver_preload([__name__, PRELOADED, *more])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        ensure_running()
    return forking


class _Stream:
    """A descriptor that is passed to the process when it starts."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return _arrived, (DupFd(self._descriptor),)


def _arrived(sent: Any) -> int:  # noqa: ANN401 - a private type of multiprocessing
    return int(sent.detach())


def _run(  # noqa: PLR0913 - all parts of a process
    begin: Callable[[Sequence[str]], int],
    words: Sequence[str],
    folder: str,
    variables: Mapping[str, str],
    streams: Sequence[int],
    leads: bool,  # noqa: FBT001 - passed by position
) -> None:
    """Run the command."""
    gc.freeze()  # pytest collects garbage at its end, which is not in these imports
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
    """Start measuring as an interpreter does, without searching all files of the package.

    Other processes of the suite record them; searching again takes longer than most of what is
    measured.
    """
    from coverage import Coverage  # noqa: PLC0415 - only installed for measuring

    measured = Coverage(
        data_file=ROOT / ".coverage",
        config_file=False,
        branch=True,
        include=["*/payments_sandbox/*"],
    )
    measured.set_option("run:parallel", True)  # noqa: FBT003 - the signature of coverage
    measured.set_option("run:patch", ["fork", "_exit"])
    measured.set_option("run:disable_warnings", ["no-data-collected"])
    measured.start()
