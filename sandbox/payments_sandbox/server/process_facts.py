"""Owns how this process is: what the system tells of it, and how late its event loop is.

Only Linux tells all of it. The loop is measured once a second, and only once somebody has asked: an
idle server that nobody watches sleeps.
"""

import asyncio
import os
import time
from collections import deque
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

_EVERY: Final = 1.0
"""Seconds between two measurements."""

_RECENT: Final = 60
"""Measurements among which the largest is looked for."""


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


class LoopLag:
    """Measures the loop that runs, until it is stopped.

    Attributes:
        measured: how often it was measured.
        total: the seconds of all measurements.
    """

    def __init__(self) -> None:
        self.measured = 0
        self.total = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._loop = asyncio.get_running_loop()
        self._timer = self._next_timer()

    @property
    def largest(self) -> float:
        """The seconds of the largest of the last measurements."""
        return max(self._recent, default=0.0)

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()

    def _next_timer(self) -> asyncio.TimerHandle:
        wanted = self._loop.time() + _EVERY
        return self._loop.call_at(wanted, self._measure, wanted)

    def _measure(self, wanted: float) -> None:
        late = max(0.0, self._loop.time() - wanted)
        self.measured += 1
        self.total += late
        self._recent.append(late)
        self._timer = self._next_timer()
