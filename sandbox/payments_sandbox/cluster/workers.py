"""Owns which worker of one machine owns which key: a pure function, so that nobody has to ask.

It is rendezvous hashing: each worker has a hash for the key, and the highest one wins. If a worker
is added or removed, the keys of all others stay where they are.
"""

from hashlib import blake2b
from typing import Final

from payments_sandbox.cluster.places import Here, Member, Place, Sibling, UnreachableError

_KNOWN_AT_MOST: Final = 10_000


def owner_of(key: str, workers: int) -> int:
    """The index of the worker that owns a key; the same in every process and at every start."""
    text = key.encode()
    return max(range(workers), key=lambda index: _weight(text, index))


def _weight(key: bytes, index: int) -> bytes:
    return blake2b(key, digest_size=8, salt=index.to_bytes(8, "big")).digest()


class WorkerDirectory:
    """The places of keys as one worker sees them.

    Args:
        own: the index of this worker.
        workers: how many there are.
    """

    def __init__(self, own: int, workers: int) -> None:
        self._own = own
        self._workers = workers
        self._known: dict[str, Place] = {}

    def place_of(self, key: str) -> Place:
        """The place of a key."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()  # bounds the memory; a forgotten key costs one hash
            found = self._known[key] = self._place(owner_of(key, self._workers))
        return found

    async def claim(self, key: str) -> Place:
        """The place of a key: each key has one, so there is nothing to ask."""
        return self.place_of(key)

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Do nothing: workers have no nodes."""

    def _place(self, index: int) -> Place:
        return Here() if index == self._own else Sibling(index)
