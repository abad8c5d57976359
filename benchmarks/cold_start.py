"""Owns the section on starting and idling: ours beside a hello world of aiohttp, in turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.machine import Cores, resident_bytes
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_most, number
from benchmarks.servers import Loop, bare_command, loops, running, sandbox_command
from benchmarks.traffic import answer, raw

START: Final = at_most(1.05)
MEMORY: Final = at_most(1.25)
_LIVE: Final = raw("GET", "/_sandbox/live")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: how long until the first 200, and what was resident then."""

    ms: float
    megabytes: float | None


def measure_cold_start(plan: Plan, cores: Cores) -> list[Table]:
    """A table for each event loop."""
    return [_on(loop, plan, cores) for loop in loops()]


def _on(loop: Loop, plan: Plan, cores: Cores) -> Table:
    ours: list[Start] = []
    bare: list[Start] = []
    for _ in range(plan.starts + 1):
        ours.append(_start(sandbox_command(loop), cores))
        bare.append(_start(bare_command(loop), cores))
    times = [[start.ms for start in starts[1:]] for starts in (ours, bare)]
    memory = [
        [start.megabytes for start in starts[1:] if start.megabytes is not None]
        for starts in (ours, bare)
    ]
    rows = [Row("spawn to first 200", _ratios(times), "×", START, _detail(times, "ms"))]
    if all(memory):
        rows.append(Row("RSS idle", _ratios(memory), "×", MEMORY, _detail(memory, "MB")))
    return Table(f"Cold start, ours to an aiohttp hello world, both on {loop}", rows)


def _start(command: Sequence[str], cores: Cores) -> Start:
    started = perf_counter()
    with running(command, cores) as server:
        status, body = answer(server.port, _LIVE)
        took = perf_counter() - started
        assert status == 200, body
        resident = resident_bytes(server.pid)
        return Start(took * 1e3, None if resident is None else resident / 1e6)


def _ratios(both: Sequence[Sequence[float]]) -> list[float]:
    return [ours / bare for ours, bare in zip(*both, strict=True)]


def _detail(both: Sequence[Sequence[float]], unit: str) -> str:
    return " ÷ ".join(f"{number(median(values))} {unit}" for values in both)
