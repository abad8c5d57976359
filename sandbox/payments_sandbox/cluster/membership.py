"""Owns a node's membership: the lease that it renews each second, and who else is a member.

A node serves its keys while its lease runs by its own clock, counted from when it asked for the
lease; the engine counts from slightly later. A process that was suspended finds that its lease has
ended, whatever it was about to do. It then renews the lease, and learns whether another node may
have taken its keys.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

from payments_sandbox.cluster.places import Member
from payments_sandbox.cluster.store import EngineError, Registry
from payments_sandbox.core.instants import Instant
from payments_sandbox.server.background import end
from payments_sandbox.server.slices import pause

LEASE: Final = 3_000
"""Milliseconds."""

RENEW_EVERY: Final = 1.0
"""Wall seconds."""

_HEARD_EVERY: Final = 0.05
"""Wall seconds between two checks whether all others know that a node leaves."""

_LARGEST: Final = 2**64 - 1
_ODD: Final = 0x9E37_79B9_7F4A_7C15
"""2**64 divided by the golden ratio: each digit of a factor affects the highest of the product."""

_log: Final = logging.getLogger(__name__)


class Membership:
    """The lease of one node.

    Args:
        registry: the registry that the node is a member of.
        member: the node.
        check_owned: called after the lease had run out, before the new one counts.
        on_end: called with the reason when the lease has run out.

    Attributes:
        member: the node in its current state.
        others: all members by name as of the last renewal, this one included.
        on_lost: called with the names of members that are gone without having said that they leave.
    """

    def __init__(
        self,
        registry: Registry,
        member: Member,
        check_owned: Callable[[], Awaitable[None]],
        on_end: Callable[[str], None],
    ) -> None:
        self._registry = registry
        self._check_owned = check_owned
        self._on_end = on_end
        self._now = asyncio.get_running_loop().time  # looked up once, since each request calls it
        self._until = 0.0
        self._renewing: asyncio.Task[Instant] | None = None
        self._must_check = False
        self._members: tuple[Member, ...] = ()
        self._taking: dict[str, int] = {}
        self.on_lost: Callable[[set[str]], None] = lambda _: None
        self.member = member
        self.others: dict[str, Member] = {}

    def is_running(self) -> bool:
        """Whether the lease runs: nobody else can have taken the keys that are owned here."""
        return self._now() < self._until

    def first_for(self, key: str) -> str:
        """The name of the member that should get a key without an owner: the same in every node.

        Each member has a weight for the key, and the highest weight wins.
        """
        taking, number = self._taking, _number(key)
        # One multiplication per member: with a thousand members, digests would take a millisecond.
        return max(
            taking,
            key=lambda name: (taking[name] ^ number) * _ODD & _LARGEST,
            default=self.member.name,
        )

    @property
    def place(self) -> int:
        """The rank of this node, by name, among the members that take keys."""
        return sum(name < self.member.name for name in self._taking)

    async def renew(self) -> Instant:
        """Renew the lease now; callers during a renewal share its result.

        Returns:
            The engine's time.

        Raises:
            EngineError: it was not renewed.
        """
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
            self._renewing.add_done_callback(self._renewed)
        return await asyncio.shield(self._renewing)

    async def run(self) -> None:
        """Renew the lease each second, until cancelled."""
        asked_at = self._now()
        while True:
            # Counted from the last request: after a slow renewal the next one follows at once.
            await pause(max(0.0, asked_at + RENEW_EVERY - self._now()))
            asked_at = self._now()
            try:
                await self.renew()
            except EngineError as error:
                _log.warning("the lease of %s was not renewed: %s", self.member.name, error)
                if not self.is_running():
                    self._on_end(
                        f"the lease has expired, and the engine cannot be reached: {error}"
                    )

    def end(self) -> None:
        """Treat the lease as ended, until it is renewed."""
        self._until = 0.0

    async def announce_leaving(self) -> Instant:
        """Announce to the other nodes that this one leaves.

        Returns:
            The engine's time, for `until_heard`.

        Raises:
            EngineError: it could not be announced.
        """
        self.member = self.member._replace(is_leaving=True)
        if self._renewing is not None:
            await asyncio.wait((self._renewing,))  # it began earlier, without the announcement
        return await self.renew()

    async def until_heard(self, since: Instant) -> None:
        """Wait until every other member has learned of it: renewed its lease since, or lost it.

        Raises:
            EngineError: it cannot be found out.
        """
        while await self._registry.unheard(since):
            await pause(_HEARD_EVERY)

    async def leave(self) -> None:
        """End the membership.

        Raises:
            EngineError: the engine is away; the lease then ends when its time is up.
        """
        self.end()
        await self._registry.leave(self.member.name)

    async def close(self) -> None:
        """Stop asking the engine."""
        if self._renewing is not None:
            await end(self._renewing)

    def _renewed(self, task: "asyncio.Task[Instant]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it if nobody waits

    async def _renew(self) -> Instant:
        asked_at = self._now()
        census = await self._registry.renew(self.member)
        self._must_check |= not census.was_member
        if self._must_check:
            await self._check_owned()  # if this fails, the next renewal tries it again
            self._must_check = False
        if census.members is not self._members:
            self._update_members(census.members)
        self._until = asked_at + LEASE / 1_000
        return census.now

    def _update_members(self, members: tuple[Member, ...]) -> None:
        self._members = members
        before, self.others = self.others, {each.name: each for each in members}
        if lost := {name for name, each in before.items() if not each.is_leaving} - set(
            self.others
        ):
            self.on_lost(lost)
        self._taking = {each.name: _number(each.name) for each in members if not each.is_leaving}


def _number(text: str) -> int:
    """A number that looks random, and is the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
