"""Owns what follows a change of a world on a node of a cluster: the change is also stored."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from payments_sandbox.cluster.keeper import AGAIN, Keeper
from payments_sandbox.cluster.membership import Membership
from payments_sandbox.server.slices import pause
from payments_sandbox.server.world_runtime import NotKeptError, WorldRuntime
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.webhooks.delivery import Delivery


class NodeRuntime(WorldRuntime):
    """The worlds of one node, whose changes are all stored in the engine.

    Attributes:
        membership: the lease of the node.
        keeper: writes what has changed.
        waits_for_replies: whether a reply waits until the changes it reports are stored.
    """

    membership: Membership
    keeper: Keeper
    waits_for_replies: bool

    def attach(self, membership: Membership, keeper: Keeper, *, waits_for_replies: bool) -> None:
        """Store all changes from now on."""
        self.membership, self.keeper = membership, keeper
        self.waits_for_replies = waits_for_replies
        self.dispatcher.before_attempt = self._before_attempt

    def changed(self, world: World) -> None:
        """Store what has changed, and start what follows from it."""
        if world in self.worlds:
            self.keeper.mark(world)
        super().changed(world)

    def dropped(self, world: World, reason: str) -> None:
        """End what runs for a world that is gone, and stop writing it."""
        self.keeper.forget(world)
        super().dropped(world, reason)

    def take_due(self, world: World) -> "Sequence[Delivery]":
        """Store what a call has changed, and hold its webhooks back.

        Raises:
            NotKeptError: the lease has run out while the call was under way.
        """
        if not self.membership.is_running():
            raise NotKeptError("the lease expired while a call was under way")
        self.keeper.mark(world)
        return super().take_due(world)

    def replied(self, world: World, deliveries: "Sequence[Delivery]" = ()) -> None:
        """Store how long a reply took, and start what follows from it."""
        if world in self.worlds:
            self.keeper.mark(world)
        super().replied(world, deliveries)

    def before_reply(self, world: World) -> Awaitable[None] | None:
        """What a reply waits for, if it has to wait until its changes are stored.

        It raises NotKeptError if they may be lost.
        """
        keeper = self.keeper
        return (
            keeper.until_written(world)
            if self.waits_for_replies
            else keeper.until_written_if_late(world)
        )

    def problems(self) -> Sequence[str]:
        """Why the node cannot serve at the moment."""
        if self.membership.member.is_leaving:
            return ("this node is leaving the cluster",)
        if not self.membership.is_running():
            return (
                "the lease of this node has expired, and the engine of the cluster is unreachable",
            )
        return (self.keeper.problem,) if self.keeper.problem else ()

    def let_go(self, world: World) -> None:
        """End what runs here for a world that continues on another node, or later."""
        self.timers.cancel(world)
        self.notifier.close(world)
        self.delayed_replies.wake(world)
        self.held_calls.forget(world)
        self.clock_advancer.stop(world)

    async def _before_attempt(self, world: World) -> bool:
        """Wait until the begin of an attempt is stored, so that the next owner repeats it.

        Returns:
            Whether the world is still here.
        """
        while world in self.worlds:
            try:
                await self.keeper.until_written(world)
            except NotKeptError:
                await pause(AGAIN)  # until the engine is back, or the world is no longer ours
            else:
                return world in self.worlds
        return False

    def _on_attempt_ended(self, world: World) -> None:
        if world in self.worlds:
            self.keeper.mark(world)
        super()._on_attempt_ended(world)
