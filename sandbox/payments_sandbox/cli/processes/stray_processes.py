"""Owns the end of processes that have left the group of a command, as daemons do.

They are recognised by the environment of the command, which they inherit. Linux shows it under
/proc. Elsewhere `ps` is asked, which shows it on macOS and the BSDs. A process that has changed its
environment is not found, and none is on a system that has neither.
"""

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_ALL_WITH_ENVIRONMENT: Final = ("ps", "axeww", "-o", "pid=,command=")
_MOMENT: Final = 1.0
"""Seconds to wait until a killed process is gone."""


@contextmanager
def strays_ended(given: Mapping[str, str]) -> Iterator[None]:
    """When the block ends, kill every process of ours whose environment has these variables.

    Args:
        given: variables that no other command has together; their values contain no blanks.
    """
    try:
        yield
    finally:
        wanted = {f"{name}={value}".encode() for name, value in given.items()}
        for process in list(_with_variables(wanted)):
            _kill(process)


def _kill(process: int) -> None:
    with suppress(OSError):  # it has ended already, or is another user's
        if not hasattr(os, "pidfd_open"):  # only Linux has it
            os.kill(process, signal.SIGKILL)
            return
        handle = os.pidfd_open(process)
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _MOMENT)
        os.close(handle)


def _with_variables(wanted: set[bytes]) -> Iterator[int]:
    """The processes whose environment has all of these, each as `NAME=value`."""
    if not (_PROCESSES / "self" / "environ").exists():
        yield from _with_variables_by_ps(wanted)
        return
    for file in _PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):  # it is another user's, or has ended
            if wanted <= set(file.read_bytes().split(b"\0")):
                yield int(file.parent.name)


def _with_variables_by_ps(wanted: set[bytes]) -> Iterator[int]:
    """The same, from `ps`, which prints the environment after the command."""
    with suppress(OSError):  # there is no `ps`
        done = subprocess.run(_ALL_WITH_ENVIRONMENT, capture_output=True, check=False)  # noqa: S603
        for line in done.stdout.splitlines():
            process, *words = line.split()
            if wanted <= set(words):
                yield int(process)
