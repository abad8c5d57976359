"""Owns a server's totals of payments and events, including those of dropped and reset worlds."""

from collections import Counter
from collections.abc import Collection
from typing import Final

from payments_sandbox.world.registry import Worlds
from payments_sandbox.world.world import ResetScope, World

EVENTS: Final = "events"
"""The key of the number of events, next to the statuses of payments."""


class ServerTotals:
    """Counts payments and events, for the summary of a server.

    What exists already when counting begins, such as the worlds of a `--state`, is not included.

    Attributes:
        worlds_gone: how many worlds were dropped.
    """

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._counts_of_gone: Counter[str] = Counter()
        self._before = self._present_counts()
        self.worlds_gone = 0

    @property
    def worlds(self) -> int:
        """How many worlds there are."""
        return len(self._worlds)

    def dropped(self, world: World) -> None:
        """Keep the counts of a world that was dropped."""
        self.worlds_gone += 1
        self._counts_of_gone += _counts(world)

    def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Keep the counts of a world whose payments are about to be reset."""
        if ResetScope.PAYMENTS in scopes:
            self._counts_of_gone += _counts(world)

    def restored(self, world: World) -> None:
        """Leave out what a restored world brought with it; the world it replaces is not gone."""
        self.worlds_gone -= 1
        self._before += _counts(world)

    def counts(self) -> Counter[str]:
        """Return how many payments there were by status, and under `EVENTS` how many events."""
        return self._present_counts() + self._counts_of_gone - self._before

    def _present_counts(self) -> Counter[str]:
        return sum(map(_counts, self._worlds), Counter())


def _counts(world: World) -> Counter[str]:
    ledger = world.ledger
    by_status = {status.value: count for status, count in ledger.payments.counts.items()}
    return Counter(by_status | {EVENTS: len(ledger.event_numbers)})
