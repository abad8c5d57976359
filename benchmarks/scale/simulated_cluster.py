"""Owns nodes in virtual time: the real ones, with an engine in memory, and without worlds.

Real are `Membership`, with its lease and its rendezvous hashing, and `ClusterNode`, with everything
that it asks the engine. Left out are worlds, sockets, and the time that a node computes.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from benchmarks.scale.engine_costs import EngineCosts, costs_at
from benchmarks.scale.engine_model import ModelEngine, wall
from payments_sandbox.cluster.membership import LEASE, RENEW_EVERY, Membership
from payments_sandbox.cluster.node import ClusterNode
from payments_sandbox.cluster.places import Here, Member, NoOwnerError, Place, UnreachableError
from payments_sandbox.cluster.runtime import NodeRuntime
from payments_sandbox.cluster.serving import settings_of_node
from payments_sandbox.cluster.store import EngineError
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.background import end
from payments_sandbox.server.factory import assemble

AGAIN: Final = 0.1
"""Seconds until a node asks again after it could not reach an owner, as in `cluster/server.py`."""

GIVES_UP: Final = 30.0
"""Seconds after which a client gives up."""

WATCHED: Final = 10.0
"""Seconds that a story lasts."""


class Cluster(NamedTuple):
    """The size of the simulated cluster.

    Attributes:
        nodes, worlds: how many there are.
        changed_each: seconds between two payments of a world.
        due_each: seconds between two things that fall due in a world that is not in memory.
    """

    nodes: int
    worlds: int
    changed_each: float = 60.0
    due_each: float = 600.0

    @property
    def changes(self) -> float:
        """Payments per second in all worlds."""
        return self.worlds / self.changed_each

    @property
    def alarms(self) -> float:
        """Things that fall due per second in all worlds."""
        return self.worlds / self.due_each


class Shares(NamedTuple):
    """The outcome for leases.

    Attributes:
        core: the share of the engine's core that they took.
        lost: how many nodes lost theirs.
    """

    core: float
    lost: int


class Deaths(NamedTuple):
    """The outcome for the worlds of nodes that died at the same time.

    Attributes:
        waits: the seconds that each client of such a world waited.
        failed: how many requests were answered with a 500.
        lost: how many living nodes lost their leases.
        busiest: the largest share of the engine's core that one second took.
    """

    waits: list[float]
    failed: int
    lost: int
    busiest: float


class Alarms(NamedTuple):
    """The outcome for things that fell due in worlds that are not in memory.

    Attributes:
        late: the seconds until each was handled.
        core: the share of the engine's core that this took, including all checks.
    """

    late: list[float]
    core: float


class Spread(NamedTuple):
    """How worlds are spread over nodes.

    Attributes:
        before: the worlds of the node with the most, relative to the mean.
        after: the same when a tenth of the nodes is gone.
        moved: how many worlds moved although their own node has stayed.
    """

    before: float
    after: float
    moved: int


def member_of(number: int) -> Member:
    """The member of a number."""
    return Member(f"host-{number}:8080-{number:04x}", f"10.0.{number // 256}.{number % 256}", 8080)


async def renewing(costs: EngineCosts, nodes: int) -> Shares:
    """Simulate nodes that only renew their leases."""
    engine, lost = ModelEngine(costs), 0

    def count(_: str) -> None:
        nonlocal lost
        lost += 1

    members = [Membership(engine, member_of(number), _nothing, count) for number in range(nodes)]
    working = [asyncio.create_task(_begin(each, nth / nodes)) for nth, each in enumerate(members)]
    await asyncio.sleep(1 + WATCHED)
    await end(*working)
    spent = sum(engine.spent[1 + second] for second in range(round(WATCHED)))
    return Shares(spent / WATCHED / 1e6, lost)


async def _begin(membership: Membership, after: float) -> None:
    await asyncio.sleep(after * RENEW_EVERY)
    with contextlib.suppress(EngineError):  # `run` tries again each second
        await membership.renew()
    await membership.run()


class SimulatedCluster:
    """Nodes that have joined a cluster.

    Args:
        engine: of all of them.
        nodes: how many there are.
        seed: of the draws of which node is asked, and when.
    """

    def __init__(self, engine: ModelEngine, nodes: int, seed: int) -> None:
        self.engine = engine
        self.draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self.lost = self.failed = 0
        self._nodes = {each.membership.member.name: each for each in map(self._node, range(nodes))}
        self._work: dict[str, asyncio.Task[None]] = {}

    def _node(self, number: int) -> ClusterNode:
        runtime = assemble(settings_of_node(Settings(port=0)), runtime_type=NodeRuntime).runtime
        assert isinstance(runtime, NodeRuntime)
        runtime.worlds.context = runtime.worlds.context._replace(wall=wall)
        node = ClusterNode(self.engine, runtime, member_of(number), longest_wait=0, most=1)
        runtime.attach(node.membership, node.keeper, waits_for_replies=False)
        runtime.worlds.share(node)
        return node

    async def start(self) -> None:
        """Let all nodes join within a second, and wait until they know each other."""
        for nth, (name, node) in enumerate(self._nodes.items()):
            after = nth / len(self._nodes)
            self._work[name] = asyncio.create_task(self._run(node, after))
        await asyncio.sleep(2 + RENEW_EVERY)

    async def _run(self, node: ClusterNode, after: float) -> None:
        await asyncio.sleep(after)
        with contextlib.suppress(EngineError):  # `run` tries again each second
            await node.membership.renew()
        await asyncio.gather(node.membership.run(), node.look_after(), self._watch(node))

    async def _watch(self, node: ClusterNode) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY / 4)
            self.lost += not node.membership.is_running()

    async def stop(self, names: Iterable[str]) -> None:
        """Stop nodes without an announcement."""
        gone = [self._work.pop(name) for name in list(names)]
        await end(*gone)

    @property
    def names(self) -> list[str]:
        """The living nodes."""
        return list(self._work)

    async def ask(self, key: str, at: float) -> float:
        """Ask any node for a world; return the seconds until an answer, or until giving up."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at)
        asked = loop.time()
        name = self.draw.choice(self.names)
        while loop.time() - asked < GIVES_UP:
            node, place = self._nodes[name], await self._place(name, key)
            if isinstance(place, Here):
                return loop.time() - asked
            if isinstance(place, Member) and place.name in self._work:
                name = place.name
                continue
            if place is None:
                self.failed += 1
            elif isinstance(place, Member):
                node.unreachable(place, UnreachableError("it has died"))
            await asyncio.sleep(AGAIN)
        return GIVES_UP

    async def _place(self, name: str, key: str) -> Place | None:
        node = self._nodes[name]
        try:
            return node.place_of(key) or await node.claim(key)
        except NoOwnerError:
            return None


