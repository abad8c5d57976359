"""Owns what a server has had in all its worlds, those that are gone or began anew too."""

from collections import Counter
from collections.abc import Collection
from typing import Final

from payments_sandbox.world.registry import Worlds
from payments_sandbox.world.world import ResetScope, World

EVENTS: Final = "events"
"""Under which the events are counted, beside the statuses of payments."""


class ServerTotals:
    """Counts payments and events, for the summary of a server.

    What there is already when it begins to count, such as that of a `--state`, is no part.

    Attributes:
        worlds_gone: how many were dropped.
    """

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._gone: Counter[str] = Counter()
        self._before = self._now()
        self.worlds_gone = 0

    @property
    def worlds(self) -> int:
        """How many worlds there are."""
        return len(self._worlds)

    def dropped(self, world: World) -> None:
        """A world is gone."""
        self.worlds_gone += 1
        self._gone += _counts(world)

    def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """A world is about to begin anew."""
        if ResetScope.PAYMENTS in scopes:
            self._gone += _counts(world)

    def restored(self, world: World) -> None:
        """A world came from a snapshot with what it has, in the place of another."""
        self.worlds_gone -= 1
        self._before += _counts(world)

    def counts(self) -> Counter[str]:
        """How many payments there were by status, and under `EVENTS` how many events."""
        return self._now() + self._gone - self._before

    def _now(self) -> Counter[str]:
        return sum(map(_counts, self._worlds), Counter())


def _counts(world: World) -> Counter[str]:
    ledger = world.ledger
    by_status = {status.value: count for status, count in ledger.payments.counts.items()}
    return Counter(by_status | {EVENTS: len(ledger.event_numbers)})
