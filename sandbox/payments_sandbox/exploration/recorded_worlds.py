"""Owns the recording of each world of a run, those too that are dropped or reset meanwhile."""

from collections.abc import Collection, Iterable

from payments_sandbox.exploration.run_record import WorldRecord, record_world
from payments_sandbox.rules.model import Scenario
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.judging import EVIDENCE, MAX_WAIT, KeptReports
from payments_sandbox.world.world import ResetScope, World


class RecordedWorlds(KeptReports):
    """Records the worlds of one server; `runtime.reports` of it is to be this.

    Args:
        notifier: tells when a world has changed.
    """

    def __init__(self, notifier: ChangeNotifier) -> None:
        super().__init__(notifier)
        self._records: list[WorldRecord] = []

    def dropped(self, world: World, reason: str) -> None:  # noqa: ARG002 - as in the base class
        """Record a world that is gone, if it was used."""
        self._record(world)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Record a world of which a reset is about to take what was seen in it."""
        if not EVIDENCE.isdisjoint(scopes):
            await self.settle(world)
            self._record(world)

    async def before_scenarios_end(self, world: World, leaving: Iterable[Scenario]) -> None:
        """Record nothing: the world goes on."""

    async def recorded(self, worlds: Iterable[World]) -> tuple[WorldRecord, ...]:
        """Wait for what is expected of the worlds that are still there, and give all records."""
        for world in worlds:
            await self.settle(world, MAX_WAIT)
            self._record(world)
        return tuple(self._records)

    def _record(self, world: World) -> None:
        if world.was_used:
            self._records.append(record_world(world))
