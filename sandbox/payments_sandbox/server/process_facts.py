"""Owns the figures about this process: CPU, memory, descriptors, and the lag of its event loop.

Only Linux provides all of them. The lag is measured once a second, from the first scrape on, so
that an idle server that nobody watches never wakes up.
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
"""The names that Prometheus client libraries use for these metrics."""

_OWN: Final = Path("/proc/self")
_AFTER_NAME: Final = b") "
"""What separates a process's name, which may contain anything, from the numbers in `stat`."""

_STARTED: Final = 19
"""The index of the start time in ticks among the numbers after the name (proc(5), field 22)."""

_RESIDENT: Final = 1
"""The index of the resident pages among the numbers of `statm`."""

_EVERY: Final = 1.0
"""Seconds between two measurements."""

_RECENT: Final = 60
"""How many of the latest measurements `largest` covers."""


def process_facts() -> dict[str, float]:
    """Return the figures that this system provides, by name."""
    facts = {CPU: time.process_time()}
    with suppress(OSError, ImportError):
        facts |= _linux_facts()
    return facts


def _linux_facts() -> dict[str, float]:
    import resource  # noqa: PLC0415 - missing on Windows

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
    """Measures the lag of the running event loop until it is stopped.

    Attributes:
        measured: the number of measurements.
        total: the sum of all measurements, in seconds.
    """

    def __init__(self) -> None:
        self.measured = 0
        self.total = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._loop = asyncio.get_running_loop()
        self._timer = self._next_timer()

    @property
    def largest(self) -> float:
        """The largest of the latest measurements, in seconds."""
        return max(self._recent, default=0.0)

    def stop(self) -> None:
        """Stop measuring."""
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
