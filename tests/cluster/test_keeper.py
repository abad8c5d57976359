"""The keeper of changes, in virtual time: which replies may be sent before they are stored."""

import asyncio
from collections.abc import Sequence
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_process import Api
from benchmarks.scale.virtual_time import simulated
from benchmarks.traffic import KEY
from payments_sandbox.cluster.keeper import AGAIN, GIVEN, MOST_EFFECTS, PATIENCE, Keeper
from payments_sandbox.cluster.store import EngineError, WorldWrite
from payments_sandbox.server.factory import wall_clock
from payments_sandbox.server.world_runtime import NotKeptError
from payments_sandbox.world.world import World

LOST_AT_MOST: Final = 0.1
"""Seconds of replies that may be lost with a node."""

FAST: Final = 0.001
A_BIT: Final = 1e-6
"""Seconds by which a sum of floats may differ."""


class SimulatedStore:
    """A store whose writes take the given times; it owns every key.

    Attributes:
        takes: seconds of the next writes; the last value is repeated.
        kept_at: when each call was stored, by its number.
    """

    def __init__(self, takes: Sequence[float]) -> None:
        self.takes = list(takes)
        self.kept_at: dict[int, float] = {}

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Store them after the next delay."""
        await asyncio.sleep(self.takes.pop(0) if len(self.takes) > 1 else self.takes[0])  # noqa: TID251 - of virtual time
        now = asyncio.get_running_loop().time()
        parts = (orjson.loads(each.journal.part) for each in writes if each.journal)
        self.kept_at |= {row[0]: now for _, rows in parts for row in rows}
        return frozenset()

    async def epoch_of(self, key: str) -> int:
        """Return an epoch."""
        return len(key)

    def give_up(self, world: World) -> None:
        """Do nothing: there is no other owner."""


class Story:
    """A node that gets calls and replies to them.

    Args:
        takes: seconds of its writes.

    Attributes:
        called_at, answered_at: the times, by the number of the call.
        longest: the longest span of replies that were not stored at its end.
    """

    def __init__(self, takes: Sequence[float]) -> None:
        self._api = Api()
        self._world = self._api.sandbox.runtime.worlds.find(KEY)
        self.store = SimulatedStore(takes)
        self.called_at: dict[int, float] = {}
        self.answered_at: dict[int, float] = {}
        self.longest = 0.0

    async def tell(self, gaps: Sequence[float]) -> None:
        """Make calls with these gaps in seconds, whether any waits, and wait for all replies."""
        self._keeper = Keeper(self.store, self.store, wall_clock)
        writing, calls = asyncio.create_task(self._keeper.run()), []
        for number, gap in enumerate(gaps):
            calls.append(asyncio.create_task(self._call(number)))
            await asyncio.sleep(gap)  # noqa: TID251 - of virtual time
        await asyncio.gather(*calls)
        await self._keeper.finish()
        writing.cancel()

    async def _call(self, number: int) -> None:
        self.called_at[number] = asyncio.get_running_loop().time()
        self._api.create(f"buyer_{number:03}")
        self._keeper.mark(self._world)
        if (kept := self._keeper.until_written_if_late(self._world)) is not None:
            await kept
        now = self.answered_at[number] = asyncio.get_running_loop().time()
        at_risk = (at for each, at in self.answered_at.items() if each not in self.store.kept_at)
        self.longest = max(self.longest, now - min(at_risk, default=now))


GAPS: Final = st.lists(st.sampled_from((0.0, FAST, 0.01, 0.03, 0.3)), min_size=1, max_size=60)


@given(takes=st.lists(st.sampled_from((FAST, 0.03, 0.06, 0.5, 3.0)), min_size=1), gaps=GAPS)
def test_at_most_the_replies_of_100_ms_are_not_yet_stored_however_slow_the_engine_is(
    takes: list[float], gaps: list[float]
) -> None:
    """If a node ends, only replies of its last 100 ms can be lost."""
    story = Story(takes)
    simulated(story.tell(gaps))
    assert story.answered_at.keys() == story.store.kept_at.keys() == set(range(len(gaps)))
    assert story.longest <= LOST_AT_MOST + A_BIT


@given(takes=st.lists(st.sampled_from((FAST, 0.02, 0.9 * GIVEN)), min_size=1), gaps=GAPS)
def test_a_fast_engine_stores_each_reply_within_100_ms_and_delays_none(
    takes: list[float], gaps: list[float]
) -> None:
    story = Story(takes)
    simulated(story.tell(gaps))
    assert story.answered_at == story.called_at
    for number, answered_at in story.answered_at.items():
        assert story.store.kept_at[number] - answered_at <= LOST_AT_MOST + A_BIT


def test_replies_wait_for_their_write_from_the_first_slow_write_until_a_fast_one() -> None:
    story = Story([0.5, 0.4, 0.3, FAST])
    simulated(story.tell([0.1] * 14))
    waited = [story.answered_at[each] > story.called_at[each] for each in range(14)]
    assert waited == [False, *[True] * 12, False]
    for number in range(1, 12):
        assert story.answered_at[number] >= story.store.kept_at[number]


class Kept(SimulatedStore):
    """A store that records at which of its writes a world was written whole."""

    def __init__(self) -> None:
        super().__init__([FAST])
        self.whole_at: list[int] = []
        self._count = 0

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Store the one write."""
        [write] = writes
        self.whole_at += [self._count] * write.is_whole
        self._count += 1
        return await super().write(writes)


