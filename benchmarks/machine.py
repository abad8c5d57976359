"""Owns what the benchmark needs of the machine: a core for the servers, and the process table."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HAS_AFFINITY: Final = hasattr(os, "sched_setaffinity")


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server that is measured, another for everything else.

    Both are empty if processes cannot be pinned, or if there is only one core.
    """

    server: frozenset[int]
    client: frozenset[int]

    @contextlib.contextmanager
    def for_servers(self) -> Iterator[None]:
        """Pin processes that are started in this block to the server's core."""
        _pin(self.server)
        try:
            yield
        finally:
            _pin(self.client)

    def settle(self) -> None:
        """Move the benchmark itself, and the load that it starts, off the server's core."""
        _pin(self.client)

    def __str__(self) -> str:
        if not self.server:
            return "not pinned"
        return f"server on core {min(self.server)}, load on core {min(self.client)}"


def find_cores() -> Cores:
    """Choose the first core that we may use for servers, and the second for the load."""
    ours = sorted(os.sched_getaffinity(0)) if _HAS_AFFINITY else []
    if len(ours) < 2:
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(ours[:1]), frozenset(ours[1:2]))


def cpu_seconds(pid: int) -> float | None:
    """The CPU seconds of a process so far, in all its threads; None without /proc."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
        if nanoseconds := [int(each.read_text(encoding="utf-8").split()[0]) for each in threads]:
            return sum(nanoseconds) / 1e9
    try:  # less exact, in clock ticks, if the scheduler keeps no statistics
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """The running processes that a process has started; none without /proc."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(FileNotFoundError):
        return [int(each) for each in children.read_text(encoding="ascii").split()]
    return []


def resident_bytes(pid: int) -> int | None:
    """The resident memory of a process; None without /proc."""
    try:
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _pin(cores: Iterable[int]) -> None:
    if _HAS_AFFINITY and cores:
        os.sched_setaffinity(0, cores)
