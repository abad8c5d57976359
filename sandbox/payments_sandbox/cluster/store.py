"""Owns what a cluster wants of the engine behind it: where worlds are kept, and who owns which.

Whoever owns a key has an epoch of it, which grows with each owner. An engine takes a write from the
last owner alone: one that slept meanwhile is refused, and changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from payments_sandbox.cluster.places import Member
from payments_sandbox.core.instants import Instant


class EngineError(Exception):
    """The engine does not answer, or refuses; what was asked may have happened all the same."""


class NoQuestionError(Exception):
    """What has come by the engine is no question of a node of this version; the text says what."""


class StoredWorld(NamedTuple):
    """A world as a store has it.

    Attributes:
        effects: JSON of effects, the oldest first, as they were written; none of a new key.
        journal: the parts of its journal, by their names.
    """

    effects: Sequence[bytes]
    journal: Mapping[str, bytes]


class JournalWrite(NamedTuple):
    """What is to be kept of the journal of a world.

    Attributes:
        name: of the part that is kept; empty where none is.
        part: JSON.
        gone: the names of parts that are forgotten.
        is_new: whether all parts before this one are.
    """

    name: str
    part: bytes
    gone: Sequence[str] = ()
    is_new: bool = False


class WorldWrite(NamedTuple):
    """What is to be kept of a world.

    Attributes:
        key: its API key.
        epoch: of who writes.
        position: how many effects it has before this one. A write that comes twice changes nothing.
        effect: what is kept behind them; empty where nothing is.
        is_whole: whether the effect takes the place of all before it; `position` is 0 then.
        journal: what is kept of its journal, if anything is.
        due: the wall's instant when something falls due in it that somebody has to see to, if any.
        is_gone: whether the world is forgotten with all that it had, its owner too.
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
    """Keeps what changes in worlds."""

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Keep what is written of several worlds, each wholly or not at all.

        Returns:
            The keys whose owner is another one by now: nothing of theirs was kept. So are those
            of which the engine has what is no part of a world.

        Raises:
            EngineError: it is not known what was kept; the same may be written again.
        """


class Store(WorldWriter, Protocol):
    """Keeps worlds for the owners of their keys."""

    async def read(self, key: str) -> StoredWorld:
        """What is kept of a world.

        Raises:
            EngineError: it cannot be asked for.
            UnreadableWorldError: what is kept is no world.
        """


class Census(NamedTuple):
    """What a node is told when it renews its lease.

    Attributes:
        was_member: whether the lease before was still running.
        now: the engine's time.
        members: those that have a lease, this one among them; the same tuple as long as they are
            the same.
    """

    was_member: bool
    now: Instant
    members: tuple[Member, ...]


class Claim(NamedTuple):
    """Who owns a key.

    Attributes:
        owner: the name of the node.
        epoch: of its ownership.
        lost: the node whose lease ran out while it owned the key, if one's did; else empty.
        lease: milliseconds that the lease of the owner goes on, if it is not renewed.
    """

    owner: str
    epoch: int
    lost: str
    lease: int = 0


class Overdue(NamedTuple):
    """Keys of worlds in which something has fallen due.

    Attributes:
        own: those that belong to the node that asks.
        nobodys: those without an owner that lives.
    """

    own: Sequence[str]
    nobodys: Sequence[str]


class Registry(Protocol):
    """Knows the nodes that live, and which of them owns which key."""

    async def renew(self, member: Member) -> Census:
        """Be a member for the time of another lease."""

    async def unheard(self, since: Instant) -> int:
        """How many members have not renewed their leases since, by the engine's time."""

    async def leave(self, name: str) -> None:
        """Be a member no more, and own nothing."""

    async def claim(
        self, wanted: Mapping[str, str], claimant: str, refusing: Iterable[str] = ()
    ) -> Sequence[Claim]:
        """Ask who owns keys; those without an owner that lives get one.

        Args:
            wanted: by each key who gets it, if that is a member.
            claimant: who asks, and gets the others.
            refusing: members that refuse its connections: of those, the ones that have none to the
                engine have died, and their leases are at an end.
        """

    async def release(self, key: str, epoch: int) -> None:
        """Let a key have no owner, if it still has the owner of this epoch."""

    async def owned(self, keys: Sequence[str]) -> Sequence[int]:
        """The epochs of keys, 0 where one has no owner."""

    async def overdue(self, name: str, now: Instant, most: int, skipped: int = 0) -> Overdue:
        """Keys of worlds in which something has fallen due that somebody has to see to.

        Args:
            name: the node that asks.
            now: what is due by then.
            most: how many are wanted, of either kind.
            skipped: how many of those that are nobody's are for others to see to.
        """
