"""The engine of a cluster: each write is stored once, by the current owner, or not at all."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from payments_sandbox.cluster.places import Member, UnreadableWorldError
from payments_sandbox.cluster.redis_engine import AT_ONCE, PREFIX, RedisEngine
from payments_sandbox.cluster.store import (
    EngineError,
    JournalWrite,
    Overdue,
    StoredWorld,
    WorldWrite,
)
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import DAY, HOUR, Instant
from tests.support.nodes import claimed
from tests.support.redis_server import RedisServer, running_redis

T = TypeVar("T")
NOTHING = Overdue([], [])
KEYS = ("sk_test_a", "sk_test_b")
MEMBERS = (Member("a", "10.0.0.1", 8080), Member("b", "10.0.0.2", 8080))
OTHER_VERSIONS = (b"junk", b"[]", b"null", b'["c", "10.0.0.3", 80, false, "more"]')
"""Descriptions of members that no node of this version writes."""


@pytest.fixture
def redis(shared_redis: RedisServer) -> Iterator[Redis]:
    """The empty engine, as its administrator sees it."""
    with Redis.from_url(shared_redis.url) as client:
        client.flushall()
        client.set(f"{PREFIX}epoch", 0)
        yield client


@pytest.fixture
def url(redis: Redis, shared_redis: RedisServer) -> str:  # noqa: ARG001 - it is empty
    """The URL of the engine."""
    return shared_redis.url


def run(url: str, work: Callable[[RedisEngine], Coroutine[Any, Any, T]], *, lease: int = HOUR) -> T:
    """Run work with an engine."""

    async def working() -> T:
        engine = RedisEngine(url, ttl=HOUR, lease=lease)
        try:
            return await work(engine)
        finally:
            await engine.close()

    return asyncio.run(working())


class Step(NamedTuple):
    """One action of a node on a key that it believes to own."""

    node: int
    key: int
    what: str


class Believed(NamedTuple):
    """The epoch and the number of stored effects of a key, as a node believes them."""

    epoch: int
    position: int


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(
            ("claim", "effect", "again", "whole", "journal", "clear", "gone", "release", "leave")
        ),
    ),
    max_size=40,
)


class Story:
    """Two nodes at one engine, and a model of what it stores."""

    def __init__(self, engine: RedisEngine) -> None:
        self._engine = engine
        self._owner: dict[int, tuple[int, int]] = {}
        self._effects: dict[int, list[bytes]] = {0: [], 1: []}
        self._journal: dict[int, dict[str, bytes]] = {0: {}, 1: {}}
        self._believed: dict[tuple[int, int], Believed] = {}
        self._members: set[int] = set()
        self._epoch = self._texts = 0

    async def tell(self, steps: list[Step]) -> None:
        """Run the steps; assert after each that the engine stores what the model does."""
        for node, key, what in steps:
            if what == "leave":
                await self._engine.leave(MEMBERS[node].name)
                self._members.discard(node)
            elif what == "claim":
                await self._claim(node, key)
            else:
                await self._write(node, key, what)
            await self._hold()

    async def _claim(self, node: int, key: int) -> None:
        await self._engine.renew(MEMBERS[node])
        self._members.add(node)
        if self._owner.get(key, (None, 0))[0] not in self._members:
            self._epoch += 1
            self._owner[key] = node, self._epoch
        owner, epoch = self._owner[key]
        name = MEMBERS[node].name
        claim = await claimed(self._engine, KEYS[key], name, name)
        assert claim[:3] == (MEMBERS[owner].name, epoch, "")
        if owner == node:
            self._believed[node, key] = Believed(epoch, len(self._effects[key]))

    async def _write(self, node: int, key: int, what: str) -> None:
        believed = self._believed.get((node, key), Believed(0, 0))
        self._texts += 1
        text = str(self._texts).encode()
        write = WorldWrite(KEYS[key], *believed)
        if what in ("effect", "again"):
            write = write._replace(effect=text)
        elif what == "whole":
            write = write._replace(effect=text, is_whole=True, position=0)
        elif what in ("journal", "clear"):
            journal = JournalWrite(f"{self._texts}", text, [f"{self._texts - 5}"], what == "clear")
            write = write._replace(journal=journal)
        elif what == "release":
            await self._engine.release(KEYS[key], believed.epoch)
            if self._owner.get(key, (None, 0))[1] == believed.epoch != 0:
                del self._owner[key]
            return
        else:
            write = write._replace(is_gone=True)
        refused = await self._engine.write([write])
        if what == "again":
            assert await self._engine.write([write]) == refused
        is_owner = self._owner.get(key, (None, 0))[1] == believed.epoch != 0
        assert refused == frozenset(() if is_owner else (KEYS[key],))
        if is_owner:
            self._keep(key, what, write)
            self._believed[node, key] = Believed(believed.epoch, len(self._effects[key]))

    def _keep(self, key: int, what: str, write: WorldWrite) -> None:
        effects, journal = self._effects[key], self._journal[key]
        if write.is_whole or what == "gone":
            effects.clear()
        if write.effect:
            effects.append(write.effect)
        if what in ("clear", "gone"):
            journal.clear()
        if write.journal is not None:
            journal[write.journal.name] = write.journal.part
            for name in write.journal.gone:
                journal.pop(name, None)
        if what == "gone":
            del self._owner[key]

    async def _hold(self) -> None:
        for place, key in enumerate(KEYS):
            effects, parts = await self._engine.read(key)
            assert effects == self._effects[place]
            assert parts == self._journal[place]
            epochs = await self._engine.owned([key])
            assert epochs == [self._owner.get(place, (None, 0))[1]]


@settings(max_examples=settings().max_examples // 2)
@given(steps=STEPS)
def test_the_engine_stores_each_write_of_the_current_owner_once_and_no_other(
    steps: list[Step], shared_redis: RedisServer
) -> None:
    with Redis.from_url(shared_redis.url) as client:
        client.flushall()
        client.set(f"{PREFIX}epoch", 0)
    run(shared_redis.url, lambda engine: Story(engine).tell(steps))


def test_a_key_whose_owner_lost_its_lease_goes_to_the_caller_and_late_writes_are_rejected(
    url: str,
) -> None:
    """The new owner gets the name of the lost one."""

    async def story(engine: RedisEngine) -> None:
        other = RedisEngine(url, ttl=HOUR, lease=HOUR)
        await other.renew(MEMBERS[1])
        assert not (await engine.renew(MEMBERS[0])).was_member
        first = await claimed(engine, KEYS[0], "a", "a")
        second = await claimed(other, KEYS[0], "b", "b")
        late = await engine.write([WorldWrite(KEYS[0], first.epoch, effect=b"{}")])

        assert (second.owner, second.lost) == ("b", "a")
        assert late == {KEYS[0]}
        assert (await claimed(other, KEYS[0], "b", "b")).lost == "a"
        assert [each.name for each in (await other.renew(MEMBERS[1])).members] == ["b"]
        await other.close()

    run(url, story, lease=0)


def test_a_claimed_key_goes_to_the_candidate_if_it_lives_and_to_the_caller_otherwise(
    url: str,
) -> None:

    async def story(engine: RedisEngine) -> tuple[str, str]:
        for each in MEMBERS:
            await engine.renew(each)
        first = await claimed(engine, KEYS[0], "b", "a")
        second = await claimed(engine, KEYS[1], "gone", "a")
        return first.owner, second.owner

    assert run(url, story) == ("b", "a")


def engine_time(redis: Redis) -> int:
    """Return the time of the engine in milliseconds; epochs begin with it."""
    seconds, microseconds = redis.time()
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def test_an_engine_that_has_lost_its_data_reuses_no_epoch_and_rejects_old_owners(
    url: str, redis: Redis
) -> None:

    async def story(engine: RedisEngine) -> None:
        epochs: list[int] = []
        for _ in range(2):
            while epochs and engine_time(redis) <= epochs[-1]:
                pass  # an empty engine counts from its present millisecond
            redis.flushall()
            await engine.renew(MEMBERS[0])
            epochs.append((await claimed(engine, KEYS[0], "a", "a")).epoch)
        assert epochs[1] > epochs[0]
        assert await engine.write([WorldWrite(KEYS[0], epochs[0], effect=b"{}")]) == {KEYS[0]}

    run(url, story)


def test_overdue_keys_without_an_owner_are_found_in_parts_by_the_number_to_skip(url: str) -> None:
    """A node gets its own overdue keys as well."""

    async def story(engine: RedisEngine) -> None:
        for each in MEMBERS:
            await engine.renew(each)
        keys = [f"sk_test_{number}" for number in range(5)]
        claims = await engine.claim(dict.fromkeys(keys, "a"), "a")
        assert [each.owner for each in claims] == ["a"] * 5
        for nth, (key, claim) in enumerate(zip(keys, claims, strict=True)):
            await engine.write([WorldWrite(key, claim.epoch, due=Instant(1_000 + nth))])
            await engine.release(key, claim.epoch)
        for skipped in (0, 2, 4, 6):
            found = await engine.overdue("a", Instant(2_000), 2, skipped)
            assert found == Overdue([], keys[skipped : skipped + 2])
        await engine.claim(dict.fromkeys(keys[:2], "b"), "a")
        assert await engine.overdue("b", Instant(2_000), 2, 2) == Overdue(keys[:2], keys[4:])

    run(url, story)


def test_a_lease_ends_early_if_its_node_refuses_and_has_no_connection_to_the_engine(
    url: str,
) -> None:
    """One alone may be a wrong address, or a connection that returns."""

    async def story(engine: RedisEngine) -> None:
        for each in MEMBERS:
            await engine.renew(each)
        key = KEYS[0]
        first = await claimed(engine, key, "a", "a")
        assert 0 < first.lease <= HOUR
        async with engine.answering("a", lambda question: question):
            assert (await claimed(engine, key, "b", "b", "a", "c")).owner == "a"
        assert (await claimed(engine, key, "b", "b", "aa")).owner == "a"
        second = await claimed(engine, key, "b", "b", "c", "a")
        assert (second.owner, second.lost) == ("b", "a")
        assert await engine.write([WorldWrite(key, first.epoch, effect=b"{}")]) == {key}
        assert not (await engine.renew(MEMBERS[0])).was_member

    run(url, story)


def test_a_renewal_returns_members_that_join_leave_are_lost_and_return(
    url: str, redis: Redis
) -> None:
    """Without a change, the members are the very same object."""

    async def story(engine: RedisEngine) -> None:
        async def told() -> set[str]:
            return {each.name for each in (await engine.renew(MEMBERS[0])).members}

        assert await told() == {"a"}
        await engine.renew(MEMBERS[1])
        assert await told() == {"a", "b"}
        members = (await engine.renew(MEMBERS[0])).members
        assert (await engine.renew(MEMBERS[0])).members is members
        await engine.leave("b")
        assert await told() == {"a"}
        await engine.renew(MEMBERS[1])
        assert await told() == {"a", "b"}
        redis.zadd(f"{PREFIX}nodes", {"b": 1})
        assert await told() == {"a"}
        assert not (await engine.renew(MEMBERS[1])).was_member
        assert await told() == {"a", "b"}
        await engine.renew(MEMBERS[1]._replace(is_leaving=True))
        census = await engine.renew(MEMBERS[0])
        assert [each.is_leaving for each in census.members if each.name == "b"] == [True]

    run(url, story)


def test_a_renewal_returns_all_members_with_address_and_leaving_flag(url: str) -> None:
    """The time is that of the engine."""

    async def story(engine: RedisEngine) -> None:
        assert not (await engine.renew(MEMBERS[0])).was_member
        leaving = MEMBERS[1]._replace(is_leaving=True)
        await engine.renew(leaving)
        census = await engine.renew(MEMBERS[0])
        assert census.was_member
        assert set(census.members) == {MEMBERS[0], leaving}
        assert census.now > 0

    run(url, story)


def test_unheard_counts_the_members_that_have_not_renewed_their_lease_since(url: str) -> None:
    """Nodes that have left do not count."""

    async def story(engine: RedisEngine) -> None:
        renewed = [(await engine.renew(each)).now for each in MEMBERS]
        assert await engine.unheard(renewed[0]) == 0
        assert await engine.unheard(Instant(renewed[1] + 1)) == 2
        await engine.leave(MEMBERS[0].name)
        assert await engine.unheard(Instant(renewed[1] + 1)) == 1

    run(url, story)


def test_one_write_of_several_worlds_stores_the_owned_ones_and_rejects_the_others(url: str) -> None:

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        epochs = [(await claimed(engine, key, "a", "a")).epoch for key in KEYS]
        writes = [
            WorldWrite(KEYS[0], epochs[0] + 7, effect=b"no", journal=JournalWrite("0", b"no")),
            WorldWrite(KEYS[1], epochs[1], effect=b"yes", journal=JournalWrite("1", b"x")),
        ]
        assert await engine.write(writes) == {KEYS[0]}
        assert await engine.read(KEYS[0]) == StoredWorld([], {})
        assert await engine.read(KEYS[1]) == StoredWorld([b"yes"], {"1": b"x"})

    run(url, story)


def test_calls_above_the_number_of_connections_wait_but_a_lease_renewal_does_not(url: str) -> None:

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        keys = [f"sk_test_{number}" for number in range(10 * AT_ONCE)]
        claiming = [asyncio.create_task(claimed(engine, key, "a", "a")) for key in keys]
        await asyncio.sleep(0)  # noqa: TID251 - so that all of them have asked
        assert (await engine.renew(MEMBERS[0])).was_member
        assert not all(each.done() for each in claiming)
        claiming.pop().cancel()
        assert {(await each).owner for each in claiming} == {"a"}

    run(url, story)


def test_an_overdue_world_is_found_by_its_owner_only_until_nothing_is_due(url: str) -> None:

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        epoch = (await claimed(engine, KEYS[0], "a", "a")).epoch
        write = WorldWrite(KEYS[0], epoch, due=Instant(1_000))
        await engine.write([write])
        assert await engine.overdue("a", Instant(999), 10) == NOTHING
        assert await engine.overdue("a", Instant(1_000), 10) == Overdue([KEYS[0]], [])
        assert await engine.overdue("b", Instant(1_000), 10) == NOTHING
        await engine.write([write._replace(due=None)])
        assert await engine.overdue("a", Instant(2_000), 10) == NOTHING

    run(url, story)


@pytest.mark.parametrize("end", ["release", "leave", "lease", "forgotten", "day"])
def test_an_overdue_world_without_a_live_owner_is_found_by_others_until_it_is_claimed(
    url: str, redis: Redis, end: str
) -> None:
    """However its owner was lost."""

    async def story(engine: RedisEngine) -> None:
        for each in MEMBERS:
            await engine.renew(each)
        epoch = (await claimed(engine, KEYS[0], "a", "a")).epoch
        await engine.write([WorldWrite(KEYS[0], epoch, due=Instant(1_000))])
        if end == "release":
            await engine.release(KEYS[0], epoch)
        elif end == "leave":
            await engine.leave("a")
        elif end == "forgotten":
            redis.delete(f"{PREFIX}world:{KEYS[0]}")
            await engine.overdue("a", Instant(1_000), 10)  # this call detects and corrects it
        else:
            long_ago = 1 if end == "lease" else 2 * DAY
            redis.zadd(f"{PREFIX}nodes", {"a": redis.time()[0] * 1_000 - long_ago})
            await engine.renew(MEMBERS[1])
        assert await engine.overdue("b", Instant(1_000), 10) == Overdue([], [KEYS[0]])
        epoch = (await claimed(engine, KEYS[0], "b", "b")).epoch
        assert await engine.overdue("b", Instant(1_000), 10) == Overdue([KEYS[0]], [])
        await engine.write([WorldWrite(KEYS[0], epoch)])
        assert await engine.overdue("b", Instant(1_000), 10) == NOTHING

    run(url, story)


def test_an_overdue_world_forgotten_and_claimed_again_is_found_by_its_new_owner_only(
    url: str, redis: Redis
) -> None:

    async def story(engine: RedisEngine) -> None:
        for each in MEMBERS:
            await engine.renew(each)
        epoch = (await claimed(engine, KEYS[0], "a", "a")).epoch
        await engine.write([WorldWrite(KEYS[0], epoch, due=Instant(1_000))])
        redis.delete(f"{PREFIX}world:{KEYS[0]}")
        await claimed(engine, KEYS[0], "b", "b")
        assert await engine.overdue("a", Instant(1_000), 10) == NOTHING
        assert await engine.overdue("b", Instant(1_000), 10) == Overdue([KEYS[0]], [])

    run(url, story)


def test_stored_worlds_expire_except_the_default_one(url: str, redis: Redis) -> None:

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        for key in (KEYS[0], DEFAULT_API_KEY):
            epoch = (await claimed(engine, key, "a", "a")).epoch
            journal = JournalWrite("0", b"{}")
            await engine.write([WorldWrite(key, epoch, effect=b"{}", journal=journal)])

    run(url, story)
    for kind in ("world", "effects", "parts"):
        assert 0 < redis.pttl(f"{PREFIX}{kind}:{KEYS[0]}") <= HOUR
        assert redis.pttl(f"{PREFIX}{kind}:{DEFAULT_API_KEY}") == -1


def test_an_unreachable_engine_raises_an_engine_error_with_its_address() -> None:
    """Whatever was called."""

    async def story(engine: RedisEngine) -> None:
        assert await engine.version() >= (5, 0)
        server.stop()
        for asking in (engine.version(), engine.renew(MEMBERS[0]), engine.read(KEYS[0])):
            with pytest.raises(EngineError, match=r"engine\.sock"):
                await asking

    with running_redis() as server:
        run(server.url, story)


def test_members_of_another_version_are_left_out_with_a_log_line_each(
    url: str, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        for number, said in enumerate(OTHER_VERSIONS):
            redis.zadd(f"{PREFIX}nodes", {f"other{number}": 2**53})
            redis.hset(f"{PREFIX}members", f"other{number}", said)
        assert (await engine.renew(MEMBERS[0])).members == (MEMBERS[0],)

    run(url, story)
    assert len(caplog.records) == len(OTHER_VERSIONS)
    assert {each.exc_info for each in caplog.records} == {None}


def test_a_write_that_the_engine_does_not_permit_raises_an_engine_error(
    url: str, redis: Redis
) -> None:
    """As one without room does."""

    async def story(engine: RedisEngine) -> None:
        await engine.renew(MEMBERS[0])
        claim = await claimed(engine, KEYS[0], "a", "a")
        redis.acl_setuser("default", enabled=True, commands=["-rpush"])
        try:
            with pytest.raises(EngineError, match=r"can't run|no permissions"):
                await engine.write([WorldWrite(KEYS[0], claim.epoch, effect=b"{}")])
        finally:
            redis.acl_setuser("default", enabled=True, commands=["+rpush"])

    run(url, story)


def test_a_stored_journal_with_an_invalid_name_raises_an_error_with_the_key(
    url: str, redis: Redis
) -> None:
    redis.hset(f"{PREFIX}parts:{KEYS[0]}", b"\xff", "[]")
    with pytest.raises(UnreadableWorldError, match=KEYS[0]):
        run(url, lambda engine: engine.read(KEYS[0]))
