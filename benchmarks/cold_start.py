"""Owns the section on starting and idling: ours and an aiohttp hello world, in turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from benchmarks.machine import Cores, resident_bytes
from benchmarks.plan import Plan
from benchmarks.report import Table, at_most, ratio
from benchmarks.servers import Loop, bare_command, loops, running, sandbox_command
from benchmarks.traffic import answer, raw

START: Final = at_most(1.05)
MEMORY: Final = at_most(1.25)
_LIVE: Final = raw("GET", "/_sandbox/live")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: the time until the first 200, and the resident memory then."""

    ms: float
    megabytes: float | None


def measure_cold_start(plan: Plan, cores: Cores) -> list[Table]:
    """Measure a table for each event loop."""
    return [_on(loop, plan, cores) for loop in loops()]


def _on(loop: Loop, plan: Plan, cores: Cores) -> Table:
    ours: list[Start] = []
    bare: list[Start] = []
    for _ in range(plan.starts + 1):
        ours.append(_start(sandbox_command(loop), cores))
        bare.append(_start(bare_command(loop), cores))
    ours, bare = ours[1:], bare[1:]
    rows = [ratio("spawn to first 200", _times(ours), _times(bare), " ms", START)]
    memory, least = _memory(ours), _memory(bare)
    if memory and least:
        rows.append(ratio("RSS idle", memory, least, " MB", MEMORY))
    return Table(f"Cold start, ours to an aiohttp hello world, both on {loop}", rows)


def _start(command: Sequence[str], cores: Cores) -> Start:
    started = perf_counter()
    with running(command, cores) as server:
        status, body = answer(server.port, _LIVE)
        took = perf_counter() - started
        assert status == 200, body
        resident = resident_bytes(server.pid)
        return Start(took * 1e3, None if resident is None else resident / 1e6)


def _times(starts: Sequence[Start]) -> list[float]:
    return [start.ms for start in starts]


def _memory(starts: Sequence[Start]) -> list[float]:
    return [start.megabytes for start in starts if start.megabytes is not None]
