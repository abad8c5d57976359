"""Owns what the system tells of this process, as far as it does: only Linux tells all of it."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from payments_sandbox.server.metrics_text import Family, Kind, Sample

_OWN: Final = Path("/proc/self")
_AFTER_NAME: Final = b") "
"""What stands between a process's name, in which anything may be, and its numbers in `stat`."""

_STARTED: Final = 19
"""The place of the ticks at which it started, among the numbers after its name (proc(5), 22)."""

_RESIDENT: Final = 1
"""The place of the pages in memory among the numbers of `statm`."""


def process_families() -> Iterator[Family]:
    """Give what there is, by the names that all of Prometheus' clients have for it."""
    yield _one("process_cpu_seconds_total", "counter", "CPU seconds spent.", time.process_time())
    with suppress(OSError, ImportError):
        yield from _of_linux()


def _of_linux() -> Iterator[Family]:
    import resource  # noqa: PLC0415 - it is not there on Windows

    pages = int((_OWN / "statm").read_bytes().split()[_RESIDENT])
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    yield _one("process_resident_memory_bytes", "gauge", "Bytes in memory.", memory)
    yield _one("process_start_time_seconds", "gauge", "Unix time of the start.", _started_at())
    descriptors = len(list((_OWN / "fd").iterdir()))
    yield _one("process_open_fds", "gauge", "Open file descriptors.", descriptors)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield _one("process_max_fds", "gauge", "File descriptors that may be open.", most)


def _started_at() -> float:
    ticks = int((_OWN / "stat").read_bytes().rpartition(_AFTER_NAME)[2].split()[_STARTED])
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    booted = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def _one(name: str, kind: Kind, text: str, value: float) -> Family:
    return Family(name, kind, text, (Sample(value),))
