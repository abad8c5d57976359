"""Owns a node's memory of which other nodes own which keys, so that it need not ask each time."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from payments_sandbox.cluster.places import Member, NoOwnerError, UnreachableError
from payments_sandbox.server.slices import pause

KNOWN_FOR: Final = 1.0
"""Wall seconds that a remembered place is used before the engine is asked again."""

KNOWN_USES: Final = 64
"""How often a remembered place is used: a loop of two nodes that point at each other ends soon."""

KNOWN_AT_MOST: Final = 10_000

PATIENCE: Final = 5.0
"""Wall seconds after which callers stop waiting for a member that cannot be reached."""

TRIED_AFTER: Final = 1.0
"""Wall seconds until an unreachable node is tried again."""

REFUSED_AGAIN: Final = 0.2
"""The same if it refused the connection: it may have died, which the engine knows soon."""

FORGIVEN_AFTER: Final = 3 * TRIED_AFTER
"""Wall seconds without a failed attempt after which a node counts as reachable again."""

_log: Final = logging.getLogger(__name__)


class _KnownPlace:
    """The owner of a key, and for how long to believe it."""

    __slots__ = ("lease_ends", "node", "until", "uses")

    def __init__(self, node: Member, lease: float) -> None:
        self.node = node
        self.lease_ends = _now() + lease
        self.until = _now() + KNOWN_FOR
        self.uses = KNOWN_USES


class _Unreachable(NamedTuple):
    """A node that does not answer.

    Attributes:
        since: when that was first seen.
        last: when that was last seen.
        is_refused: whether its machine refused the last connection.
    """

    since: float
    last: float
    is_refused: bool

    @property
    def tried_again(self) -> float:
        """When the node is tried again."""
        return self.last + (REFUSED_AGAIN if self.is_refused else TRIED_AFTER)


class KnownPlaces:
    """The places of keys that other nodes own."""

    def __init__(self) -> None:
        self._places: dict[str, _KnownPlace] = {}
        self._unreachable: dict[str, _Unreachable] = {}

    def get(self, key: str, members: Mapping[str, Member]) -> Member | None:
        """The remembered place of a key; None if the engine has to be asked.

        Args:
            key: the API key.
            members: of the cluster; a member that leaves may have given the key away.
        """
        known = self._places.get(key)
        if known is None:
            return None
        known.uses -= 1
        member = members.get(known.node.name)
        is_stale = known.uses < 0 or known.until < _now() or self.is_unreachable(known.node.name)
        return None if member is None or member.is_leaving or is_stale else known.node

    def remember(self, key: str, member: Member, lease: float) -> None:
        """Remember for a short time who owns a key.

        Args:
            key: the API key.
            member: its owner.
            lease: wall seconds until the owner's lease ends, unless it is renewed.
        """
        if len(self._places) >= KNOWN_AT_MOST:
            self._places.clear()
        self._places[key] = _KnownPlace(member, lease)

    async def until_worth_a_try(self, key: str) -> Member | None:
        """Wait until an unreachable owner is worth another try, without asking the engine.

        Returns:
            The owner to try again; None if the engine has to be asked, since no owner is
            remembered, it is reachable, or its lease has ended.

        Raises:
            NoOwnerError: the owner has been unreachable for too long.
        """
        known = self._places.get(key)
        if known is None or not self.is_unreachable(known.node.name):
            return None
        self._check(known.node)
        tried_again = self._unreachable[known.node.name].tried_again
        await pause(max(0.0, min(known.lease_ends, tried_again) - _now()))
        has_lease = tried_again < known.lease_ends and self._places.get(key) is known
        return known.node if has_lease else None

    def forget(self, key: str) -> None:
        """Forget the place of a key."""
        self._places.pop(key, None)

    def is_unreachable(self, name: str) -> bool:
        """Whether a node did not answer just now."""
        found = self._unreachable.get(name)
        return found is not None and _now() - found.last < TRIED_AFTER

    def refusing(self) -> Iterable[str]:
        """The nodes whose machines refused a connection just now."""
        now = _now()
        return (
            name
            for name, each in self._unreachable.items()
            if each.is_refused and now - each.last < TRIED_AFTER
        )

    def unreachable(self, node: Member, error: UnreachableError) -> None:
        """Note that a node did not answer."""
        now = _now()
        before = self._unreachable.get(node.name)
        is_news = before is None or now - before.last >= FORGIVEN_AFTER
        if is_news:  # it was reachable since, or was never tried
            _log.warning("%s at %s:%d cannot be reached: %s", *node[:3], error)
        since = now if before is None or is_news else before.since
        self._unreachable[node.name] = _Unreachable(since, now, error.is_refused)
        if error.is_refused:  # it may have died, so ask the engine for the owners again
            for key in [key for key, known in self._places.items() if known.node.name == node.name]:
                del self._places[key]

    def _check(self, node: Member) -> None:
        since, last, _ = self._unreachable[node.name]
        if last - since > PATIENCE:
            where = f"{node.host}:{node.port}"
            raise NoOwnerError(f"{node.name} owns the key, but cannot be reached at {where}")


def _now() -> float:
    return asyncio.get_running_loop().time()
