"""Owns one node of a cluster: which keys are its own, and how their worlds come, rest and go.

How a key finds its node, and a world its way:

1. A key that is owned here, with its world in memory, is answered here as long as the lease runs.
   All else is asked for (`claim`), once for all who wait: the engine says who owns the key, and
   gives one that has no living owner to the member that rendezvous hashing has first for it.
2. What is owned here and not in memory is made of what is kept of it: the first effect, those
   behind it, and the journal. A key of which nothing is kept gets a new world from whoever uses it.
3. A world that nobody has used for `COLD` leaves memory, once it is kept. It stays owned.
4. Each second a node looks which worlds are overdue: something has fallen due in them, and nobody
   has seen to it. It claims those, and one that it gets goes on where it was.
5. A node that leaves says so first, and takes no more keys. Then it gives its worlds away, and
   answers no call of a world that is on its way: who asks waits, and is led to the next owner.
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
"""Wall seconds from when a node says that it leaves until it gives its worlds away, if others have
renewed their leases by then, and were told; on a busy machine it is longer."""

LINGER: Final = 0.5
"""Wall seconds that it still leads clients to the others when it has given its worlds away."""

COLD: Final = MINUTE
"""Wall milliseconds after which a world that nobody uses leaves memory."""

LOOK_EVERY: Final = 1.0
OVERDUE_AT_ONCE: Final = 100

_CLAIMS: Final = 4
"""How often it is asked who owns a key, where who was named has just left."""

_LOST: Final = (
    "taken over after node {} was lost; what was answered in its last 100 ms may be missing"
)
_HERE: Final = Here()
_log: Final = logging.getLogger(__name__)


class Engine(Store, Registry, Protocol):
    """Keeps worlds, and knows who owns which."""


class ClusterNode(Directory):
    """The keys and worlds of one node.

    Args:
        engine: keeps worlds, and knows who owns which.
        runtime: the worlds in memory.
        member: this node.
        longest_wait: wall milliseconds that calls have to end when the node leaves.
        most: how many worlds stay in memory.

    Attributes:
        calls: those of its keys that are under way.
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
        """The place of a key, as far as it is known without I/O; see `Directory`."""
        if key in self._active:
            return _HERE if self.membership.is_running() else None
        return self._elsewhere.get(key, self.membership.others)

    async def claim(self, key: str) -> Place:
        """Ask for the place of a key, and take one that this node should have; see `Directory`.

        Raises:
            NoOwnerError: nobody has it at the moment, or it cannot be found out.
        """
        while (gate := self._gates.get(key)) is not None:
            await gate.wait()
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key))
            asking.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(asking)

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Nobody has answered at a node: ask for the owners of its keys again; see `Directory`."""
        self._elsewhere.unreachable(node, error)

    @property
    def is_leaving(self) -> bool:
        """Whether this node gives its worlds away."""
        return self.membership.member.is_leaving

    async def _ask(self, key: str) -> Place:
        try:
            if not self.membership.is_running():
                await self.membership.renew()
            await self.keeper.until_removed(key)
            if self.is_leaving:
                await self._disown(key)
            for _ in range(_CLAIMS):
                if key not in self._epochs and (other := await self._owner_to_try(key)):
                    return other
                if key in self._active or await self._activate(key):
                    return _HERE
        except EngineError as error:
            raise NoOwnerError(f"the engine of the cluster cannot be asked: {error}") from None
        raise NoOwnerError("the key changes hands again and again; try again")

    async def _owner_to_try(self, key: str) -> Member | None:
        """The other node that owns a key; None where this one does, from now on if need be.

        As long as nobody answers at the owner, its lease is waited for, and the engine not asked.
        All who want the key wait here together: each of them would connect, parse and ask anew.
        """
        while True:
            known = await self._elsewhere.until_worth_a_try(key)
            if known is None or known.name not in self.membership.others:
                known = await self._claim(key)
                if known is not None and self._elsewhere.is_unreachable(known.name):
                    continue
            return known

    async def _claim(self, key: str) -> Member | None:
        """The same, as the engine has it. A node that leaves takes no key, whoever wants it to."""
        own = self._name
        for _ in range(_CLAIMS):
            wanted, refusing = {key: self.membership.first_for(key)}, self._elsewhere.refusing()
            [claim] = await self._engine.claim(wanted, own, refusing)
            if claim.owner != own and claim.owner not in self.membership.others:
                await self.membership.renew()
            if claim.owner == own and self.is_leaving:
                await self._engine.release(key, claim.epoch)
            elif claim.owner == own:
                self._take(key, claim)
                return None
            elif (member := self.membership.others.get(claim.owner)) is not None:
                self._elsewhere.remember(key, member, claim.lease / 1_000)
                return member
        raise NoOwnerError("the owner of the key has just left, and no other node takes it")

    def _take(self, key: str, claim: Claim) -> None:
        self._epochs[key] = claim.epoch
        if claim.lost and not self._runtime.waits_for_replies:
            self._worlds.lose(key, _LOST.format(claim.lost))

    async def _disown(self, key: str) -> None:
        """Let a key have no owner that was this node's, and whose world is not here any more."""
        if (epoch := self._epochs.pop(key, None)) is not None:
            await self._engine.release(key, epoch)

    # Worlds

    async def _activate(self, key: str) -> bool:
        """Make the world of an owned key of what is kept; False if the key was lost meanwhile."""
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
        """See to what is overdue, and let what nobody uses leave memory, until it is cancelled."""
        while True:
            await pause(LOOK_EVERY)
            try:
                await self._take_overdue()
                await self._let_rest()
            except (EngineError, NoOwnerError, NotKeptError) as error:
                _log.warning("not all worlds could be looked after: %s", error)

    async def _take_overdue(self) -> None:
        most, first_for = OVERDUE_AT_ONCE, self.membership.first_for
        skipped = most * self.membership.place
        overdue = await self._engine.overdue(self._name, self.wall(), most, skipped)
        if overdue.nobodys and not self.is_leaving:
            # Each node gives others of them to who should have them, who finds them among its own.
            wanted = {key: first_for(key) for key in overdue.nobodys}
            await self._engine.claim(wanted, self._name)
        for key in overdue.own:
            if key in self._active or self.is_leaving:
                continue
            try:
                place = await self.claim(key)
            except UnreadableWorldError as error:
                _log.warning("%s", error)
                place = _HERE  # and it is not asked for again
            epoch = self._epochs.get(key)
            if place == _HERE and epoch is not None and self._worlds.get(key) is None:
                await self._engine.write([WorldWrite(key, epoch)])  # nothing is due

    async def _let_rest(self) -> None:
        idle = [each for each in self._worlds if self._is_at_rest(each)]
        oldest = self.wall() - COLD
        over = len(self._worlds) - self._most
        for place, world in enumerate(idle):  # the longest unused first
            if world.used_at > oldest and place >= over:
                break
            await self.keeper.kept(world)
            if self._is_at_rest(world) and not self.keeper.is_behind(world):
                self._forget(world)

    def _is_at_rest(self, world: World) -> bool:
        is_used = world.config.api_key in self.calls or self._runtime.dispatcher.is_busy(world)
        return world in self._worlds and not is_used

    def _forget(self, world: World) -> None:
        """Forget a world that is kept, or is another node's."""
        self._active.discard(world.config.api_key)
        self._worlds.let_go(world)
        self._runtime.let_go(world)
        self.keeper.forget(world)

    # Ownership

    def owns(self, api_key: str) -> bool:
        """Whether the world of a key is made here; see `Ownership`."""
        return api_key in self._active or api_key in self._drawn

    def draws(self, api_key: str) -> bool:
        """Whether a key that was drawn is this node's: nobody else draws it; see `Ownership`."""
        self._drawn.add(api_key)
        return True

    def made(self, api_key: str) -> None:
        """A key has a world now; see `Ownership`."""

    def dropped(self, api_key: str) -> None:
        """A key has no world any more; see `Ownership`. The home world is made anew at once."""
        if api_key != DEFAULT_API_KEY:
            self._active.discard(api_key)
            self.keeper.remove(api_key, self._epochs.pop(api_key))

    async def keep_drawn(self) -> None:
        """Own the keys that were drawn, and keep their worlds: other nodes may be asked for them.

        Raises:
            NotKeptError: the engine is away for too long.
        """
        for key in list(self._drawn):
            await self.epoch_of(key)
            world = self._worlds.get_or_create(key)
            self.keeper.mark(world)
            await self.keeper.kept(world)

    async def epoch_of(self, key: str) -> int:
        """The epoch of a key that is owned here.

        Raises:
            NotKeptError: it is another node's, or that cannot be found out.
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
            raise NotKeptError(f"the world of {key} is another node's")
        return self._epochs[key]

    def give_up(self, world: World) -> None:
        """Forget a world that is another node's by now."""
        key = world.config.api_key
        self.keeper.forget(world)
        self._runtime.dispatcher.forget(world)
        if world in self._worlds:  # else the key is ours again by now, with another world
            _log.warning("the world of %s is another node's by now: it is given up here", key)
            self._epochs.pop(key, None)
            self._forget(world)

    async def _check_owned(self) -> None:
        """Give up the worlds that another node has taken while the lease had run out."""
        keys = list(self._epochs)
        for key, epoch in zip(keys, await self._engine.owned(keys), strict=True):
            if self._epochs.get(key) != epoch:
                self._epochs.pop(key, None)
                self._active.discard(key)
                if (world := self._worlds.get(key)) is not None:
                    self.give_up(world)

    # The end

    async def leave(self) -> None:
        """Give all worlds away, and be a member no more."""
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
        """Ask nothing any more."""
        await end(*self._asking.values())
        await self.membership.close()
        if self._has_left:
            # Each renewal since has made it a member again, for which the next to leave would wait.
            with contextlib.suppress(EngineError):
                await self.membership.leave()

    async def _hand_over(self, world: World) -> None:
        """Let the calls of a world end, write it, and let its key have no owner."""
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
            await self.keeper.kept(world)
            self._forget(world)
            await self._disown(key)
        finally:
            del self._gates[key]
            gate.set()
