"""Owns counters: by name, bounded, the longest unused one forgotten first."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

COUNTERS_KEPT: Final = 10_000
"""Counters of one world; beyond it the longest unused one starts again."""


class Counters:
    """How often each of many things has happened."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def bump(self, name: str) -> int:
        """Count one more; returns how many there were before."""
        count = self._counts.pop(name, 0)
        self._counts[name] = count + 1
        if len(self._counts) > COUNTERS_KEPT:
            self._counts.popitem(last=False)
        return count

    def of(self, name: str) -> int:
        """How many there were; to ask is no use of it."""
        return self._counts.get(name, 0)

    def clear(self) -> None:
        """Start again."""
        self._counts.clear()

    def forget(self, start: str) -> None:
        """Start those again whose name begins so."""
        for name in [name for name in self._counts if name.startswith(start)]:
            del self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """Every counter, the longest unused one first."""
        return dict(self._counts)

    def restore(self, counts: Mapping[str, int]) -> None:
        """Take over a snapshot."""
        self._counts = OrderedDict((name, int(count)) for name, count in counts.items())
