"""Owns how the journal of a world is stored: in parts, one for each write.

A part is one text, however many requests have come since the last write: a server that answers
thousands of requests per second has no time to write one text for each. A part is deleted when the
ring buffer of the journal no longer has any of its entries. If an entry had not been answered when
its part was written, a later part has it again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from payments_sandbox.cluster.store import JournalWrite
from payments_sandbox.world.journal import KEPT, Journal, entry_of, entry_rows


class JournalParts:
    """The stored parts of one journal.

    Args:
        names: the names of the parts that are stored already.
    """

    __slots__ = ("_next", "_parts")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._parts = deque(sorted(map(_numbers_in, names)))
        self._next = self._parts[-1][0] + 1 if self._parts else 0

    def taking(self, journal: Journal, *, everything: bool = False) -> JournalWrite | None:
        """Take what has changed in the journal, or `everything`; None if nothing has changed."""
        changes = journal.take_changes(everything=everything)
        if not any(changes):
            return None
        if changes.is_new:
            self._parts.clear()
        gone: list[str] = []
        while self._parts and self._parts[0][1] < journal.count - KEPT:
            gone.append(_name(*self._parts.popleft()))
        if not changes.entries:
            return JournalWrite("", b"", gone, changes.is_new)
        part = self._next, max(each.number for each in changes.entries)
        self._parts.append(part)
        self._next += 1
        rows = orjson.dumps((*entry_rows(changes.entries),))  # orjson takes no named tuples
        return JournalWrite(_name(*part), rows, gone, changes.is_new)


def entries_of(parts: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The entries of a journal in the shape of a snapshot, from all its parts in any order."""
    entries: dict[int, dict[str, Any]] = {}
    for name in sorted(parts, key=_numbers_in):  # a later row replaces earlier ones
        headers, rows = orjson.loads(parts[name])
        entries |= {row[0]: entry_of(row, headers) for row in rows}
    return [entries[number] for number in sorted(entries)[-KEPT:]]


def _name(number: int, last: int) -> str:
    """The name of a part: its number, and the number of its last entry."""
    return f"{number}:{last}"


def _numbers_in(name: str) -> tuple[int, int]:
    number, _, last = name.partition(":")
    return int(number), int(last)
