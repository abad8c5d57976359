"""Owns how a node of a cluster serves: what it checks before it joins, and how it leaves."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

from payments_sandbox.cluster.membership import LEASE
from payments_sandbox.cluster.node import ClusterNode
from payments_sandbox.cluster.node_handler import NodeHandler
from payments_sandbox.cluster.other_nodes import OtherNodes
from payments_sandbox.cluster.places import Directory, Member
from payments_sandbox.cluster.redis_engine import RedisEngine
from payments_sandbox.cluster.relay import Relay
from payments_sandbox.cluster.runtime import NodeRuntime
from payments_sandbox.cluster.server import SharedServer
from payments_sandbox.cluster.store import EngineError
from payments_sandbox.core.instants import LAST, SECOND, show_duration
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.background import end
from payments_sandbox.server.control.questions import answer
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.http_server import Handler, listening
from payments_sandbox.server.listening.listeners import ListeningAt, bound_before
from payments_sandbox.server.slices import pause

OLDEST: Final = 7
"""The oldest supported version of Redis."""

MOST_OFF: Final = 2_000
"""Milliseconds by which a node's clock may differ from the engine's."""

GRACE: Final = 0.3
"""Wall seconds that a node has to renew a lease that it has lost, if it is still alive."""

ANSWERED_WITHIN: Final = 5.0
"""Wall seconds that an answer may take in addition to the time that a call is held: the owner of
the key may have to read its world first, on a busy machine."""

_KEYS_OF_A_START: Final = 1_000_000
"""Keys that one run of a node may draw: runs with the same seed draw from the same sequence."""

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


class CannotJoinError(Exception):
    """This node cannot join the cluster; the text says why, and what would work."""


class ClusterOptions(NamedTuple):
    """A node's options about its cluster.

    Attributes:
        url: of the engine.
        waits_for_replies: whether a reply waits until the changes it reports are stored.
        advertised: the host and port at which other nodes reach this one. Port 0 means the port
            that it listens on; None means that the address is found out.
    """

    url: str
    waits_for_replies: bool
    advertised: tuple[str, int] | None = None


def settings_of_node(settings: Settings) -> Settings:
    """The settings of a node's server: its worlds are never dropped, they leave memory instead."""
    return replace(settings, world_ttl=LAST, max_worlds=LAST)


@contextlib.asynccontextmanager
async def serving(
    sandbox: AssembledServer, settings: Settings, options: ClusterOptions
) -> AsyncIterator[ListeningAt]:
    """Serve as a node until the block ends, and yield the address.

    Args:
        sandbox: made with `NodeRuntime` and `settings_of_node`.
        settings: as they were given.
        options: of the cluster.

    Raises:
        CannotJoinError: the engine is away or too old, or its clock differs too much.
        OSError: the port is taken, or the host is not an address of this machine.
    """
    engine = RedisEngine(options.url, ttl=settings.world_ttl, lease=LEASE)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        number = await _checked(engine, options.url)
        sockets = stack.enter_context(contextlib.ExitStack())
        bound = bound_before(settings, sockets)
        runtime = cast("NodeRuntime", sandbox.runtime)
        member = _member(bound[0].getsockname()[1], settings, options)
        longest, most = settings.max_wall_delay, settings.max_worlds
        node = ClusterNode(engine, runtime, member, longest_wait=longest, most=most)
        stack.push_async_callback(node.close)
        runtime.attach(node.membership, node.keeper, waits_for_replies=options.waits_for_replies)
        runtime.address = _address(member)
        runtime.worlds.share(node)
        runtime.worlds.begin_keys_at(number * _KEYS_OF_A_START)
        server = _NodeServer(sandbox.handler, settings.body_timeout, node)
        runtime.elsewhere = others = OtherNodes(engine, member.name, partial(answer, runtime))
        await stack.enter_async_context(others.answering())
        await _join(node, options.url)
        for work in (node.membership.run(), node.keeper.run(), node.look_after()):
            stack.push_async_callback(end, asyncio.create_task(work))
        async with listening(sandbox, http_server=server, bound=bound) as at:
            try:
                yield at
            finally:
                await node.leave()
                await server.until_answered(longest / SECOND + ANSWERED_WITHIN)


def _member(port: int, settings: Settings, options: ClusterOptions) -> Member:
    """What other nodes know of a node that listens at a port."""
    host, advertised = options.advertised or (_own_host(settings.host, options.url), 0)
    port = advertised or port
    return Member(f"{socket.gethostname()}:{port}-{token_hex(2)}", host, port)


def _address(member: Member) -> str:
    """The URL at which clients reach a node."""
    host = f"[{member.host}]" if ":" in member.host else member.host
    return f"http://{host}:{member.port}"


class _NodeServer(SharedServer):
    """Makes the connections of a node, which has no siblings."""

    def __init__(self, handler: Handler, timeout: float, node: ClusterNode) -> None:
        self._node = node
        super().__init__(handler, timeout, node, {}, lambda _, __: None)
        node.membership.on_lost = lambda names: self._begin(self._end_relays(names))

    async def _end_relays(self, lost: set[str]) -> None:
        """End the connections that are relayed to nodes which have lost their leases.

        Such a node may be suspended for any time. A client that waits for its answer, or sends its
        next request on such a connection, would wait as long.
        """
        for each in self._relays_to(lost):
            if not each.is_awaited:
                each.close()
        await pause(GRACE)
        for each in self._relays_to(lost - self._node.membership.others.keys()):
            each.cut()

    def _relays_to(self, names: set[str]) -> list[Relay]:
        return [relay for relay, name in self._relays.items() if name in names]

    def _owner_handler(self, handler: Handler, _: Directory) -> Handler:
        return NodeHandler(handler, self._node, self)

    def _is_awaited(self) -> bool:
        return bool(self._node.calls) or super()._is_awaited()


async def _checked(engine: RedisEngine, url: str) -> int:
    """Check the engine, and return the number of this start."""
    try:
        version = await engine.version()
        if version[0] < OLDEST:
            found = ".".join(map(str, version))
            raise CannotJoinError(f"{shown(url)}: expected Redis {OLDEST} or later, got {found}")
        return await engine.number_of_start()
    except EngineError as error:
        raise CannotJoinError(f"cannot use {shown(url)}: {error}") from None


async def _join(node: ClusterNode, url: str) -> None:
    try:
        now = await node.membership.renew()
    except EngineError as error:
        raise CannotJoinError(f"cannot use {shown(url)}: {error}") from None
    off = node.wall() - now
    if abs(off) > MOST_OFF:
        with contextlib.suppress(EngineError):
            await node.membership.leave()
        where = "ahead of" if off > 0 else "behind"
        how_far = show_duration(abs(off) // SECOND * SECOND)
        raise CannotJoinError(
            f"the clock of this machine is {how_far} {where} that of {shown(url)}: expected at"
            f" most {show_duration(MOST_OFF)}; synchronize both with NTP"
        )


def shown(url: str) -> str:
    """The URL of an engine without its password, for messages."""
    scheme, _, rest = url.partition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{'…' * bool(at)}{at}{place}"


def _own_host(host: str, url: str) -> str:
    """The host for other nodes: the one it listens on, or the one it reaches the engine from."""
    if host not in _WILDCARDS:
        return host
    parts = urlsplit(url)
    if parts.hostname is None:  # a socket of this machine
        return "127.0.0.1"
    family, kind, _, _, address = socket.getaddrinfo(
        parts.hostname, parts.port or 6379, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)  # sends nothing: it only selects the route
        return str(probe.getsockname()[0])
