"""Holds a keeper to what replies may tell before it is kept, in virtual time."""

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
"""Seconds of answers that may be lost with a node."""

FAST: Final = 0.001
A_BIT: Final = 1e-6
"""Seconds that a sum of floats may be off."""


class SimulatedStore:
    """A store whose writes take as long as they are told; it owns every key.

    Attributes:
        takes: seconds of the next writes; the last one goes on.
        kept_at: when each call was kept, by its number.
    """

    def __init__(self, takes: Sequence[float]) -> None:
        self.takes = list(takes)
        self.kept_at: dict[int, float] = {}

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Keep them, in time or late."""
        await asyncio.sleep(self.takes.pop(0) if len(self.takes) > 1 else self.takes[0])  # noqa: TID251 - of virtual time
        now = asyncio.get_running_loop().time()
        parts = (orjson.loads(each.journal.part) for each in writes if each.journal)
        self.kept_at |= {row[0]: now for _, rows in parts for row in rows}
        return frozenset()

    async def epoch_of(self, key: str) -> int:
        """An epoch."""
        return len(key)

    def give_up(self, world: World) -> None:
        """Nobody else has any world."""


class Story:
    """A node that is called again and again, and answers.

    Args:
        takes: seconds of its writes.

    Attributes:
        called_at, answered_at: when, by the number of the call.
        longest: the longest time in which answers were given that were not kept at its end.
    """

    def __init__(self, takes: Sequence[float]) -> None:
        self._api = Api()
        self._world = self._api.sandbox.runtime.worlds.find(KEY)
        self.store = SimulatedStore(takes)
        self.called_at: dict[int, float] = {}
        self.answered_at: dict[int, float] = {}
        self.longest = 0.0

    async def tell(self, gaps: Sequence[float]) -> None:
        """Call it so many seconds after each other, whoever waits, and wait for all answers."""
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
        if (kept := self._keeper.kept_in_time(self._world)) is not None:
            await kept
        now = self.answered_at[number] = asyncio.get_running_loop().time()
        at_risk = (at for each, at in self.answered_at.items() if each not in self.store.kept_at)
        self.longest = max(self.longest, now - min(at_risk, default=now))


GAPS: Final = st.lists(st.sampled_from((0.0, FAST, 0.01, 0.03, 0.3)), min_size=1, max_size=60)


@given(takes=st.lists(st.sampled_from((FAST, 0.03, 0.06, 0.5, 3.0)), min_size=1), gaps=GAPS)
def test_the_answers_of_a_tenth_of_a_second_may_be_lost_however_slow_the_engine_is(
    takes: list[float], gaps: list[float]
) -> None:
    """Whenever a node ends, what it has answered and not kept was answered in its last 100 ms."""
    story = Story(takes)
    simulated(story.tell(gaps))
    assert story.answered_at.keys() == story.store.kept_at.keys() == set(range(len(gaps)))
    assert story.longest <= LOST_AT_MOST + A_BIT


@given(takes=st.lists(st.sampled_from((FAST, 0.02, 0.9 * GIVEN)), min_size=1), gaps=GAPS)
def test_each_answer_is_kept_within_a_tenth_of_a_second_by_an_engine_that_keeps_up(
    takes: list[float], gaps: list[float]
) -> None:
    """And nobody waits for that."""
    story = Story(takes)
    simulated(story.tell(gaps))
    assert story.answered_at == story.called_at
    for number, answered_at in story.answered_at.items():
        assert story.store.kept_at[number] - answered_at <= LOST_AT_MOST + A_BIT


def test_answers_wait_while_writes_take_longer_than_they_are_given() -> None:
    """From the one that was too slow until one was not."""
    story = Story([0.5, 0.4, 0.3, FAST])
    simulated(story.tell([0.1] * 14))
    waited = [story.answered_at[each] > story.called_at[each] for each in range(14)]
    assert waited == [False, *[True] * 12, False]
    for number in range(1, 12):
        assert story.answered_at[number] >= story.store.kept_at[number]


class Kept(SimulatedStore):
    """A store that remembers at which of its effects a world was written whole."""

    def __init__(self) -> None:
        super().__init__([FAST])
        self.whole_at: list[int] = []
        self._count = 0

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Keep one of them."""
        [write] = writes
        self.whole_at += [self._count] * write.is_whole
        self._count += 1
        return await super().write(writes)


async def written_whole_at(payments: int, calls: int, *, makes_payments: bool) -> list[int]:
    """At which writes a world is written whole that is called and kept by turns."""
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
        await keeper.kept(world)
    writing.cancel()
    return store.whole_at


def test_a_world_that_grows_is_not_written_whole_again_and_again() -> None:
    """What is written of new payments is what the world would be."""
    assert simulated(written_whole_at(10, 900, makes_payments=True)) == [0]


def test_a_world_is_written_whole_when_its_effects_are_many_times_as_long() -> None:
    """They would take more room, and time to be read, than what is in it."""
    first, *others = simulated(written_whole_at(10, 500, makes_payments=False))
    assert first == 0
    assert others


def test_a_world_is_written_whole_when_its_effects_are_many_and_as_long_as_it() -> None:
    """However many payments it has."""
    assert simulated(written_whole_at(400, 1_050, makes_payments=False)) == [0, MOST_EFFECTS]


class FullStore(SimulatedStore):
    """A store that takes nothing for a while, and says why."""

    def __init__(self, seconds: float) -> None:
        super().__init__([FAST])
        self._until = asyncio.get_running_loop().time() + seconds

    async def write(self, writes: Sequence[WorldWrite]) -> frozenset[str]:
        """Keep them, when there is room."""
        if asyncio.get_running_loop().time() < self._until:
            raise EngineError("it is full")
        return await super().write(writes)


def test_nobody_waits_for_an_engine_that_is_there_and_takes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Longer than for a lease: then it is an error at once, until there is room again."""

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
                await keeper.kept(world)
            assert now() - began < longest
            assert "it is full" in keeper.problem
        await asyncio.sleep(10)  # noqa: TID251 - of virtual time
        await keeper.kept(world)
        assert keeper.problem == ""
        assert len(store.kept_at) == 3
        writing.cancel()

    simulated(story())
    assert [each.message for each in caplog.records] == [
        "changes are not written yet: it is full",
        "changes were written after 10.1 s",
    ]