async def dying(costs: EngineCosts, size: Cluster, lost: int, elsewhere: float) -> Deaths:
    """Simulate nodes that die at the same time, while clients go on asking for their worlds.

    Args:
        costs: of the engine.
        size: of the cluster.
        lost: how many nodes die.
        elsewhere: the share of the engine's core that all other worlds take.
    """
    cluster = SimulatedCluster(ModelEngine(costs, elsewhere), size.nodes, seed=lost)
    await cluster.start()
    dead = cluster.draw.sample(cluster.names, lost)
    keys = [f"sk_test_world{number}" for number in range(size.worlds * lost // size.nodes)]
    for key in keys:
        cluster.engine.give(key, cluster.draw.choice(dead))
    began = int(asyncio.get_running_loop().time())
    await cluster.stop(dead)
    first = ((key, cluster.draw.expovariate(1 / size.changed_each)) for key in keys)
    asking = [cluster.ask(key, at) for key, at in first if at < WATCHED - LEASE / SECOND]
    waits = await asyncio.gather(*asking)
    await asyncio.sleep(1)
    spent = max(cluster.engine.spent[began + second] for second in range(round(WATCHED)))
    await cluster.stop(cluster.names)
    return Deaths(waits, cluster.failed, cluster.lost, elsewhere + spent / 1e6)


async def falling_due(costs: EngineCosts, size: Cluster) -> Alarms:
    """Simulate things that fall due in worlds that are not in memory, and have living owners."""
    cluster = SimulatedCluster(ModelEngine(costs), size.nodes, seed=size.nodes)
    await cluster.start()
    now = wall()
    for number in range(round(size.alarms * WATCHED)):
        due = Instant(now + cluster.draw.randrange(round(WATCHED * SECOND)))
        cluster.engine.give(f"sk_test_world{number}", cluster.draw.choice(cluster.names), due)
    began = int(asyncio.get_running_loop().time())
    await asyncio.sleep(WATCHED + 2)
    spent = sum(cluster.engine.spent[began + second] for second in range(round(WATCHED)))
    await cluster.stop(cluster.names)
    return Alarms([each / SECOND for each in cluster.engine.late], spent / WATCHED / 1e6)


async def spread(nodes: int, worlds: int) -> Spread:
    """Spread worlds over nodes, and again when a tenth of the nodes is gone."""
    engine = ModelEngine(costs_at(1e6))
    node = Membership(engine, member_of(0), _nothing, lambda _: None)
    for number in range(nodes):
        await engine.renew(member_of(number))
    await node.renew()
    keys = [f"sk_test_world{number}" for number in range(worlds)]
    before = [node.first_for(key) for key in keys]
    for number in range(1, 1 + nodes // 10):
        await engine.leave(member_of(number).name)
    await node.renew()
    after = [node.first_for(key) for key in keys]
    moved = sum(new != old and old in node.others for old, new in zip(before, after, strict=True))
    left = len(node.others)
    return Spread(_fullest(before) * nodes / worlds, _fullest(after) * left / worlds, moved)


def _fullest(owners: Iterable[str]) -> int:
    return max(Counter(owners).values())


async def _nothing() -> None:
    """Do nothing after the lease had run out: the node owns nothing."""
