"""Owns what a node remembers of the places of other nodes' keys: it need not ask each time."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import astuple
from typing import Final

from payments_sandbox.cluster.places import Node, NoOwnerError
from payments_sandbox.cluster.store import Member

KNOWN_FOR: Final = 1.0
"""Wall seconds that the place of a key is believed."""

KNOWN_USES: Final = 64
"""How often it is used: two nodes that each believe the other end soon."""

KNOWN_AT_MOST: Final = 10_000

PATIENCE: Final = 5.0
"""Wall seconds after which a node that is a member and cannot be reached is not waited for."""


TRIED_AFTER: Final = 1.0
"""Wall seconds until a node is tried again that could not be reached."""

FORGIVEN_AFTER: Final = 3 * TRIED_AFTER
"""Wall seconds after which it counts no more that a node could not be reached."""

_log: Final = logging.getLogger(__name__)


class _KnownPlace:
    """Where a key was when it was asked for."""

    __slots__ = ("node", "until", "uses")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.until = _now() + KNOWN_FOR
        self.uses = KNOWN_USES


class KnownPlaces:
    """The places of keys of other nodes."""

    def __init__(self) -> None:
        self._places: dict[str, _KnownPlace] = {}
        self._unreachable: dict[str, tuple[float, float]] = {}

    def get(self, key: str, members: Mapping[str, Member]) -> Node | None:
        """The place of a key, unless that has to be asked for.

        Args:
            key: the API key.
            members: of the cluster; one that leaves may have given the key away.
        """
        known = self._places.get(key)
        if known is None:
            return None
        known.uses -= 1
        member = members.get(known.node.name)
        is_stale = known.uses < 0 or known.until < _now()
        return None if member is None or member.is_leaving or is_stale else known.node

    def remember(self, key: str, member: Member) -> Node:
        """Remember for a moment who owns a key; returns its place."""
        if len(self._places) >= KNOWN_AT_MOST:
            self._places.clear()
        node = Node(member.name, member.host, member.port)
        self._places[key] = _KnownPlace(node)
        return node

    def check(self, member: Member) -> None:
        """Check that it makes sense to wait for a member.

        Raises:
            NoOwnerError: it cannot be reached from here, for a while by now.
        """
        since, last = self._unreachable.get(member.name, (0.0, 0.0))
        if last - since > PATIENCE and self.is_unreachable(member.name):
            where = f"{member.host}:{member.port}"
            raise NoOwnerError(f"{member.name} owns the key, and is not reached at {where}")

    def forget(self, key: str) -> None:
        """Remember nothing of a key."""
        self._places.pop(key, None)

    def is_unreachable(self, name: str) -> bool:
        """Whether nobody has answered at a node just now."""
        return name in self._unreachable and _now() - self._unreachable[name][1] < TRIED_AFTER

    def unreachable(self, node: Node, why: str) -> None:
        """Nobody has answered at a node: remember nothing of its keys."""
        now = _now()
        since, last = self._unreachable.get(node.name, (now, -FORGIVEN_AFTER))
        is_news = now - last >= FORGIVEN_AFTER  # it was reached meanwhile, or nobody has tried
        if is_news:
            _log.warning("%s at %s:%d cannot be reached: %s", *astuple(node), why)
        self._unreachable[node.name] = (now if is_news else since), now
        for key in [key for key, known in self._places.items() if known.node == node]:
            del self._places[key]


def _now() -> float:
    return asyncio.get_running_loop().time()
