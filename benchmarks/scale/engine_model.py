"""Owns an engine in memory: it decides as Redis does, and models the time of its single core.

Its decisions are those of the scripts in `cluster/redis_scripts.py`. Calls queue for the core. As
with Redis, a call that would be answered after the client's timeout is an error, and the engine
still executes it when its turn comes.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import starmap
from typing import Final, TypeVar

from benchmarks.scale.engine_costs import EngineCosts
from payments_sandbox.cluster.membership import LEASE
from payments_sandbox.cluster.places import Member
from payments_sandbox.cluster.redis_engine import RENEWED_WITHIN, TIMEOUT
from payments_sandbox.cluster.store import (
    Census,
    Claim,
    EngineError,
    Overdue,
    StoredWorld,
    WorldWrite,
)
from payments_sandbox.core.instants import Instant

T = TypeVar("T")
BEGIN: Final = 1_900_000_000_000
"""The wall clock's instant at which a simulation begins."""


def wall() -> Instant:
    """The time of the simulation, which engine and nodes share."""
    return Instant(BEGIN + round(asyncio.get_running_loop().time() * 1_000))


class ModelEngine:
    """A store and a registry.

    Args:
        costs: of its calls.
        elsewhere: the share of its core that is taken by calls that are not simulated.

    Attributes:
        spent: microseconds of the core, by the second in which the calls were made.
        late: for each world in which something was due, the milliseconds until it was handled.
    """

    def __init__(self, costs: EngineCosts, elsewhere: float = 0.0) -> None:
        self._costs = costs
        self._stretch = 1 / (1 - elsewhere)
        self._free_at = 0.0
        self._ends: dict[str, int] = {}
        self._members: dict[str, Member] = {}
        self._changes = 0
        self._told: tuple[tuple[int, int], tuple[Member, ...]] = (-1, -1), ()
        self._owners: dict[str, Claim] = {}
        self._epoch = 0
        self._due: defaultdict[str, dict[str, Instant]] = defaultdict(dict)
        self.spent: Counter[int] = Counter()
        self.late: list[int] = []

    async def renew(self, member: Member) -> Census:
        """Renew the lease of a member; see `Registry`."""
        return await self._do(
            self._costs.renewal, lambda: self._renew(member), within=RENEWED_WITHIN
        )

    async def unheard(self, since: Instant) -> int:
        """Count the members that have not renewed their leases since; see `Registry`."""
        return await self._do(self._costs.look, lambda: self._unheard(since))

    async def leave(self, name: str) -> None:
        """End a membership, and release all its keys; see `Registry`."""
        await self._do(self._costs.claim, lambda: self._leave(name))

    async def claim(
        self,
        wanted: Mapping[str, str],
        claimant: str,
        refusing: Iterable[str] = (),  # noqa: ARG002 - lost machines here do not answer at all
    ) -> Sequence[Claim]:
        """Ask who owns keys, and give an owner to those without one; see `Registry`."""
        cost = self._costs.claim * len(wanted)
        decide = partial(self._claim, claimant=claimant)
        return await self._do(cost, lambda: list(starmap(decide, wanted.items())))

    async def release(self, key: str, epoch: int) -> None:
        """Release a key if it still has the owner of this epoch; see `Registry`."""
        await self._do(self._costs.claim, lambda: self._release(key, epoch))

    async def owned(self, keys: Sequence[str]) -> Sequence[int]:
        """The epochs of keys; 0 for a key without an owner; see `Registry`."""
        cost = self._costs.claim * len(keys)
        return await self._do(cost, lambda: [self._epoch_of(key) for key in keys])

    async def overdue(self, name: str, now: Instant, most: int, skipped: int = 0) -> Overdue:
        """Keys of worlds in which something is overdue; see `Registry`."""
        return await self._do(self._costs.look, lambda: self._overdue(name, now, most, skipped))

    async def read(self, key: str) -> StoredWorld:  # noqa: ARG002 - all worlds are alike
        """Spend the time of reading a world, and return an empty one: no world is made here."""
        return await self._do(self._costs.read, lambda: StoredWorld([], {}))

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Spend the time of storing changes of worlds, and store only when something is due."""
        return await self._do(self._costs.change * len(writes), lambda: self._write(writes))

    def give(self, key: str, owner: str, due: Instant | None = None) -> None:
        """Let a node own a key since before the simulation."""
        self._epoch += 1
        self._owners[key] = Claim(owner, self._epoch, "")
        if due is not None:
            self._due[owner][key] = due

    async def _do(
        self, microseconds: float, decide: Callable[[], T], *, within: float = TIMEOUT
    ) -> T:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.spent[int(now)] += round(microseconds)
        self._free_at = max(self._free_at, now) + microseconds * self._stretch / 1e6
        wait = self._free_at - now
        if wait <= within:
            await asyncio.sleep(wait)
            return decide()
        loop.call_at(self._free_at, decide)
        await asyncio.sleep(within)
        raise EngineError("Timeout reading from the model")

    def _lives(self, name: str) -> bool:
        return self._ends.get(name, 0) > wall()

    def _renew(self, member: Member) -> Census:
        was_member = self._lives(member.name)
        self._changes += not was_member or self._members.get(member.name) != member
        now = wall()
        self._ends[member.name] = now + LEASE
        self._members[member.name] = member
        lost = (name for name, end in self._ends.items() if end <= now and self._due.get(name))
        if (first := next(lost, None)) is not None:
            self._due[""] |= self._due.pop(first)
        living = sum(end > now for end in self._ends.values())
        if self._told[0] != (state := (self._changes, living)):
            members = (each for each in self._members.values() if self._lives(each.name))
            self._told = state, tuple(members)
        return Census(was_member, now, self._told[1])

    def _unheard(self, since: Instant) -> int:
        return sum(wall() < end < since + LEASE for end in self._ends.values())

    def _leave(self, name: str) -> None:
        self._ends.pop(name, None)
        self._members.pop(name, None)
        self._due[""] |= self._due.pop(name, {})

    def _claim(self, key: str, candidate: str, claimant: str) -> Claim:
        found = self._owners.get(key, Claim("", 0, ""))
        if not self._lives(found.owner):
            owner = candidate if self._lives(candidate) else claimant
            for place in (found.owner, ""):
                self._move_due(key, place, owner)
            self._epoch += 1
            lost = found.owner if found.owner in self._ends else found.lost
            found = self._owners[key] = Claim(owner, self._epoch, lost)
        return found._replace(lease=self._ends.get(found.owner, 0) - wall())

    def _release(self, key: str, epoch: int) -> None:
        if self._owns(key, epoch):
            self._move_due(key, self._owners[key].owner, "")
            self._owners[key] = Claim("", 0, self._owners[key].lost)

    def _owns(self, key: str, epoch: int) -> bool:
        return epoch > 0 and self._epoch_of(key) == epoch

    def _epoch_of(self, key: str) -> int:
        return self._owners.get(key, Claim("", 0, "")).epoch

    def _move_due(self, key: str, place: str, to: str) -> None:
        if (due := self._due[place].pop(key, None)) is not None:
            self._due[to][key] = due

    def _overdue(self, name: str, now: Instant, most: int, skipped: int) -> Overdue:
        own = self._due_of(name, now)[:most]
        for key in self._due_of("", now):  # of a node that had left, and is back
            if self._lives(owner := self._owners[key].owner):
                self._move_due(key, "", owner)
        return Overdue(own, self._due_of("", now)[skipped : skipped + most])

    def _due_of(self, place: str, now: Instant) -> list[str]:
        found = self._due.get(place, {})
        return sorted((key for key, due in found.items() if due <= now), key=found.__getitem__)

    def _write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        refused = {each.key for each in writes if not self._owns(each.key, each.epoch)}
        for each in writes:
            if each.key not in refused:
                all_due = self._due[self._owners[each.key].owner]
                if (due := all_due.pop(each.key, None)) is not None:
                    self.late.append(wall() - due)
                if each.due is not None:
                    all_due[each.key] = each.due
        return frozenset(refused)
