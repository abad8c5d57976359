"""Owns nodes of a cluster in the test's event loop, and ways to disturb them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import aiohttp
import orjson
import pytest
from redis.asyncio import Redis

from payments_sandbox.cluster.keeper import Keeper
from payments_sandbox.cluster.membership import Membership
from payments_sandbox.cluster.node import ClusterNode
from payments_sandbox.cluster.places import Member
from payments_sandbox.cluster.redis_engine import PREFIX
from payments_sandbox.cluster.runtime import NodeRuntime
from payments_sandbox.cluster.serving import ClusterOptions, serving, settings_of_node
from payments_sandbox.cluster.store import Claim, Registry
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.values import LONGEST_WAIT, documented_create

KEY: Final = "sk_test_shared"

RENEW_EVERY: Final = 0.05
"""Seconds between two renewals of a lease; a node that leaves waits until all others know."""


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that serves.

    Attributes:
        address: where it listens.
        name: its name for other nodes.
        sandbox: the sandbox that it serves.
        close: makes it leave before its block ends.
    """

    address: str
    name: str
    sandbox: AssembledServer
    close: Callable[[], Awaitable[object]]

    def has(self, key: str) -> bool:
        """Return whether the world of a key is in its memory."""
        return self.sandbox.runtime.worlds.get(key) is not None

    @property
    def directory(self) -> ClusterNode:
        """The directory of keys."""
        return cast("ClusterNode", self._runtime.worlds._ownership)  # noqa: SLF001 - no public access

    @property
    def keeper(self) -> Keeper:
        """The keeper, which writes changes."""
        return self._runtime.keeper

    @property
    def membership(self) -> Membership:
        """Its lease."""
        return self._runtime.membership

    @property
    def _runtime(self) -> NodeRuntime:
        assert isinstance(self.sandbox.runtime, NodeRuntime)
        return self.sandbox.runtime

    async def crash(self) -> None:
        """End it without notice; its lease is still valid for a while."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.directory, "leave", _say_nothing)
            await self.close()

    def keys(self) -> set[str]:
        """Return the keys with worlds in its memory."""
        return {world.config.api_key for world in self.sandbox.runtime.worlds}


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a node."""

    status: int
    json: Any


class Cluster:
    """An engine, its nodes, and a client with a new connection for each request.

    Args:
        url: the URL of the engine.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.admin = Redis.from_url(url)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))

    async def close(self) -> None:
        """Close the clients."""
        await self._http.close()
        await self.admin.aclose()

    @contextlib.asynccontextmanager
    async def node(
        self,
        *,
        durability: str = "relaxed",
        wall: Callable[[], Instant] | None = None,
        **settings: Any,  # noqa: ANN401 - any setting
    ) -> AsyncIterator[RunningNode]:
        """Run a node until the block ends."""
        given = replace(Settings(port=0, max_wall_delay=100), **settings)
        sandbox = assemble(settings_of_node(given), runtime_type=NodeRuntime)
        if wall is not None:
            worlds = sandbox.runtime.worlds
            worlds.context = worlds.context._replace(wall=wall)
        options = ClusterOptions(self.url, waits_for_replies=durability == "reply")
        async with contextlib.AsyncExitStack() as stack:
            at = await stack.enter_async_context(serving(sandbox, given, options))
            runtime = cast("NodeRuntime", sandbox.runtime)
            name = runtime.membership.member.name
            yield RunningNode(at.url, name, sandbox, stack.aclose)

    async def members(self) -> dict[str, list[Any]]:
        """Return what each member has published about itself, by name."""
        said = await self.admin.hgetall(f"{PREFIX}members")
        return {text_of(name): orjson.loads(text) for name, text in said.items()}

    async def end_lease(self, node: RunningNode | Member) -> None:
        """End a node's lease in the engine without the node's knowledge, as if it had slept."""
        seconds, _ = await self.admin.time()
        await self.admin.zadd(f"{PREFIX}nodes", {node.name: int(seconds) * 1_000 - 1_000})

    async def owner_of(self, key: str = KEY) -> str:
        """Return the name of the node that owns a key, or an empty text."""
        found = await self.admin.hget(f"{PREFIX}world:{key}", "node")
        return "" if found is None else text_of(found)

    async def ask(
        self,
        node: RunningNode,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = KEY,
    ) -> Reply:
        """Send a request to a node."""
        async with self._http.request(
            method,
            node.address + path,
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=aiohttp.ClientTimeout(LONGEST_WAIT),
        ) as reply:
            raw = await reply.read()
            return Reply(reply.status, orjson.loads(raw) if raw else None)

    async def pay(self, node: RunningNode, key: str = KEY, **changes: object) -> Reply:
        """Create a payment at a node."""
        return await self.ask(node, "POST", "/v3/payments", documented_create(**changes), key=key)

    async def payments(self, node: RunningNode, key: str = KEY) -> list[str]:
        """Return the ids of all payments according to a node, newest first."""
        reply = await self.ask(node, "GET", "/v3/payments?limit=100", key=key)
        assert reply.status == 200, reply.json
        return [each["id"] for each in reply.json["data"]]

    async def world(self, node: RunningNode, key: str = KEY) -> Any:  # noqa: ANN401 - JSON
        """Return the summary of a world according to a node."""
        return (await self.ask(node, "GET", "/_sandbox/world", key=key)).json


async def claimed(
    registry: Registry, key: str, candidate: str, claimant: str, *refusing: str
) -> Claim:
    """Claim a key, and return what the registry says about it."""
    [claim] = await registry.claim({key: candidate}, claimant, refusing)
    return claim


def text_of(raw: bytes | str) -> str:
    """Return the bytes of a client as text; redis types them as bytes or text."""
    return raw.decode() if isinstance(raw, bytes) else raw


async def _say_nothing() -> None:
    """Do nothing, as a killed node."""


async def until(holds: Callable[[], Any]) -> None:
    """Wait until a condition is true; it may be a coroutine function."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)  # noqa: TID251 - polling, not a fixed wait
