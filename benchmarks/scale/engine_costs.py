"""Owns what calls cost the engine's core: measured on a local Redis, or given as one number."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from benchmarks.in_process import Api
from benchmarks.traffic import KEY
from payments_sandbox.cluster.keeper import Keeper
from payments_sandbox.cluster.places import Member
from payments_sandbox.cluster.redis_engine import RedisEngine
from payments_sandbox.cluster.store import WorldWrite
from payments_sandbox.core.instants import DAY
from payments_sandbox.server.factory import wall_clock
from payments_sandbox.world.world import World

PAYMENTS: Final = 20
"""Payments of the world that is stored: what a test suite typically leaves behind."""

AT_ONCE: Final = 32
"""Calls at a time, as if from many nodes."""


class EngineCosts(NamedTuple):
    """Microseconds of the engine's single core, and bytes of its memory.

    Attributes:
        renewal: to renew a lease among a thousand members.
        claim: to say who owns a key.
        takeover: to give a key to another node, since its owner is gone.
        read: to read a world, as its new owner does.
        change: to store the changes of one payment.
        look: to check whether anything is overdue.
        bytes_of_world: memory of a world with 20 payments and their journal.
    """

    renewal: float
    claim: float
    takeover: float
    read: float
    change: float
    look: float
    bytes_of_world: float


def costs_at(operations: float) -> EngineCosts:
    """The costs of an engine that makes this many calls per second, of whatever kind."""
    each = 1e6 / operations
    return EngineCosts(each, each, each, each, each, each, bytes_of_world=25_000)


async def measured_costs(url: str, *, calls: int, members: int) -> EngineCosts:
    """Measure an engine, deleting all of its data.

    Args:
        url: of the engine.
        calls: how many to make of each kind.
        members: how many nodes there are.
    """
    async with Redis.from_url(url) as admin:
        await admin.flushall()
        engine = RedisEngine(url, ttl=DAY, lease=DAY)
        try:
            return await _Measurement(engine, admin, calls).take(members)
        finally:
            await engine.close()


class _Measurement:
    """Makes calls of each kind, and measures the CPU seconds of the engine's core for each."""

    def __init__(self, engine: RedisEngine, admin: Redis, calls: int) -> None:
        self._engine = engine
        self._admin = admin
        self._keys = [f"sk_test_world{number}" for number in range(calls)]

    async def take(self, members: int) -> EngineCosts:
        engine, first, second = self._engine, "node-0", "node-1"
        for number in range(members):
            await engine.renew(_member(f"node-{number}"))
        whole, change = await writes_of_a_world()
        empty = await self._memory()
        epochs = {key: (await engine.claim({key: first}, first))[0].epoch for key in self._keys}
        await self._cost(lambda key: self._write(whole, key, epochs[key]))
        full = await self._memory()
        costs = EngineCosts(
            renewal=await self._cost(lambda _: engine.renew(_member(first))),
            claim=await self._cost(lambda key: engine.claim({key: second}, second)),
            takeover=0.0,
            read=await self._cost(engine.read),
            change=await self._cost(lambda key: self._write(change, key, epochs[key])),
            look=await self._cost(lambda _: engine.overdue(first, wall_clock(), 100)),
            bytes_of_world=(full - empty) / len(self._keys),
        )
        await engine.leave(first)
        takeover = await self._cost(lambda key: engine.claim({key: second}, second))
        return costs._replace(takeover=takeover)

    async def _write(self, write: WorldWrite, key: str, epoch: int) -> None:
        refused = await self._engine.write([write._replace(key=key, epoch=epoch)])
        assert not refused

    async def _cost(self, call: Callable[[str], Coroutine[Any, Any, object]]) -> float:
        """Microseconds of the core per call, with one call for each key."""
        keys = iter(self._keys)

        async def calling(keys: Iterator[str]) -> None:
            for key in keys:
                await call(key)

        before = await self._cpu()
        await asyncio.gather(*(calling(keys) for _ in range(AT_ONCE)))
        return (await self._cpu() - before) / len(self._keys) * 1e6

    async def _cpu(self) -> float:
        found = await self._admin.info("cpu")
        return float(found["used_cpu_user_main_thread"]) + float(found["used_cpu_sys_main_thread"])

    async def _memory(self) -> int:
        return int((await self._admin.info("memory"))["used_memory"])


def _member(name: str) -> Member:
    return Member(name, "10.0.0.1", 8080)


async def writes_of_a_world() -> tuple[WorldWrite, WorldWrite]:
    """What a node writes of a world with payments: first the whole world, then one more payment."""
    api = Api()
    world = api.sandbox.runtime.worlds.find(KEY)
    store = _Written()
    keeper = Keeper(store, store, wall_clock)
    writing = asyncio.create_task(keeper.run())
    for count in (PAYMENTS, 1):
        for number in range(count):
            api.create(f"buyer_{number:03}")
        keeper.mark(world)
        await keeper.until_written(world)
    writing.cancel()
    whole, change = store.writes
    return whole, change


class _Written:
    """A store that records its writes, and an owner of every key."""

    def __init__(self) -> None:
        self.writes: list[WorldWrite] = []

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        self.writes += writes
        return frozenset()

    async def epoch_of(self, key: str) -> int:
        return len(key)

    def give_up(self, world: World) -> None:
        pass
