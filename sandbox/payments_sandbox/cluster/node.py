"""Owns one node of a cluster: which keys it owns, and how their worlds are loaded and moved.

How a request finds the node of its key, and a world its owner:

1. If this node owns a key and has its world in memory, it answers here as long as its lease runs.
   Every other key is asked for (`claim`), once for all requests that wait: the engine says which
   node owns the key. If that node is no longer a member, the key goes to the member that rendezvous
   hashing ranks first for it.
2. A world that is owned here and not in memory is restored from what the engine stores: the first
   effect, the later ones, and the journal. If nothing is stored, the first use makes a new world.
3. A world that has not been used for `COLD` leaves memory, once it is stored. Its key stays owned.
4. Each second a node looks for worlds in which something is overdue that no node has handled. It
   claims them, and each one that it gets continues where it was.
5. A node that leaves announces it first, and takes no more keys. Then it hands its worlds over. It
   answers no call of a world that is being handed over: such calls wait, and go to the next owner.
"""

import asyncio
import contextlib
import logging
from typing import Final, Protocol

from payments_sandbox.cluster.calls_under_way import CallsUnderWay
from payments_sandbox.cluster.keeper import Keeper
from payments_sandbox.cluster.known_places import KnownPlaces
from payments_sandbox.cluster.membership import Membership
from payments_sandbox.cluster.places import (
    Directory,
    Here,
    Member,
    NoOwnerError,
    Place,
    UnreachableError,
    UnreadableWorldError,
)
from payments_sandbox.cluster.runtime import NodeRuntime
from payments_sandbox.cluster.store import (
    Claim,
    EngineError,
    Registry,
    Store,
    WorldWrite,
)
from payments_sandbox.cluster.stored_world import world_of
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import MINUTE
from payments_sandbox.server.background import end
from payments_sandbox.server.slices import pause
from payments_sandbox.server.world_runtime import NotKeptError
from payments_sandbox.world.world import World

ANNOUNCE: Final = 1.5
"""Wall seconds from when a node announces that it leaves until it hands its worlds over. It waits
longer if other nodes have not renewed their leases, and so do not know of it, by then."""

LINGER: Final = 0.5
"""Wall seconds that a node still passes clients on after it has handed its worlds over."""

COLD: Final = MINUTE
"""Wall milliseconds after which an unused world leaves memory."""

LOOK_EVERY: Final = 1.0
"""Wall seconds between two checks for overdue and unused worlds."""

OVERDUE_AT_ONCE: Final = 100
"""Overdue worlds of each kind, a node's own and nobody's, that it handles in one check."""

_CLAIMS: Final = 4
"""How often the owner of a key is asked for, if the owner that was named has just left."""

_LOST: Final = (
    "taken over after node {} was lost; what it answered in its last 100 ms may be missing"
)
_HERE: Final = Here()
_log: Final = logging.getLogger(__name__)


class Engine(Store, Registry, Protocol):
    """Stores worlds, and knows who owns which."""


