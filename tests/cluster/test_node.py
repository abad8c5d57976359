"""The nodes of a cluster: one owner for each key, and worlds that survive their owner."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import cast

import aiohttp
import pytest

from payments_sandbox.cluster import keeper, membership, node, redis_engine, serving
from payments_sandbox.cluster.journal_parts import entries_of
from payments_sandbox.cluster.places import Member
from payments_sandbox.cluster.redis_engine import PREFIX
from payments_sandbox.cluster.server import SharedServer
from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import HOUR, Instant
from tests.support.nodes import KEY, RENEW_EVERY, Cluster, RunningNode, claimed, until
from tests.support.receiver import Answer, Receiver
from tests.support.redis_server import running_redis
from tests.support.values import LONGEST_WAIT

TRIES = 12
"""Number of leases that owners lose; the nightly run has more."""

KEYS = tuple(f"sk_test_key{number}" for number in range(12))
LOST = "was lost; what it answered in its last 100 ms may be missing."


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes leave at once: no test connects to a node that has left."""
    monkeypatch.setattr(node, "ANNOUNCE", 0)
    monkeypatch.setattr(node, "LINGER", 0)
    monkeypatch.setattr(node, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(membership, "RENEW_EVERY", RENEW_EVERY)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    receiver = Receiver()
    await receiver.open()
    yield receiver
    await receiver.close()


@contextlib.asynccontextmanager
async def nodes_of(
    cluster: Cluster, count: int, **options: object
) -> AsyncIterator[list[RunningNode]]:
    """Run so many nodes, each of which knows all others."""
    async with AsyncExitStack() as stack:
        found = [
            await stack.enter_async_context(cluster.node(**options))  # type: ignore[arg-type]  # of the node
            for _ in range(count)
        ]
        for each in found:
            await each.membership.renew()
        yield found


async def owner(cluster: Cluster, nodes: list[RunningNode], key: str = KEY) -> RunningNode:
    """Return the node that owns a key."""
    name = await cluster.owner_of(key)
    return next(each for each in nodes if each.name == name)


async def test_every_node_answers_for_every_key_from_the_one_world_of_the_key(
    cluster: Cluster,
) -> None:
    """The worlds are spread over several nodes."""
    async with nodes_of(cluster, 3) as nodes:
        made = {}
        for place, key in enumerate(KEYS):
            reply = await cluster.pay(nodes[place % 3], key)
            assert reply.status == 201
            made[key] = [reply.json["id"]]
        for each in nodes:
            assert {key: await cluster.payments(each, key) for key in KEYS} == made
        in_memory = [each.keys() for each in nodes]
    assert sorted(key for keys in in_memory for key in keys) == sorted(KEYS)
    assert sum(map(bool, in_memory)) > 1


async def test_a_new_world_has_the_base_url_of_the_node_that_owns_it(cluster: Cluster) -> None:
    """Clients that use it connect to the owner directly."""
    async with nodes_of(cluster, 2) as nodes:
        drawn = (await cluster.ask(nodes[0], "POST", "/_sandbox/worlds", {})).json
        assert drawn["base_url"] == f"{nodes[0].address}/v3"
        assert await cluster.owner_of(drawn["api_key"]) == nodes[0].name
        assert (await cluster.pay(nodes[1], drawn["api_key"])).status == 201
        for key in KEYS:
            named = await cluster.ask(nodes[0], "POST", "/_sandbox/worlds", {"api_key": key})
            again = await cluster.ask(nodes[1], "POST", "/_sandbox/worlds", {"api_key": key})
            own = await owner(cluster, nodes, key)
            assert named.json["base_url"] == f"{own.address}/v3"
            assert again.status == 400


async def test_nodes_with_the_same_seed_draw_different_keys_and_give_a_world_the_same_seed(
    cluster: Cluster,
) -> None:
    async with nodes_of(cluster, 2, seed=7) as nodes:
        drawn = [
            (await cluster.ask(each, "POST", "/_sandbox/worlds", {})).json["api_key"]
            for each in (*nodes, *nodes)
        ]
        assert len(set(drawn)) == 4
        seed = (await cluster.world(nodes[0]))["seed"]
    await cluster.admin.flushall()
    async with nodes_of(cluster, 1, seed=7) as nodes:
        assert (await cluster.world(nodes[0]))["seed"] == seed


@pytest.mark.parametrize("durability", ["relaxed", "reply"])
async def test_a_world_continues_on_another_node_after_its_owner_crashed(
    cluster: Cluster, durability: str
) -> None:
    """With all that was stored; it says so if something may be missing."""
    async with nodes_of(cluster, 2, durability=durability) as nodes:
        paid = [(await cluster.pay(nodes[0])).json["id"] for _ in range(3)]
        lost = await owner(cluster, nodes)
        await lost.keeper.finish()
        (other,) = set(map(id, nodes)) - {id(lost)}
        successor = next(each for each in nodes if id(each) == other)
        await lost.crash()
        await cluster.end_lease(lost)

        reply = await cluster.pay(successor)

        assert reply.status == 201
        assert await cluster.payments(successor) == [reply.json["id"], *paid[::-1]]
        restarted = (await cluster.world(successor))["restarted"]
        assert (restarted is None) is (durability == "reply")
        assert restarted is None or (LOST in restarted and lost.name in restarted)
        requests = (await cluster.ask(successor, "GET", "/_sandbox/requests")).json["data"]
        assert [each["operation"] for each in requests].count("create_payment") == 4


async def test_a_call_of_durability_reply_is_stored_once_with_its_duration(
    cluster: Cluster,
) -> None:
    """No second write follows its reply."""
    async with nodes_of(cluster, 1, durability="reply") as (only,):
        await cluster.pay(only)
        await only.keeper.finish()
        found = await cluster.admin.hgetall(f"{PREFIX}parts:{KEY}")
        parts = {name.decode(): part for name, part in cast("dict[bytes, bytes]", found).items()}
    (entry,) = entries_of(parts)
    assert len(parts) == 1
    assert entry["duration_ms"] > 0


async def test_each_refund_answered_with_201_is_stored_once_although_owners_lose_their_leases(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late write of the former owner is rejected."""
    monkeypatch.setattr(serving, "GRACE", LONGEST_WAIT)  # the sleeper still answers
    async with nodes_of(cluster, 2, durability="reply", rate_limit=10**6) as nodes:
        payment_id = (await cluster.pay(nodes[0], amount=1_000_000)).json["id"]
        path = f"/v3/payments/{payment_id}/refunds"
        refunded, refused = 0, 0
        for nth in range(TRIES):
            sleeper = await owner(cluster, nodes)
            successor = next(each for each in nodes if each is not sleeper)
            await cluster.end_lease(sleeper)
            # The successor takes over first; the sleeper does not know and continues.
            first = await cluster.ask(successor, "POST", path, {"amount": 3})
            late = [
                cluster.ask(each, "POST", path, {"amount": 3})
                for each in (sleeper, *nodes)[: nth % 3]
            ]
            for reply in (first, *await asyncio.gather(*late)):
                refunded += reply.status == 201
                refused += reply.status == 500
                assert reply.status in (201, 500)
        for each in nodes:
            path = f"/_sandbox/payments/{payment_id}"
            await cluster.ask(
                each, "GET", path
            )  # this may tell the node that it is no longer the owner
            shown = await cluster.ask(each, "GET", path)
            assert shown.json["refunded"] == 3 * refunded
    assert refunded >= TRIES


async def test_a_leaving_node_hands_its_worlds_over_complete_and_without_a_notice(
    cluster: Cluster,
) -> None:
    async with nodes_of(cluster, 1) as (stays,):
        async with cluster.node() as leaves:
            await stays.membership.renew()
            made = {key: [(await cluster.pay(leaves, key)).json["id"]] for key in KEYS}
            assert leaves.keys()
        for key in KEYS:
            assert await cluster.payments(stays, key) == made[key]
            assert (await cluster.world(stays, key))["restarted"] is None


async def test_a_leaving_node_waits_for_replies_longer_than_they_may_be_held(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another owner may have to read a world first, on a busy machine."""
    given: list[float] = []

    async def wait(_: SharedServer, longest: float) -> None:
        given.append(longest)

    monkeypatch.setattr(SharedServer, "until_answered", wait)
    async with cluster.node(max_wall_delay=100):
        pass
    assert given == [0.1 + serving.ANSWERED_WITHIN]


async def test_a_node_that_has_left_is_no_member_although_it_renewed_its_lease_while_leaving(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next node that leaves does not wait for it."""

    async def ask_until_answered(_: SharedServer, __: float) -> None:
        await leaves.membership.renew()
        assert leaves.name in await cluster.members()

    async with cluster.node() as leaves:
        monkeypatch.setattr(SharedServer, "until_answered", ask_until_answered)
    assert not await cluster.members()


async def test_no_request_fails_while_nodes_are_replaced_under_load(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "ANNOUNCE", 0.2)
    monkeypatch.setattr(node, "LINGER", 0.5)  # a client that has just connected is still relayed
    answered, is_over = 0, False

    async def load(key: str) -> None:
        nonlocal answered
        while not is_over:
            reply = await cluster.pay(serving_now[0], key)
            assert reply.status == 201, reply.json
            answered += 1

    async with AsyncExitStack() as stack:
        serving_now = [await stack.enter_async_context(cluster.node(rate_limit=10**6))]
        async with asyncio.TaskGroup() as clients:
            for key in KEYS[:4]:
                clients.create_task(load(key))
            for _ in range(2):
                newer = await stack.enter_async_context(cluster.node(rate_limit=10**6))
                older, serving_now[0] = serving_now[0], newer
                await older.membership.renew()
                before = answered
                await older.close()
                await until(partial(lambda seen: answered > seen + 8, before))
            is_over = True
        assert all([await cluster.payments(serving_now[0], key) for key in KEYS[:4]])


async def test_a_webhook_with_an_unknown_outcome_is_sent_again_unchanged_by_the_next_owner(
    cluster: Cluster, receiver: Receiver
) -> None:
    """Without any request."""
    gate = asyncio.Event()
    receiver.script(Answer(gate=gate))
    async with nodes_of(cluster, 2) as nodes:
        body = {"url": receiver.url}
        await cluster.ask(nodes[0], "POST", "/_sandbox/webhook_endpoints", body)
        paid = await cluster.pay(nodes[0])
        await receiver.arrived(1)
        lost = await owner(cluster, nodes)
        await lost.crash()
        await cluster.end_lease(lost)

        first, again = await receiver.arrived(2)

        gate.set()
        assert first.json["data"]["payment_id"] == paid.json["id"]
        assert again.body == first.body
        assert (await owner(cluster, nodes)) is not lost


async def test_an_unused_world_leaves_memory_and_is_read_back_with_its_journal(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "COLD", 0)
    async with nodes_of(cluster, 1) as (only,):
        paid = (await cluster.pay(only)).json["id"]
        await until(lambda: not only.has(KEY))

        reply = await cluster.ask(only, "GET", "/_sandbox/requests")

        assert [each["operation"] for each in reply.json["data"]] == ["create_payment"]
        assert reply.json["data"][0]["duration_ms"] > 0
        assert await cluster.payments(only) == [paid]
        assert (await cluster.world(only))["restarted"] is None


async def test_worlds_above_the_maximum_leave_memory_and_none_is_lost(cluster: Cluster) -> None:
    async with nodes_of(cluster, 1, max_worlds=2) as (only,):
        for key in KEYS[:5]:
            assert (await cluster.pay(only, key)).status == 201
        await until(lambda: len(only.keys()) == 2)
        assert [len(await cluster.payments(only, key)) for key in KEYS[:5]] == [1] * 5


async def test_a_settlement_that_falls_due_in_a_world_out_of_memory_happens(
    cluster: Cluster, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node looks for overdue worlds and reads them."""
    monkeypatch.setattr(node, "COLD", 0)
    moved = 0

    def wall() -> Instant:
        return Instant(1_900_000_000_000 + moved)

    monkeypatch.setattr(serving, "MOST_OFF", 10**15)
    async with nodes_of(cluster, 1, wall=wall) as (only,):
        rules = {"rules": [{"request": "create_payment", "do": [{"settle": [
            {"to": "pending"}, {"to": "completed", "after": "1h"}]}]}]}  # fmt: skip
        await cluster.ask(only, "PUT", "/_sandbox/scenarios/active", [{"scenario": "s", **rules}])
        await cluster.ask(only, "POST", "/_sandbox/webhook_endpoints", {"url": receiver.url})
        assert (await cluster.pay(only)).json["status"] == "pending"
        await until(lambda: not only.has(KEY))
        assert not receiver.hits

        moved = HOUR

        (hit,) = await receiver.arrived(1)
        assert hit.json["type"] == "payment.completed"


@pytest.mark.parametrize(
    "kept", [b"junk", zlib.compress(b"[]"), zlib.compress(b'{"whole":{},"rows":{}}'), None]
)
async def test_an_unreadable_stored_world_is_a_logged_500_and_delays_no_other_world(
    cluster: Cluster,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kept: bytes | None,
) -> None:
    """As if a node of another version had written it."""
    monkeypatch.setattr(node, "COLD", 0)
    monkeypatch.setattr(serving, "MOST_OFF", 10**15)
    moved = 0

    def wall() -> Instant:
        return Instant(1_900_000_000_000 + moved)

    async with nodes_of(cluster, 1, wall=wall) as (only,):
        rules = {"rules": [{"request": "create_payment", "do": [{"settle": [
            {"to": "pending"}, {"to": "completed", "after": "1h"}]}]}]}  # fmt: skip
        for key in KEYS[:2]:
            scenario = [{"scenario": "s", **rules}]
            await cluster.ask(only, "PUT", "/_sandbox/scenarios/active", scenario, key=key)
            endpoint = {"url": receiver.url}
            await cluster.ask(only, "POST", "/_sandbox/webhook_endpoints", endpoint, key=key)
            moved += 1  # the first is due first
            await cluster.pay(only, key)
        await until(lambda: not (only.has(KEYS[0]) or only.has(KEYS[1])))
        effects = f"{PREFIX}effects:{KEYS[0]}"
        if kept is None:
            first = zlib.decompress(cast("bytes", await cluster.admin.lindex(effects, 0)))
            kept = zlib.compress(first.replace(b'"version":', b'"version":9'))
        await cluster.admin.lset(effects, 0, kept)  # type: ignore[arg-type]  # bytes will do

        moved = HOUR

        (hit,) = await receiver.arrived(1)
        assert hit.json["type"] == "payment.completed"
        refused = await cluster.pay(only, KEYS[0])
        assert refused.status == 500
        told = f"cannot read the stored world of {KEYS[0]} ("
        assert refused.json["error"]["details"].startswith(told)
        assert any(each.message.startswith(told) for each in caplog.records)
        assert all(each.exc_info is None for each in caplog.records)
        await cluster.admin.delete(effects)
        assert (await cluster.pay(only, KEYS[0])).status == 201


async def test_a_world_dropped_at_one_node_is_empty_at_every_node(cluster: Cluster) -> None:
    """Also the default world."""
    async with nodes_of(cluster, 2) as nodes:
        for key in (KEY, DEFAULT_API_KEY):
            await cluster.pay(nodes[0], key)
            assert (await cluster.ask(nodes[1], "DELETE", "/_sandbox/world", key=key)).status == 204
            assert await cluster.payments(nodes[0], key) == []
            assert await cluster.payments(nodes[1], key) == []
        await until(lambda: cluster.admin.exists(f"{PREFIX}effects:{KEY}"))


async def test_a_restored_snapshot_replaces_the_stored_world(cluster: Cluster) -> None:
    async with nodes_of(cluster, 1) as (only,):
        kept = (await cluster.pay(only)).json["id"]
        snapshot = (await cluster.ask(only, "GET", "/_sandbox/world/snapshot")).json
        await cluster.pay(only)
        assert (await cluster.ask(only, "PUT", "/_sandbox/world/snapshot", snapshot)).status == 200
    async with nodes_of(cluster, 1) as (other,):
        assert await cluster.payments(other) == [kept]


async def test_strict_keys_reject_a_key_at_every_node_until_one_has_created_its_world(
    cluster: Cluster,
) -> None:
    async with nodes_of(cluster, 2, strict_keys=True) as nodes:
        assert [(await cluster.pay(each)).status for each in nodes] == [401, 401]
        made = await cluster.ask(nodes[0], "POST", "/_sandbox/worlds", {"api_key": KEY})
        assert made.status == 201
        assert [(await cluster.pay(each)).status for each in nodes] == [201, 201]


async def test_a_node_without_its_engine_is_ready_until_its_lease_ends_then_answers_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is ready again once the engine is back."""
    with running_redis() as engine:
        cluster = Cluster(engine.url)
        async with nodes_of(cluster, 1, durability="reply") as (only,):
            await cluster.pay(only)
            engine.stop()
            assert (await cluster.ask(only, "GET", "/_sandbox/ready")).status == 200
            only.membership.end()

            reply = await cluster.pay(only)

            assert reply.status == 500
            assert reply.json["error"]["code"] == "internal_error"
            assert "cannot reach the engine of the cluster" in reply.json["error"]["details"]
            assert "cannot reach the engine of the cluster" in caplog.text
            ready = await cluster.ask(only, "GET", "/_sandbox/ready")
            assert ready.status == 503
            assert "lease" in ready.json["problems"][0]
            engine.start()
            await until(lambda: _is_ready(cluster, only))
        await cluster.close()


async def test_a_reply_whose_changes_cannot_be_stored_is_a_500_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The node is not ready until the engine stores changes again."""
    monkeypatch.setattr(keeper, "PATIENCE", 0)
    with running_redis() as engine:
        cluster = Cluster(engine.url)
        async with nodes_of(cluster, 1, durability="reply") as (only,):
            await cluster.pay(only)
            engine.stop()
            reply = await cluster.pay(only)
            assert reply.status == 500
            why = (
                "The changes of this request may be lost: the engine of the cluster does not"
                " store changes"
            )
            assert why in reply.json["error"]["details"]
            assert (await cluster.ask(only, "GET", "/_sandbox/ready")).status == 503
            engine.start()
            await until(lambda: _is_ready(cluster, only))
        await cluster.close()


async def test_worlds_are_listed_without_lost_and_silent_nodes_but_not_without_the_engine(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A silent node is logged."""
    with running_redis() as engine:
        cluster = Cluster(engine.url)
        async with nodes_of(cluster, 3) as all_nodes:
            nodes = list(all_nodes)
            await cluster.pay(nodes[0])
            lost = next(each for each in nodes if not each.has(KEY))
            asked = next(each for each in nodes if each is not lost)
            await lost.crash()
            nodes.remove(lost)
            assert await _listed(cluster, asked) == [KEY]
            assert "do not answer" not in caplog.text
            await cluster.admin.pubsub().subscribe(f"{PREFIX}questions")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(redis_engine, "ANSWERS_WITHIN", 0.2)
                assert await _listed(cluster, asked) == [KEY]
            assert "1 of 3 nodes do not answer" in caplog.text
            engine.stop()
            reply = await cluster.ask(asked, "GET", "/_sandbox/worlds")
            assert reply.status == 500
            assert "Cannot reach the engine of the cluster" in reply.json["error"]["details"]
            engine.start()
            await until(lambda: _is_listed(cluster, nodes))
        await cluster.close()


async def _listed(cluster: Cluster, node: RunningNode) -> list[str]:
    """Return the keys of the listed worlds."""
    reply = await cluster.ask(node, "GET", "/_sandbox/worlds")
    if reply.status != 200:
        return []
    return [each["api_key"] for each in reply.json["data"]]


async def _is_listed(cluster: Cluster, nodes: list[RunningNode]) -> bool:
    """Whether a node that does not own the world lists it, once the engine is back."""
    await cluster.pay(nodes[0])
    # An engine that forgot all may have named another owner, and the first one finds out soon.
    others = [each for each in nodes if not each.has(KEY)]
    return any([KEY in await _listed(cluster, each) for each in others])


async def _is_ready(cluster: Cluster, only: RunningNode) -> bool:
    return (await cluster.ask(only, "GET", "/_sandbox/ready")).status == 200


async def test_calls_to_a_lost_owner_are_answered_by_the_next_one_when_its_lease_ends(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once, however many calls wait."""
    async with nodes_of(cluster, 2) as nodes:
        await cluster.pay(nodes[0])
        lost = await owner(cluster, nodes)
        successor = next(each for each in nodes if each is not lost)
        async with cluster.admin.pubsub() as still_there:  # its connection is still open
            await still_there.subscribe(f"{PREFIX}node:{lost.name}")
            await lost.crash()

            waiting = [asyncio.create_task(cluster.pay(successor)) for _ in range(5)]
            await until(lambda: "cannot be reached" in caplog.text)
            assert not any(each.done() for each in waiting)
            await cluster.end_lease(lost)

            assert [reply.status for reply in await asyncio.gather(*waiting)] == [201] * 5
        assert caplog.text.count("cannot be reached") == 1


async def test_a_crashed_owner_is_replaced_before_its_lease_would_have_ended(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine refuses connections, and the engine has none of it."""
    monkeypatch.setattr(serving, "LEASE", 1_000 * HOUR)
    async with nodes_of(cluster, 2) as nodes:
        paid = (await cluster.pay(nodes[0])).json["id"]
        lost = await owner(cluster, nodes)
        await lost.keeper.finish()
        successor = next(each for each in nodes if each is not lost)
        await lost.crash()

        assert await cluster.payments(successor) == [paid]
        assert lost.name in (await cluster.world(successor))["restarted"]


async def test_a_call_to_a_stopped_node_fails_when_its_lease_ends_and_the_next_one_succeeds(
    cluster: Cluster,
) -> None:
    is_asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            is_asked.set()
            await reader.read()
        writer.close()

    stopped = await asyncio.start_server(hang, "127.0.0.1", 0)
    member = Member("stopped", *stopped.sockets[0].getsockname())
    engine = redis_engine.RedisEngine(cluster.url, ttl=HOUR, lease=HOUR)
    async with nodes_of(cluster, 1) as (only,), stopped:
        await engine.renew(member)
        await claimed(engine, KEY, member.name, member.name)
        await only.membership.renew()
        waiting = asyncio.create_task(cluster.pay(only))
        await is_asked.wait()

        await cluster.end_lease(member)

        with pytest.raises(aiohttp.ClientError):
            await waiting
        assert (await cluster.pay(only)).status == 201
    await engine.close()


async def test_a_node_whose_clock_is_off_cannot_join(cluster: Cluster) -> None:
    """The time of worlds would jump whenever they move."""
    with pytest.raises(serving.CannotJoinError, match=r"is .* behind that of unix://.*NTP"):
        async with cluster.node(wall=lambda: Instant(1_000_000_000_000)):
            pass
    assert not await cluster.members()


async def test_a_node_without_an_engine_cannot_join_and_names_its_address_without_password() -> (
    None
):
    cluster = Cluster("redis://:secret@127.0.0.1:1/0")
    with pytest.raises(serving.CannotJoinError) as caught:
        async with cluster.node():
            pass
    await cluster.close()
    assert "cannot use redis://…@127.0.0.1:1/0" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_node_cannot_join_an_engine_that_is_too_old_and_names_both_versions(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "OLDEST", 1_000)
    with pytest.raises(
        serving.CannotJoinError, match=r"expected Redis 1000 or later, got \d[\d.]+"
    ):
        async with cluster.node():
            pass


async def test_a_node_without_the_engines_password_cannot_join_and_is_told_where_it_goes() -> None:
    with running_redis() as engine:
        cluster = Cluster(engine.url)
        await cluster.admin.config_set("requirepass", "secret")
        with pytest.raises(serving.CannotJoinError, match="redis://:PASSWORD@localhost:6379"):
            async with cluster.node():
                pass
        await cluster.close()
