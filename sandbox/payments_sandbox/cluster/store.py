"""Owns what a cluster needs from its engine: to store worlds, and to know who owns which.

The owner of a key has an epoch of it, which grows with each owner. An engine accepts writes from
the latest owner alone: if a node was suspended and lost the key meanwhile, its write changes
nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from payments_sandbox.cluster.places import Member
from payments_sandbox.core.instants import Instant


class EngineError(Exception):
    """The engine does not answer, or rejects a call, which may have taken effect all the same."""


class StoredWorld(NamedTuple):
    """A world as it is stored.

    Attributes:
        effects: JSON of its effects, the oldest first; empty for a new key.
        journal: the parts of its journal by name.
    """

    effects: Sequence[bytes]
    journal: Mapping[str, bytes]


class JournalWrite(NamedTuple):
    """A write of a world's journal.

    Attributes:
        name: of the part to store; empty for none.
        part: JSON.
        gone: the names of the parts to delete.
        is_new: whether to delete all parts before this one.
    """

    name: str
    part: bytes
    gone: Sequence[str] = ()
    is_new: bool = False


class WorldWrite(NamedTuple):
    """A write of a world.

    Attributes:
        key: its API key.
        epoch: of the writer.
        position: how many effects come before this one. A write that is repeated changes nothing.
        effect: the effect to append; empty for none.
        is_whole: whether the effect replaces all before it; `position` is 0 then.
        journal: the write of its journal, if any.
        due: the instant of the wall clock when the world next needs attention, if any.
        is_gone: whether to delete the world with everything that is stored, its owner included.
    """

    key: str
    epoch: int
    position: int = 0
    effect: bytes = b""
    is_whole: bool = False
    journal: JournalWrite | None = None
    due: Instant | None = None
    is_gone: bool = False


class WorldWriter(Protocol):
    """Stores what changes in worlds."""

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Write changes of several worlds, each completely or not at all.

        Returns:
            The keys that were refused, for which nothing was stored: another node owns them by now,
            or the engine has something else where the world should be.

        Raises:
            EngineError: it is unknown what was stored; the same writes may be repeated.
        """


class Store(WorldWriter, Protocol):
    """Stores worlds for the owners of their keys."""

    async def read(self, key: str) -> StoredWorld:
        """Read what is stored of a world.

        Raises:
            EngineError: it cannot be read.
            UnreadableWorldError: what is stored is not a valid world.
        """


class Census(NamedTuple):
    """What a node learns when it renews its lease.

    Attributes:
        was_member: whether the previous lease was still running.
        now: the engine's time.
        members: all nodes that have a lease, this one included; the same tuple object as long as
            they do not change.
    """

    was_member: bool
    now: Instant
    members: tuple[Member, ...]


class Claim(NamedTuple):
    """Who owns a key.

    Attributes:
        owner: the name of the node.
        epoch: of its ownership.
        lost: the node whose lease ran out while it owned the key; empty if there is none.
        lease: milliseconds until the owner's lease ends, unless it is renewed.
    """

    owner: str
    epoch: int
    lost: str
    lease: int = 0


class Overdue(NamedTuple):
    """Keys of worlds in which something is overdue.

    Attributes:
        own: keys that the node that asks owns.
        nobodys: keys without a living owner.
    """

    own: Sequence[str]
    nobodys: Sequence[str]


class Registry(Protocol):
    """Knows the living nodes, and which of them owns which key."""

    async def renew(self, member: Member) -> Census:
        """Renew the lease of a member, or begin one."""

    async def unheard(self, since: Instant) -> int:
        """Count the members that have not renewed their leases since, by the engine's time."""

    async def leave(self, name: str) -> None:
        """End a membership, and release all its keys."""

    async def claim(
        self, wanted: Mapping[str, str], claimant: str, refusing: Iterable[str] = ()
    ) -> Sequence[Claim]:
        """Ask who owns keys; those without a living owner get one.

        Args:
            wanted: for each key, who should get it if that is a member.
            claimant: who asks; gets the keys of those that are not.
            refusing: members that refuse connections of the claimant. Those that are not connected
                to the engine either have died, and their leases end.
        """

    async def release(self, key: str, epoch: int) -> None:
        """Release a key if it still has the owner of this epoch."""

    async def owned(self, keys: Sequence[str]) -> Sequence[int]:
        """The epochs of keys; 0 for a key without an owner."""

    async def overdue(self, name: str, now: Instant, most: int, skipped: int = 0) -> Overdue:
        """Keys of worlds in which something is overdue that needs an owner's attention.

        Args:
            name: the node that asks.
            now: what is due by then counts.
            most: how many keys to return of each kind.
            skipped: how many of the keys without an owner to leave to other nodes.
        """
