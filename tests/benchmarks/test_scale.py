"""Tests the simulation of a cluster: its engine decides as Redis does, and its nodes are real."""

import asyncio
import random
import re
from collections.abc import Coroutine, Iterator
from html import unescape
from typing import Any

import pytest
from redis.asyncio import Redis

from benchmarks.plot import draw
from benchmarks.report import render
from benchmarks.scale.__main__ import main
from benchmarks.scale.engine_costs import costs_at, measured_costs
from benchmarks.scale.engine_model import ModelEngine, wall
from benchmarks.scale.simulated_cluster import (
    GIVES_UP,
    Cluster,
    dying,
    falling_due,
    member_of,
    renewing,
    spread,
)
from benchmarks.scale.tables import tables_of
from benchmarks.scale.virtual_time import simulated
from payments_sandbox.cluster.membership import LEASE
from payments_sandbox.cluster.redis_engine import PREFIX, TIMEOUT, RedisEngine
from payments_sandbox.cluster.store import EngineError, Overdue, WorldWrite
from payments_sandbox.core.instants import HOUR, Instant
from tests.project.tree import ROOT
from tests.support.nodes import claimed
from tests.support.redis_server import RedisServer, running_redis
from tests.support.tables import for_each

FAST = costs_at(100_000)
SMALL = Cluster(nodes=8, worlds=800, changed_each=10.0, due_each=20.0)


def test_simulated_sleeps_take_no_real_time_and_end_in_order() -> None:

    async def story() -> tuple[float, list[int]]:
        ended: list[int] = []

        async def wait(minutes: int) -> None:
            await asyncio.sleep(minutes * 60)  # noqa: TID251 - of virtual time
            ended.append(minutes)

        await asyncio.gather(wait(60), wait(7), wait(30))
        return asyncio.get_running_loop().time(), ended

    time, ended = simulated(story())
    assert time == pytest.approx(3_600)
    assert ended == [7, 30, 60]


class Steps:
    """Random operations of two nodes on a few keys, drawn by a seed."""

    def __init__(self, engine: ModelEngine | RedisEngine, seed: int) -> None:
        self._engine = engine
        self._draw = random.Random(seed)  # noqa: S311 - steps, no secret
        self._epochs: dict[tuple[str, str], int] = {}

    async def take(self, count: int) -> list[object]:
        """Return what the engine answers to each of `count` random operations."""
        return [await self._step() for _ in range(count)]

    async def _step(self) -> object:
        member = member_of(self._draw.randrange(2))
        name, other = member.name, member_of(self._draw.randrange(3)).name
        key = f"sk_test_{self._draw.randrange(3)}"
        epoch = self._epochs.get((name, key), 0)
        match self._draw.randrange(7):
            case 0:
                census = await self._engine.renew(member)
                return census.was_member, {each.name for each in census.members}
            case 1 | 2:
                claim = await claimed(self._engine, key, other, name)
                self._epochs[claim.owner, key] = claim.epoch
                return claim[:3]
            case 3:
                due = self._draw.choice((None, Instant(1_000)))
                return await self._engine.write([WorldWrite(key, epoch, due=due)])
            case 4:
                return await self._engine.overdue(name, Instant(1_000), 10)
            case 5:
                await self._engine.release(key, epoch)
                return await self._engine.owned([key])
            case _:
                await self._engine.leave(name)
                return await self._engine.owned([key])


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for the module's tests, which empty it first."""
    with running_redis() as server:
        yield server


@for_each("seed", range(20))
def test_the_model_engine_answers_random_operations_as_redis_does(
    redis: RedisServer, seed: int
) -> None:
    """Nodes join, leave, claim and write in random order."""

    async def at_redis() -> list[object]:
        async with Redis.from_url(redis.url) as admin:
            await admin.flushall()
            await admin.set(f"{PREFIX}epoch", 0)
        engine = RedisEngine(redis.url, ttl=HOUR, lease=HOUR)
        try:
            return await Steps(engine, seed).take(100)
        finally:
            await engine.close()

    of_redis = asyncio.run(at_redis())
    of_model = simulated(Steps(ModelEngine(FAST), seed).take(100))
    assert [_sorted(each) for each in of_model] == [_sorted(each) for each in of_redis]


def _sorted(answer: object) -> object:
    """Return an answer without the order of keys that are due at the same time."""
    return tuple(map(sorted, answer)) if isinstance(answer, Overdue) else answer


