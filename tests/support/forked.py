"""Owns `payments-sandbox` as a process that is forked off one that has imported all of it.

To start an interpreter and to import the package takes ten times as long as most of what a test
does with the process. Its streams, signals, exit code, folder and environment are as ever.
"""

import inspect
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from typing import Any, Final

# What commands import once they are called is imported here, before they are forked.
import payments_sandbox.cli.commands.explore
import payments_sandbox.cli.commands.run
import payments_sandbox.cli.commands.serve
import payments_sandbox.cli.exploration.runner
import payments_sandbox.server.factory
import payments_sandbox.server.http_server  # noqa: F401
from payments_sandbox.cli import main

CAN_FORK: Final = "forkserver" in multiprocessing.get_all_start_methods()
READ_BY_INTERPRETERS: Final = ("LANG", "LC_", "PYTHON", "TZ")
"""What variables begin with that are read only as an interpreter starts."""

_TOLD: Final = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to have all else of it


def can_be_forked(extra: Mapping[str, str]) -> bool:
    """Whether a command with these variables need not have an interpreter of its own."""
    return CAN_FORK and not any(name.startswith(READ_BY_INTERPRETERS) for name in extra)


class ForkedCommand(subprocess.Popen[str]):
    """The command with some words; of the options of processes it knows those that tests use."""

    def _execute_child(self, *given: Any) -> None:  # noqa: ANN401 - whatever the version has
        told = dict(zip(_TOLD, given, strict=True))
        ends = (told["p2cread"], told["c2pwrite"], told["errwrite"])
        streams = [_Stream(number if end == -1 else end) for number, end in enumerate(ends)]
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload([__name__])
        leads = told["process_group"] == 0
        self._forked = forking.Process(
            target=_run, args=(told["args"], told["cwd"], told["env"], streams, leads)
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


class _Stream:
    """A descriptor, which goes along as the process begins."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return _arrived, (DupFd(self._descriptor),)


def _arrived(sent: Any) -> int:  # noqa: ANN401 - multiprocessing has no public name for it
    return int(sent.detach())


def _run(
    words: Sequence[str],
    folder: str,
    variables: Mapping[str, str],
    streams: Sequence[int],
    leads: bool,  # noqa: FBT001 - multiprocessing gives it by position
) -> None:
    """Be the command."""
    if leads:
        os.setpgid(0, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.argv = ["payments-sandbox", *words]
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - until it ends
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.exit(main(words))
