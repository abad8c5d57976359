"""Owns a node's membership: its lease, which it renews each second, and who else is a member.

A node serves the keys that it owns as long as its lease runs by its own clock, counted from when it
asked: the engine counts from later. A process that was stopped finds its lease at an end, whatever
it was about to do. It then asks anew, and is told whether somebody may have taken its keys.
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
"""Wall seconds between two looks whether all others have heard that a node leaves."""

_LARGEST: Final = 2**64 - 1
_ODD: Final = 0x9E37_79B9_7F4A_7C15
"""2**64 by the golden ratio: all digits of a factor move the highest of the product."""

_log: Final = logging.getLogger(__name__)


class Membership:
    """The lease of one node.

    Args:
        registry: where it is a member.
        member: the node.
        check_owned: called when the lease had run out, before there is another one.
        on_end: called when it has run out, with the reason.

    Attributes:
        member: the node, as it is now.
        others: all members by their names, this one among them, as of the last renewal.
        on_lost: called with the names of members that are none any more, and have not said that
            they leave.
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
        self._now = asyncio.get_running_loop().time  # found once: each request asks for it
        self._until = 0.0
        self._renewing: asyncio.Task[Instant] | None = None
        self._must_check = False
        self._members: tuple[Member, ...] = ()
        self._taking: dict[str, int] = {}
        self.on_lost: Callable[[set[str]], None] = lambda _: None
        self.member = member
        self.others: dict[str, Member] = {}

    def is_running(self) -> bool:
        """Whether the lease runs: nobody else can have taken what is owned here."""
        return self._now() < self._until

    def first_for(self, key: str) -> str:
        """The name of the member that a key without an owner is for: the same for all who ask.

        Each member has a weight with the key, and the highest one wins.
        """
        taking, number = self._taking, _number(key)
        # One multiplication for each: a digest of each pair takes a millisecond of a thousand.
        return max(
            taking,
            key=lambda name: (taking[name] ^ number) * _ODD & _LARGEST,
            default=self.member.name,
        )

    @property
    def place(self) -> int:
        """How many of the members that take keys are before this one, in an order of all."""
        return sum(name < self.member.name for name in self._taking)

    async def renew(self) -> Instant:
        """Renew the lease now; who asks while that is under way is answered with it.

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
        """Renew the lease each second, until it is cancelled."""
        asked_at = self._now()
        while True:
            # Counted from when it was asked: one that took long is followed by the next at once.
            await pause(max(0.0, asked_at + RENEW_EVERY - self._now()))
            asked_at = self._now()
            try:
                await self.renew()
            except EngineError as error:
                _log.warning("the lease of %s was not renewed: %s", self.member.name, error)
                if not self.is_running():
                    self._on_end(f"the lease has run out, and the engine is away: {error}")

    def end(self) -> None:
        """Let the lease be at an end here, until it is renewed."""
        self._until = 0.0

    async def announce_leaving(self) -> Instant:
        """Say that this node leaves.

        Returns:
            The engine's time, for `until_heard`.

        Raises:
            EngineError: it could not be said.
        """
        self.member = self.member._replace(is_leaving=True)
        if self._renewing is not None:
            await asyncio.wait((self._renewing,))  # it was asked for before, and does not say so
        return await self.renew()

    async def until_heard(self, since: Instant) -> None:
        """Wait until all others have renewed their leases since, or lost them: each was told.

        Raises:
            EngineError: it cannot be found out.
        """
        while await self._registry.unheard(since):
            await pause(_HEARD_EVERY)

    async def leave(self) -> None:
        """Be a member no more.

        Raises:
            EngineError: the engine is away, and the lease runs out instead.
        """
        self.end()
        await self._registry.leave(self.member.name)

    async def close(self) -> None:
        """Ask nothing any more."""
        if self._renewing is not None:
            await end(self._renewing)

    def _renewed(self, task: "asyncio.Task[Instant]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # who waits for it has it, if anybody does

    async def _renew(self) -> Instant:
        asked_at = self._now()
        census = await self._registry.renew(self.member)
        self._must_check |= not census.was_member
        if self._must_check:
            await self._check_owned()  # where this fails, it is asked again with the next renewal
            self._must_check = False
        if census.members is not self._members:
            self._take_note(census.members)
        self._until = asked_at + LEASE / 1_000
        return census.now

    def _take_note(self, members: tuple[Member, ...]) -> None:
        self._members = members
        before, self.others = self.others, {each.name: each for each in members}
        if lost := {name for name, each in before.items() if not each.is_leaving} - set(
            self.others
        ):
            self.on_lost(lost)
        self._taking = {each.name: _number(each.name) for each in members if not each.is_leaving}


def _number(text: str) -> int:
    """A number that looks drawn, and is the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