class ClusterNode(Directory):
    """The keys and worlds of one node.

    Args:
        engine: stores worlds, and knows who owns which.
        runtime: the worlds in memory.
        member: this node.
        longest_wait: wall milliseconds that calls may take to end when the node leaves.
        most: how many worlds stay in memory.

    Attributes:
        calls: the calls of its keys that are under way.
    """

    def __init__(
        self, engine: Engine, runtime: NodeRuntime, member: Member, *, longest_wait: int, most: int
    ) -> None:
        self._engine = engine
        self._runtime = runtime
        self._worlds = runtime.worlds
        self.wall = runtime.worlds.context.wall
        self._longest_wait = longest_wait
        self._most = most
        self._name = member.name
        self._epochs: dict[str, int] = {}
        self._active: set[str] = set()
        self._drawn: set[str] = set()
        self._elsewhere = KnownPlaces()
        self._asking: dict[str, asyncio.Task[Place]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._has_left = False
        self.calls = CallsUnderWay()
        self.keeper = Keeper(engine, self, self.wall)
        self.membership = Membership(engine, member, self._check_owned, self.keeper.fail)

    # The places of keys

    def place_of(self, key: str) -> Place | None:
        """The place of a key, if it is known without I/O; see `Directory`."""
        if key in self._active:
            return _HERE if self.membership.is_running() else None
        return self._elsewhere.get(key, self.membership.others)

    async def claim(self, key: str) -> Place:
        """Ask for the place of a key, and take it if this node should own it; see `Directory`.

        Raises:
            NoOwnerError: no node has it at the moment, or that cannot be found out.
        """
        while (gate := self._gates.get(key)) is not None:
            await gate.wait()
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._find_place(key))
            asking.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(asking)

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Note that a node did not answer: its keys are asked for again; see `Directory`."""
        self._elsewhere.unreachable(node, error)

    @property
    def is_leaving(self) -> bool:
        """Whether this node hands its worlds over."""
        return self.membership.member.is_leaving

    async def _find_place(self, key: str) -> Place:
        try:
            if not self.membership.is_running():
                await self.membership.renew()
            await self.keeper.until_removed(key)
            if self.is_leaving:
                await self._release(key)
            for _ in range(_CLAIMS):
                if key not in self._epochs and (other := await self._owner_to_try(key)):
                    return other
                if key in self._active or await self._activate(key):
                    return _HERE
        except EngineError as error:
            raise NoOwnerError(f"cannot reach the engine of the cluster: {error}") from None
        raise NoOwnerError("the owner of the key keeps changing; try again")

    async def _owner_to_try(self, key: str) -> Member | None:
        """The other node that owns a key; None if this one does, if need be from now on.

        While the owner does not answer, this waits for its lease to end, and does not ask the
        engine. All requests for the key wait here together: otherwise each would connect, parse and
        ask anew.
        """
        while True:
            known = await self._elsewhere.until_worth_a_try(key)
            if known is None or known.name not in self.membership.others:
                known = await self._claim(key)
                if known is not None and self._elsewhere.is_unreachable(known.name):
                    continue
            return known

    async def _claim(self, key: str) -> Member | None:
        """The owner as the engine knows it; a node that leaves gives back a key it is given."""
        own = self._name
        for _ in range(_CLAIMS):
            wanted, refusing = {key: self.membership.first_for(key)}, self._elsewhere.refusing()
            [claim] = await self._engine.claim(wanted, own, refusing)
            if claim.owner != own and claim.owner not in self.membership.others:
                await self.membership.renew()
            if claim.owner == own and self.is_leaving:
                await self._engine.release(key, claim.epoch)
            elif claim.owner == own:
                self._record_claim(key, claim)
                return None
            elif (member := self.membership.others.get(claim.owner)) is not None:
                self._elsewhere.remember(key, member, claim.lease / 1_000)
                return member
        raise NoOwnerError(
            "the owner of the key has just left, and no other node has taken it over"
        )

    def _record_claim(self, key: str, claim: Claim) -> None:
        self._epochs[key] = claim.epoch
        if claim.lost and not self._runtime.waits_for_replies:
            self._worlds.record_loss(key, _LOST.format(claim.lost))

    async def _release(self, key: str) -> None:
        """Release a key of this node whose world is no longer here."""
        if (epoch := self._epochs.pop(key, None)) is not None:
            await self._engine.release(key, epoch)

    # Worlds

    async def _activate(self, key: str) -> bool:
        """Restore the world of an owned key; False if the key was lost meanwhile."""
        epoch = self._epochs[key]
        stored = await self._engine.read(key)
        world = await world_of(self._runtime, key, stored) if stored.effects else None
        if self._epochs.get(key) != epoch:
            return False
        self._active.add(key)
        self._elsewhere.forget(key)
        if world is not None:
            self.keeper.adopt(world, epoch, stored)
            self._worlds.put(world)
            self._runtime.changed(world)
        return True

    async def look_after(self) -> None:
        """Take care of overdue worlds, and unload unused ones, until cancelled."""
        while True:
            await pause(LOOK_EVERY)
            try:
                await self._take_overdue()
                await self._unload_unused()
            except (EngineError, NoOwnerError, NotKeptError) as error:
                _log.warning("cannot take over overdue worlds, or unload unused ones: %s", error)

    async def _take_overdue(self) -> None:
        most, first_for = OVERDUE_AT_ONCE, self.membership.first_for
        skipped = most * self.membership.place
        overdue = await self._engine.overdue(self._name, self.wall(), most, skipped)
        if overdue.nobodys and not self.is_leaving:
            # Each node assigns a different part of them to the nodes that should own them; those
            # then find them among their own.
            wanted = {key: first_for(key) for key in overdue.nobodys}
            await self._engine.claim(wanted, self._name)
        for key in overdue.own:
            if key in self._active or self.is_leaving:
                continue
            try:
                place = await self.claim(key)
            except UnreadableWorldError as error:
                _log.warning("%s", error)
                place = _HERE  # so that it is no longer reported as overdue
            epoch = self._epochs.get(key)
            if place == _HERE and epoch is not None and self._worlds.get(key) is None:
                await self._engine.write([WorldWrite(key, epoch)])  # nothing is due

    async def _unload_unused(self) -> None:
        idle = [each for each in self._worlds if self._is_unused(each)]
        oldest = self.wall() - COLD
        over = len(self._worlds) - self._most
        for place, world in enumerate(idle):  # the longest unused first
            if world.used_at > oldest and place >= over:
                break
            await self.keeper.until_written(world)
            if self._is_unused(world) and not self.keeper.is_behind(world):
                self._unload(world)

    def _is_unused(self, world: World) -> bool:
        is_used = world.config.api_key in self.calls or self._runtime.dispatcher.is_busy(world)
        return world in self._worlds and not is_used

    def _unload(self, world: World) -> None:
        """Drop a world that is stored, or belongs to another node, from memory."""
        self._active.discard(world.config.api_key)
        self._worlds.release(world)
        self._runtime.let_go(world)
        self.keeper.forget(world)

    # Ownership

    def owns(self, api_key: str) -> bool:
        """Whether this node may make the world of a key; see `Ownership`."""
        return api_key in self._active or api_key in self._drawn

    def accept_drawn(self, api_key: str) -> bool:
        """Take a newly drawn key, which no other node draws; see `Ownership`."""
        self._drawn.add(api_key)
        return True

    def made(self, api_key: str) -> None:
        """Do nothing when a key gets a world; see `Ownership`."""

    def dropped(self, api_key: str) -> None:
        """Remove the world of a key; see `Ownership`. The home world is made again at once."""
        if api_key != DEFAULT_API_KEY:
            self._active.discard(api_key)
            self.keeper.remove(api_key, self._epochs.pop(api_key))

    async def keep_drawn(self) -> None:
        """Claim the keys that were drawn, and store their worlds: other nodes may get their calls.

        Raises:
            NotKeptError: the engine is away for too long.
        """
        for key in list(self._drawn):
            await self.epoch_of(key)
            world = self._worlds.get_or_create(key)
            self.keeper.mark(world)
            await self.keeper.until_written(world)

    async def epoch_of(self, key: str) -> int:
        """The epoch of a key that is owned here.

        Raises:
            NotKeptError: another node owns it, or that cannot be found out.
        """
        if key in self._drawn:
            try:
                [claim] = await self._engine.claim({key: self._name}, self._name)
            except EngineError as error:
                raise NotKeptError(str(error)) from None
            self._drawn.discard(key)
            if claim.owner == self._name:
                self._epochs[key] = claim.epoch
                self._active.add(key)
        if key not in self._epochs:
            raise NotKeptError(f"the world of {key} belongs to another node")
        return self._epochs[key]

    def give_up(self, world: World) -> None:
        """Forget a world that another node owns by now."""
        key = world.config.api_key
        self.keeper.forget(world)
        self._runtime.dispatcher.forget(world)
        if world in self._worlds:  # otherwise the key is ours again, with another world
            _log.warning("the world of %s now belongs to another node, and is given up here", key)
            self._epochs.pop(key, None)
            self._unload(world)

    async def _check_owned(self) -> None:
        """Give up the worlds that other nodes took after the lease had run out."""
        keys = list(self._epochs)
        for key, epoch in zip(keys, await self._engine.owned(keys), strict=True):
            if self._epochs.get(key) != epoch:
                self._epochs.pop(key, None)
                self._active.discard(key)
                if (world := self._worlds.get(key)) is not None:
                    self.give_up(world)

    # The end

    async def leave(self) -> None:
        """Hand all worlds over, and end the membership."""
        try:
            announced = await self.membership.announce_leaving()
            has_others = len(self.membership.others) > 1
            if has_others:
                await pause(ANNOUNCE)
                await self.membership.until_heard(announced)
            await asyncio.gather(*self._asking.values(), return_exceptions=True)
            while worlds := list(self._worlds):
                await asyncio.gather(*map(self._hand_over, worlds))
            self._active.clear()
            await self.keeper.finish()
            await self.membership.leave()
            self._has_left = True
            if has_others:
                await pause(LINGER)
        except (EngineError, NotKeptError) as error:
            _log.warning("not all worlds were handed over: %s", error)

    async def close(self) -> None:
        """Stop asking the engine."""
        await end(*self._asking.values())
        await self.membership.close()
        if self._has_left:
            # A renewal since then has made it a member again: the next node that leaves would wait
            # for it.
            with contextlib.suppress(EngineError):
                await self.membership.leave()

    async def _hand_over(self, world: World) -> None:
        """Wait for the calls of a world to end, write it, and release its key."""
        key = world.config.api_key
        gate = self._gates[key] = asyncio.Event()
        self._active.discard(key)
        self._runtime.notifier.close(world)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._longest_wait / 1_000):
                    await self.calls.until_ended(key)
            self._runtime.let_go(world)
            await self._runtime.dispatcher.let_go(world)
            self.keeper.mark(world)
            await self.keeper.until_written(world)
            self._unload(world)
            await self._release(key)
        finally:
            del self._gates[key]
            gate.set()