async def written_whole_at(payments: int, calls: int, *, makes_payments: bool) -> list[int]:
    """Return the writes that are whole of a world that is called and stored in turn."""
    api, store = Api(), Kept()
    world = api.sandbox.runtime.worlds.find(KEY)
    keeper = Keeper(store, store, wall_clock)
    writing = asyncio.create_task(keeper.run())
    for number in range(payments):
        api.create(f"buyer_{number:03}")
    for number in range(calls):
        if makes_payments:
            api.create(f"buyer_{number:03}")
        else:
            api.retrieve(str(world.ledger.payments.id_of(0)))
        keeper.mark(world)
        await keeper.until_written(world)
    writing.cancel()
    return store.whole_at


def test_a_growing_world_is_written_whole_only_once() -> None:
    """The effects of new payments are as long as the payments."""
    assert simulated(written_whole_at(10, 900, makes_payments=True)) == [0]


def test_a_world_is_written_whole_again_when_its_effects_are_much_longer_than_it() -> None:
    """Its effects would otherwise take more space, and more time to read, than its content."""
    first, *others = simulated(written_whole_at(10, 500, makes_payments=False))
    assert first == 0
    assert others


def test_a_world_of_400_payments_is_written_whole_again_after_the_maximum_of_effects() -> None:
    """Then its effects are about as long as the world."""
    assert simulated(written_whole_at(400, 1_050, makes_payments=False)) == [0, MOST_EFFECTS]


class FullStore(SimulatedStore):
    """A store that rejects writes for a while, with a reason."""

    def __init__(self, seconds: float) -> None:
        super().__init__([FAST])
        self._until = asyncio.get_running_loop().time() + seconds

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Store them if there is room."""
        if asyncio.get_running_loop().time() < self._until:
            raise EngineError("it is full")
        return await super().write(writes)


def test_changes_for_a_full_engine_fail_with_its_reason_until_it_has_room_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first failure comes after about the time of a lease, the next ones at once."""

    async def story() -> None:
        api, store, now = Api(), FullStore(10), asyncio.get_running_loop().time
        world = api.sandbox.runtime.worlds.find(KEY)
        keeper = Keeper(store, store, wall_clock)
        writing = asyncio.create_task(keeper.run())
        for longest in (PATIENCE + 2 * AGAIN, 2 * AGAIN, 2 * AGAIN):
            api.create("buyer_1")
            keeper.mark(world)
            began = now()
            with pytest.raises(NotKeptError, match="does not store changes: it is full"):
                await keeper.until_written(world)
            assert now() - began < longest
            assert "it is full" in keeper.problem
        await asyncio.sleep(10)  # noqa: TID251 - of virtual time
        await keeper.until_written(world)
        assert keeper.problem == ""
        assert len(store.kept_at) == 3
        writing.cancel()

    simulated(story())
    assert [each.message for each in caplog.records] == [
        "changes are not written yet: it is full",
        "changes were written after 10.1 s",
    ]
