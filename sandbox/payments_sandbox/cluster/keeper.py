"""Owns when a node writes its changed worlds to the engine: soon after a change, or before a reply.

How it works:

1. Code that changes a world marks it (`mark`). It is written within `BEHIND` seconds, in one write
   with all other worlds that have changed until then.
2. Code that must not go on before the write waits for it (`until_written`): every attempt of a
   webhook, and replies if the cluster is configured so. The write then happens at once, for all
   waiters. Other replies wait as well (`until_written_if_late`) while writes take longer than
   `GIVEN`. So no reply leaves later than `BEHIND` plus `GIVEN` after the first change that may be
   lost.
3. One write is under way at a time; changes made meanwhile go into the next one. So the slower the
   engine is, the more each write contains, and effects are written in order.
4. A write that failed may still have happened. It is repeated until the engine answers; the engine
   applies it once. Waiters get an error when the node's lease ends, or when a reachable engine has
   not accepted the write for as long as a lease lasts, for example since it is full.
5. A world is written whole when its effects have become much longer than the world itself. If the
   world has grown as much as its effects, it is not.
6. If the engine refuses a write, another node owns the world by now: it is given up here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from math import inf
from typing import Final, Protocol

import orjson

from payments_sandbox.cluster.journal_parts import JournalParts
from payments_sandbox.cluster.store import EngineError, StoredWorld, WorldWrite, WorldWriter
from payments_sandbox.core.instants import Instant
from payments_sandbox.server.slices import pause, run_in_slices
from payments_sandbox.server.world_runtime import NotKeptError
from payments_sandbox.world.clock import Mode, WallClock
from payments_sandbox.world.effects import WorldEffects
from payments_sandbox.world.world import World

_log: Final = logging.getLogger(__name__)

BEHIND: Final = 0.04
"""Wall seconds until the write of a change begins, at the latest."""

GIVEN: Final = 0.05
"""Wall seconds that a write may take; together with `BEHIND` that is less than 100 ms."""

AGAIN: Final = 0.1
"""Wall seconds between two attempts to reach the engine."""

PATIENCE: Final = 3.0
"""Wall seconds of failed attempts after which waiters get an error: as long as a lease."""

MOST_EFFECTS: Final = 1_000
"""After this many effects a world is written whole, once they are longer than the first one."""

TIMES: Final = 8
"""A world is written whole when its later effects are this many times as long as the first one."""

PAYMENT: Final = 150
"""Estimated bytes of a payment and its event in a world that is written whole."""

SMALL: Final = 16 * 1024
"""Fewer bytes of effects than this never cause a world to be written whole."""

_NEVER: Final = inf
_NOTHING: Final = StoredWorld((), {})


class Owner(Protocol):
    """Knows which keys a node owns."""

    async def epoch_of(self, key: str) -> int:
        """The epoch of a key that is owned here.

        Raises:
            NotKeptError: another node owns it.
        """

    def give_up(self, world: World) -> None:
        """Give up a world that another node owns by now."""


class _Progress:
    """How much of a world is stored in the engine.

    Attributes:
        effects: what has changed in the world since the last write.
        journal: the parts of its journal that the engine has.
        epoch: of its key.
        position: how many effects of the world the engine has.
        whole, tail: bytes of the first effect, and of all later ones.
        payments: how many payments the world had when it was last written whole.
    """

    __slots__ = ("effects", "epoch", "journal", "payments", "position", "tail", "whole")

    def __init__(self, world: World, epoch: int, stored: StoredWorld = _NOTHING) -> None:
        self.effects = WorldEffects(world, is_kept=bool(stored.effects))
        self.epoch = epoch
        self.journal = JournalParts(stored.journal)
        self.position = len(stored.effects)
        sizes = [len(each) for each in stored.effects]
        self.whole, self.tail = sum(sizes[:1]), sum(sizes[1:])
        self.payments = len(world.ledger.payments)

    def is_whole_next(self, world: World) -> bool:
        """Whether the next write is the whole world."""
        has_many = self.position >= MOST_EFFECTS and self.tail > self.whole
        grown = PAYMENT * max(0, len(world.ledger.payments) - self.payments)
        too_long = self.tail > max(SMALL, TIMES * (self.whole + grown))
        return self.position == 0 or has_many or too_long

    def count(self, world: World, write: WorldWrite) -> None:
        """Count a write that the engine has accepted."""
        if write.is_whole:
            self.whole, self.tail, self.position = len(write.effect), 0, 1
            self.payments = len(world.ledger.payments)
        elif write.effect:
            self.tail += len(write.effect)
            self.position += 1


class Keeper:
    """Writes what changes in the worlds of a node.

    Args:
        store: the store to write to.
        owner: knows the epochs of keys.
        wall: the real time.

    Attributes:
        problem: why writes have failed for so long that nobody waits for them; empty otherwise.
    """

    def __init__(self, store: WorldWriter, owner: Owner, wall: WallClock) -> None:
        self._store = store
        self._owner = owner
        self._wall = wall
        self._progress: dict[World, _Progress] = {}
        self._behind: dict[World, None] = {}
        self._gone: dict[str, tuple[int, asyncio.Future[None]]] = {}
        self._waiters: dict[World, asyncio.Future[None]] = {}
        self._writing: dict[World, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_time = False
        self._now = asyncio.get_running_loop().time  # looked up once, since each reply calls it
        self._oldest_behind = self._oldest_under_way = _NEVER
        self._last_duration = 0.0
        self.problem = ""
        self._woken = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def adopt(self, world: World, epoch: int, stored: StoredWorld) -> None:
        """Continue with a world that was restored from the engine.

        Args:
            world: the world, unchanged since.
            epoch: of its key.
            stored: what it was restored from.
        """
        self._progress[world] = _Progress(world, epoch, stored)

    def mark(self, world: World) -> None:
        """Schedule the write of a world that has, or may have, changed."""
        if world in self._behind:
            return  # the write that is due has not been taken yet, and will include this change
        self._behind[world] = None
        self._is_idle.clear()
        if self._oldest_behind == _NEVER:
            self._oldest_behind = self._now()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(BEHIND, self._write_now)

    def until_written_if_late(self, world: World) -> Awaitable[None] | None:
        """Wait like `until_written`, but only if writes are late.

        Returns:
            What to await; None if all changes are written in time, as far as can be told.
        """
        oldest = min(self._oldest_behind, self._oldest_under_way)
        is_late = self._last_duration > GIVEN or self._now() - oldest > BEHIND + GIVEN
        return self.until_written(world) if is_late else None

    async def until_written(self, world: World) -> None:
        """Wait until every change of a world is written.

        Raises:
            NotKeptError: another node owns the world by now, or the engine is away for too long.
        """
        if world in self._behind:
            waiter = self._waiters.get(world)
            if waiter is None or waiter.done():  # a failed one is still there
                waiter = self._waiters[world] = _waiter()
                self._woken.set()
            await asyncio.shield(waiter)
        elif (under_way := self._writing.get(world)) is not None:
            await asyncio.shield(under_way)

    def remove(self, key: str, epoch: int) -> None:
        """Delete everything that is stored of a world."""
        self._gone[key] = epoch, asyncio.get_running_loop().create_future()
        self._is_idle.clear()
        self._write_now()

    async def until_removed(self, key: str) -> None:
        """Wait until a pending removal of a key's world is done."""
        if key in self._gone:
            await self._gone[key][1]

    def forget(self, world: World) -> None:
        """Stop writing a world."""
        self._progress.pop(world, None)
        self._behind.pop(world, None)
        waiter = self._waiters.pop(world, None)
        if waiter is not None and not waiter.done():
            waiter.set_exception(NotKeptError("the world was dropped meanwhile"))

    def is_behind(self, world: World) -> bool:
        """Whether a world has changes that are not written yet."""
        return world in self._behind or world in self._writing

    def fail(self, reason: str) -> None:
        """Fail all waiters."""
        for waiter in (*self._waiters.values(), *self._writing.values()):
            if not waiter.done():
                waiter.set_exception(NotKeptError(reason))

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while await self._write_some():
                pass
            if not self._behind and not self._gone:
                self._is_idle.set()

    async def finish(self) -> None:
        """Write everything that is still unwritten, and wait for it."""
        self._write_now()
        await self._is_idle.wait()

    def _write_now(self) -> None:
        self._timer = None
        self._is_time = True
        self._woken.set()

    async def _write_some(self) -> bool:
        """Write the worlds that somebody waits for, or all if it is time; False if none is left."""
        batch = list(self._behind if self._is_time else self._waiters)
        gone = dict(self._gone)
        began, self._is_time = self._now(), False
        oldest = self._oldest_behind
        if len(batch) == len(self._behind):
            self._oldest_behind = _NEVER  # later changes are not in this write
        if not batch and not gone:
            return False
        self._oldest_under_way = oldest
        writes = [WorldWrite(key, epoch, is_gone=True) for key, (epoch, _) in gone.items()]
        found = [each for world in batch if (each := await self._take_changes(world)) is not None]
        if found or writes:
            refused = await self._write_until_accepted([*writes, *(write for _, write in found)])
            for world, write in found:
                self._settle(world, write, is_refused=write.key in refused)
            self._last_duration = self._now() - began
        self._oldest_under_way = _NEVER
        for key, (_, future) in gone.items():
            del self._gone[key]
            future.set_result(None)
        return True

    async def _take_changes(self, world: World) -> tuple[World, WorldWrite] | None:
        """Take what has changed in a world; None if nothing has, or it is no longer ours."""
        try:
            return await self._make_write(world)
        except NotKeptError as error:
            self._fail_waiters(world, error)
        except Exception:  # noqa: BLE001 - our bug must not end other writes; the next one is whole
            _log.exception("cannot write the changes of %s", world.config.title)
            self._fail_waiters(
                world, NotKeptError("the sandbox itself failed; its log has the traceback")
            )
        return None

    async def _begin(self, world: World) -> _Progress:
        """Begin with a world of which nothing is stored.

        Raises:
            NotKeptError: another node owns it.
        """
        epoch = await self._owner.epoch_of(world.config.api_key)
        progress = self._progress[world] = _Progress(world, epoch)
        return progress

    async def _make_write(self, world: World) -> tuple[World, WorldWrite] | None:
        progress = self._progress.get(world) or await self._begin(world)
        if world not in self._behind:
            return None  # it was dropped meanwhile
        del self._behind[world]
        waiter = self._waiters.pop(world, None) or _waiter()
        self._writing[world] = waiter
        # Nothing awaits from here to the first slice of the effect, so all parts are of one moment.
        is_first = progress.position == 0
        journal = progress.journal.taking(world.journal, everything=is_first)
        due = _due_at(world, self._wall())
        is_whole = progress.is_whole_next(world)
        effect = await run_in_slices(progress.effects.taking(everything=is_whole))
        has_effect = bool(effect["whole"] or effect["rows"])
        if not has_effect and journal is None:
            self._end_write(world)
            return None
        return world, WorldWrite(
            world.config.api_key,
            progress.epoch,
            0 if is_whole else progress.position,
            orjson.dumps(effect) if has_effect else b"",
            is_whole,
            journal,
            due,
        )

    async def _write_until_accepted(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        began, reported = self._now(), ""
        while True:
            try:
                refused = await self._store.write(writes)
            except EngineError as error:
                if str(error) != reported:
                    reported = str(error)
                    _log.warning("changes are not written yet: %s", reported)
                if self._now() - began > PATIENCE:
                    self.problem = f"the engine of the cluster does not store changes: {reported}"
                    self.fail(self.problem)
                await pause(AGAIN)
            else:
                if reported:
                    _log.warning("changes were written after %.1f s", self._now() - began)
                self.problem = ""
                return refused

    def _settle(self, world: World, write: WorldWrite, *, is_refused: bool) -> None:
        if is_refused:
            _log.warning("changes in the world of %s came too late and were rejected", write.key)
            self._fail_waiters(
                world, NotKeptError(f"the world of {write.key} now belongs to another node")
            )
            self._owner.give_up(world)
        elif (progress := self._progress.get(world)) is not None:
            progress.count(world, write)
        self._end_write(world)

    def _end_write(self, world: World) -> None:
        waiter = self._writing.pop(world, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail_waiters(self, world: World, error: NotKeptError) -> None:
        for waiter in (self._waiters.pop(world, None), self._writing.pop(world, None)):
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)
        self._behind.pop(world, None)
        self._progress.pop(world, None)


def _waiter() -> "asyncio.Future[None]":
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiter.add_done_callback(_retrieve_exception)
    return waiter


def _retrieve_exception(waiter: "asyncio.Future[None]") -> None:
    """Retrieve the exception, so that asyncio does not log it when nobody waits."""
    if not waiter.cancelled():
        waiter.exception()


def _due_at(world: World, wall: Instant) -> Instant | None:
    """When an unused world needs attention next, on the wall clock; None if never."""
    if world.webhooks is not None and any(
        each.is_pending and each.next_at is None for each in world.webhooks.outbox.oldest_first()
    ):
        return wall
    due = world.timeline.next_due
    if due is None or world.clock.mode is Mode.FROZEN:
        return None
    return Instant(max(0, wall + due - world.clock.now()))
