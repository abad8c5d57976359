"""Owns the section on workers: what a create costs with several, and passing a connection on."""

from collections.abc import Sequence
from itertools import count
from statistics import median
from typing import Final

from benchmarks.machine import Cores, children_of, cpu_seconds
from benchmarks.plan import CONNECTIONS, Plan
from benchmarks.report import Row, Table, at_most
from benchmarks.servers import Server, loops, running, sandbox_command
from benchmarks.traffic import KEY, VARIETY, create
from benchmarks.wire_client import drive_each
from payments_sandbox.cluster.workers import owner_of

WORKERS: Final = 2
_SLICES: Final = 5
COST: Final = at_most(1.15)
PASSING: Final = at_most(0.3)


def measure_workers(plan: Plan, cores: Cores) -> Table:
    """Measure the CPU of all processes per create, and a request that moves its connection."""
    rows: list[Row] = []
    for loop in loops():
        command = sandbox_command(loop)
        several = [*command[:-1], "--workers", str(WORKERS), command[-1]]
        with running(command, cores) as one, running(several, cores) as two:
            ratios = [_cost(two, plan) / _cost(one, plan) for _ in range(plan.rounds)]
            passing = [_passing(two, plan) for _ in range(plan.rounds)]
        latencies, cpu = zip(*passing, strict=True)
        rows += [
            Row(f"CPU of a create to one process, {loop}", ratios, "×", COST),
            Row(f"a connection passed to another worker, {loop}", latencies, "ms", PASSING),
            Row(f"its CPU, {loop}", cpu, "ms"),
        ]
    note = (
        f"{WORKERS} workers; {CONNECTIONS} connections, each with a key of its own, which any of"
        " them has accepted. A request with a key of another worker than the one before moves the"
        " connection: it takes so much longer than one with another key of the same worker."
    )
    return Table("Several workers", rows, [note])


def _cost(server: Server, plan: Plan) -> float:
    """CPU seconds of all processes per create."""
    requests = [_creates(key) for key in _keys(CONNECTIONS)]
    drive_each(server.port, requests, seconds=0.2)  # makes the worlds, which is not measured
    before = _cpu(server)
    latencies, _ = drive_each(server.port, requests, seconds=plan.seconds)
    return (_cpu(server) - before) / len(latencies)


def _passing(server: Server, plan: Plan) -> tuple[float, float]:
    """The additional milliseconds, and CPU milliseconds, of a request that moves its connection."""
    keys = _keys(100)
    here, also_here = [key for key in keys if owner_of(key, WORKERS) == 0][:2]
    there = next(key for key in keys if owner_of(key, WORKERS) == 1)
    moved, stayed = _Requests(here, there), _Requests(here, also_here)
    for _ in range(_SLICES):  # so that other work of the machine affects both alike
        for each in (moved, stayed):
            each.send(server, plan.seconds / 2 / _SLICES)
    return moved.latency - stayed.latency, moved.cpu - stayed.cpu


class _Requests:
    """Requests with two alternating keys, on one connection at a time."""

    def __init__(self, *keys: str) -> None:
        self._requests = [each for pair in zip(*map(_creates, keys), strict=True) for each in pair]
        self._latencies: list[float] = []
        self._cpu = 0.0

    def send(self, server: Server, seconds: float) -> None:
        """Send them for some seconds."""
        before = _cpu(server)
        latencies, _ = drive_each(server.port, [self._requests], seconds=seconds)
        self._cpu += _cpu(server) - before
        self._latencies += latencies

    @property
    def latency(self) -> float:
        """The median of their milliseconds."""
        return median(self._latencies) * 1e3

    @property
    def cpu(self) -> float:
        """The CPU milliseconds per request."""
        return self._cpu / len(self._latencies) * 1e3


def _cpu(server: Server) -> float:
    pids = [server.pid, *children_of(server.pid)]
    return sum(cpu_seconds(each) or 0 for each in pids)


def _creates(key: str) -> Sequence[bytes]:
    return [
        create(f"cust_{number}").replace(KEY.encode(), key.encode()) for number in range(VARIETY)
    ]


def _keys(number: int) -> list[str]:
    """As many keys, all as long as the default one, with the same number for each worker."""
    keys = (f"sk_test_w{each:06}" for each in count())
    owned: list[list[str]] = [[] for _ in range(WORKERS)]
    while min(map(len, owned)) < number // WORKERS:
        key = next(keys)
        owned[owner_of(key, WORKERS)].append(key)
    return [key for each in owned for key in each[: number // WORKERS]]