def test_a_key_of_a_node_with_an_expired_lease_can_be_claimed_by_another() -> None:
    """The claim names the node whose lease expired; what is due moves to the new owner."""

    async def story() -> tuple[str, str, Overdue]:
        engine = ModelEngine(FAST)
        first, second = member_of(1), member_of(2)
        await engine.renew(first)
        engine.give("sk_test_a", first.name, wall())
        await asyncio.sleep(LEASE / 1_000)  # noqa: TID251 - of virtual time
        await engine.renew(second)
        claim = await claimed(engine, "sk_test_a", first.name, second.name)
        return claim.owner, claim.lost, await engine.overdue(second.name, wall(), 10)

    first, second = member_of(1).name, member_of(2).name
    assert simulated(story()) == (second, first, Overdue(["sk_test_a"], []))


def test_engine_calls_queue_and_those_that_wait_too_long_fail() -> None:

    async def story() -> tuple[float, list[object]]:
        engine = ModelEngine(costs_at(10))
        asked = (engine.read(f"sk_test_{number}") for number in range(30))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return asyncio.get_running_loop().time(), list(answers)

    time, answers = simulated(story())
    errors = [each for each in answers if isinstance(each, EngineError)]
    assert time == pytest.approx(TIMEOUT)
    assert (len(answers), len(errors)) == (30, 20)


def test_leases_are_lost_only_if_the_engine_is_too_slow() -> None:
    well, badly = (simulated(renewing(costs_at(each), 50)) for each in (5_000, 20))
    assert well.core == pytest.approx(0.01)
    assert well.lost == 0
    assert badly.lost > 0


def test_worlds_of_dead_nodes_answer_again_once_their_leases_expire() -> None:
    """No other node loses its lease."""
    found = simulated(dying(FAST, SMALL, lost=2, elsewhere=0.5))
    assert len(found.waits) > 50
    assert 1 < max(found.waits) < 5
    assert (found.failed, found.lost) == (0, 0)
    assert 0.5 < found.busiest < 1


def test_a_too_slow_engine_makes_live_nodes_lose_their_leases_after_a_failure() -> None:
    """Clients that retry keep nodes from renewing their leases."""
    found = simulated(dying(costs_at(120), SMALL, lost=4, elsewhere=0.5))
    assert found.busiest > 1
    assert found.lost > 0


def test_clients_give_up_if_the_engine_never_recovers() -> None:
    """So that the simulation ends."""
    found = simulated(dying(costs_at(5), Cluster(10, 100, changed_each=1.0), 1, elsewhere=0.9))
    assert max(found.waits) == GIVES_UP


@pytest.mark.parametrize(
    "options",
    [("--nodes", "9"), ("--worlds", "999"), ("--operations", "0"), ("--due-each", "-1")],
)
def test_an_option_out_of_range_is_rejected_with_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scale", *options])
    with pytest.raises(SystemExit):
        main()
    assert "error: expected " in capsys.readouterr().err


def test_everything_that_falls_due_in_idle_worlds_is_carried_out() -> None:
    """At the owner's next look."""
    found = simulated(falling_due(FAST, SMALL))
    assert len(found.late) == 400
    assert max(found.late) < 1.5


def test_worlds_are_spread_evenly_and_do_not_move_while_their_node_lives() -> None:
    """Those of nodes that are gone are spread over all others."""
    before, after, moved = simulated(spread(20, 20_000))
    assert 1 < before < 1.15
    assert 1 < after < 1.15
    assert moved == 0


def test_costs_measured_on_a_redis_are_positive() -> None:
    """A world takes more than its payments alone."""

    def measure(url: str) -> Coroutine[Any, Any, Any]:
        return measured_costs(url, calls=50, members=3)

    with running_redis() as server:
        costs = asyncio.run(measure(server.url))
    assert min(costs) > 0
    assert costs.bytes_of_world > 10_000


def test_the_tables_say_which_resource_is_exhausted_first() -> None:
    """Memory if worlds are idle; the core if they are busy."""
    idle = [*tables_of(FAST, Cluster(4, 4_000, changed_each=1e6, due_each=1e4))]
    busy = [*tables_of(FAST, Cluster(4, 400, changed_each=0.1, due_each=1e4))]
    assert "is memory: it is full at 2,560,000 worlds." in render(idle[-1])
    assert "is the engine's core, by payments: it is full at 10,000 worlds." in render(busy[-1])
    assert "leases of 12 nodes" in draw(busy, dict.fromkeys(("date", "Python", "machine"), ""))


def test_the_scale_picture_of_the_page_shows_the_figures_of_its_tables() -> None:
    page = (ROOT / "docs" / "how-to" / "share-one-server.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| (.+?) +\| (\S+) × +\| ([≥≤] \S+) +\|", re.MULTILINE)
    in_tables = [(figure, f"{value} × ({bound})") for figure, value, bound in row.findall(page)]

    picture = (ROOT / "docs" / "images" / "scale.svg").read_text(encoding="utf-8")
    said = {unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture)}

    assert len(in_tables) > 10
    assert [pair for pair in in_tables if not set(pair) <= said] == []
