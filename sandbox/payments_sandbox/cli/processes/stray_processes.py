"""Owns the end of processes that have left the group of a command, as daemons do.

They are known by the environment that the command was given, and which they have inherited. Linux
shows it under /proc; elsewhere `ps` is asked, which macOS and the BSDs let show it. A process that
has changed its environment is not found, nor is any where neither is there.
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
"""Seconds within which a killed process is gone."""


@contextmanager
def strays_ended(given: Mapping[str, str]) -> Iterator[None]:
    """End every process of ours, when the block does, whose environment has all of these variables.

    Args:
        given: variables that together no other command has; their values have no blanks.
    """
    try:
        yield
    finally:
        wanted = {f"{name}={value}".encode() for name, value in given.items()}
        for process in list(_having(wanted)):
            _kill(process)


def _kill(process: int) -> None:
    with suppress(OSError):  # it has gone by itself, or is another user's
        if not hasattr(os, "pidfd_open"):  # only Linux has it
            os.kill(process, signal.SIGKILL)
            return
        handle = os.pidfd_open(process)
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _MOMENT)
        os.close(handle)


def _having(wanted: set[bytes]) -> Iterator[int]:
    """The processes whose environment has all of these, each as `NAME=value`."""
    if not (_PROCESSES / "self" / "environ").exists():
        yield from _listed(wanted)
        return
    for file in _PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):  # it is another user's, or has gone
            if wanted <= set(file.read_bytes().split(b"\0")):
                yield int(file.parent.name)


def _listed(wanted: set[bytes]) -> Iterator[int]:
    """The same by `ps`, which prints the environment behind the command."""
    with suppress(OSError):  # there is none
        done = subprocess.run(_ALL_WITH_ENVIRONMENT, capture_output=True, check=False)  # noqa: S603
        for line in done.stdout.splitlines():
            process, *words = line.split()
            if wanted <= set(words):
                yield int(process)
