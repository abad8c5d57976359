"""Owns the end of processes that have left the group of a command, as daemons do.

They are known by the environment that the command was given, and which they have inherited. The
system has to show it, as Linux does under /proc; elsewhere nobody is found.
"""

import os
import select
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_MOMENT: Final = 1.0
"""Seconds in which a process is gone that was killed."""


@contextmanager
def strays_ended(given: Mapping[str, str]) -> Iterator[None]:
    """End every process of ours, when the block does, whose environment has all of these variables.

    Args:
        given: variables that together no other command has.
    """
    try:
        yield
    finally:
        _end(given)


def _end(given: Mapping[str, str]) -> None:
    for process in list(_having({f"{name}={value}".encode() for name, value in given.items()})):
        with suppress(OSError):  # it has gone by itself
            handle = os.pidfd_open(process)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], _MOMENT)
            os.close(handle)


def _having(wanted: set[bytes]) -> Iterator[int]:
    for file in _PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):  # it is another user's, or has gone
            if wanted <= set(file.read_bytes().split(b"\0")):
                yield int(file.parent.name)
