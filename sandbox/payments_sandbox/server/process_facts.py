"""Owns what the system tells of this process, as far as it does: only Linux tells all of it."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

CPU: Final = "process_cpu_seconds_total"
MEMORY: Final = "process_resident_memory_bytes"
STARTED: Final = "process_start_time_seconds"
OPEN: Final = "process_open_fds"
MOST: Final = "process_max_fds"
"""The names that all clients of Prometheus have for them."""

_OWN: Final = Path("/proc/self")
_AFTER_NAME: Final = b") "
"""What stands between a process's name, in which anything may be, and its numbers in `stat`."""

_STARTED: Final = 19
"""The place of the ticks at which it started, among the numbers after its name (proc(5), 22)."""

_RESIDENT: Final = 1
"""The place of the pages in memory among the numbers of `statm`."""


def process_facts() -> dict[str, float]:
    """Give what there is, by its name."""
    facts = {CPU: time.process_time()}
    with suppress(OSError, ImportError):
        facts |= _of_linux()
    return facts


def _of_linux() -> dict[str, float]:
    import resource  # noqa: PLC0415 - it is not there on Windows

    pages = int((_OWN / "statm").read_bytes().split()[_RESIDENT])
    return {
        MEMORY: pages * os.sysconf("SC_PAGE_SIZE"),
        STARTED: _started_at(),
        OPEN: len(list((_OWN / "fd").iterdir())),
        MOST: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def _started_at() -> float:
    ticks = int((_OWN / "stat").read_bytes().rpartition(_AFTER_NAME)[2].split()[_STARTED])
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    booted = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return booted + ticks / os.sysconf("SC_CLK_TCK")
