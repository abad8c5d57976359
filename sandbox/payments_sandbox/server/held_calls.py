"""Owns the calls that steps hold: which are pending, how they are decided, what ends their wait.

1. A call that the gateway holds becomes a `PendingCall`, and has no effect yet.
2. `decide` gives it another step, which is applied at once. Without a decision, the call continues
   as if it had not been held when its time is up or its scenario ends.
3. If the client leaves or the server stops, the journal shows the call as abandoned. If the world
   is reset, replaced or dropped, the call disappears with it and is not journalled.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Literal

from aiohttp import web

from payments_sandbox.api.call import Answer, HeldCall
from payments_sandbox.api.gateway import Gateway
from payments_sandbox.core.errors import NotFound, NotHeld
from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.model import Step
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.connection import may_have_left
from payments_sandbox.server.delayed_replies import DelayedReplies, HeldReply
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

_AS_IF_UNHELD: Final = Step()

OF_NO_WORLD: Final = "of no world"
"""The value of `PendingCall.end` when its world was reset, replaced or dropped."""


class PendingCall:
    """A call that waits for a decision.

    Attributes:
        id: its id while it is held.
        held: the call; replaced if a decision holds it again.
        until: when its time is up, in wall time.
        request: the HTTP request that its client waits for an answer to.
        request_id: its id in the journal, once the call has been made.
        woken: set when the wait is over.
        end: what has ended the wait: the step to apply, the journal entry of a call whose client
            has left, or OF_NO_WORLD. None while it waits, when its time is up, and when the server
            stops.
        settled: set when the decided step has been applied.
    """

    def __init__(self, held_id: str, held: HeldCall, request: web.BaseRequest) -> None:
        self.id = held_id
        self.request = request
        self.request_id: str | None = None
        self.settled = asyncio.Event()
        self._start_wait(held, since=held.entry.wall)

    def _start_wait(self, held: HeldCall, *, since: Instant) -> None:
        self.held = held
        self.until = Instant(since + held.lasts)
        self.woken = asyncio.Event()
        self.end: Step | Entry | Literal["of no world"] | None = None
        held.entry.decided = None  # a decision to hold it again is not the final one

    def decide(self, step: Step, source: Mapping[str, object] | None = None) -> None:
        """Decide on the call, and end its wait.

        Args:
            step: the step to apply.
            source: the step as the user wrote it, for the journal; None if nobody chose it.
        """
        self.held.entry.decided = source
        self.settled.clear()
        self.end_wait(step)

    def end_wait(self, end: Step | Entry | Literal["of no world"]) -> None:
        """End the wait with this value of `end`."""
        self.end = end
        self.woken.set()

    def apply_decision(self, gateway: Gateway, step: Step) -> Answer | None:
        """Apply a step; return None if the step holds the call again."""
        outcome = gateway.go_on(self.held, step)
        if isinstance(outcome, HeldCall):
            self._start_wait(outcome, since=outcome.world.wall())
            self.settled.set()
            return None
        self.request_id = self.held.world.journal.id_of(self.held.entry)
        return outcome


class _WorldCalls:
    """The held calls of one world; `version` grows whenever they change."""

    def __init__(self, seed: int) -> None:
        self.ids = IdSequence("held_", seed)
        self.pending: dict[str, PendingCall] = {}
        self.count = self.version = 0


class HeldCalls:
    """The held calls of one server, by world."""

    def __init__(self, delays: DelayedReplies, notifier: ChangeNotifier) -> None:
        self._delays = delays
        self._notifier = notifier
        self._worlds: dict[World, _WorldCalls] = {}

    def in_world(self, world: World) -> list[PendingCall]:
        """Return the held calls of a world, oldest first."""
        found = self._worlds.get(world)
        return [] if found is None else list(found.pending.values())

    def version(self, world: World) -> int:
        """Return a number that changes with the held calls of a world; 0 before the first."""
        found = self._worlds.get(world)
        return 0 if found is None else found.version

    def find(self, world: World, held_id: str) -> PendingCall:
        """Return the held call with an id.

        Raises:
            NotFound: there has never been such a call.
            NotHeld: it is no longer held, or is already decided.
        """
        known = self._worlds.get(world)
        number = None if known is None else known.ids.number_of(held_id)
        if known is None or number is None or not 0 <= number < known.count:
            raise NotFound("not_found", "No such held call.")
        found = known.pending.get(held_id)
        if found is None or found.end is not None:
            raise NotHeld
        return found

    async def wait_for_decision(
        self, request: web.BaseRequest, gateway: Gateway, held: HeldCall
    ) -> Answer | Entry | None:
        """Hold a call until it is decided, its time is up, or nobody waits for it any more.

        Returns:
            The answer; or the entry of the abandoned call if its client has left or the server
            stops; or None if its world was reset, replaced or dropped.
        """
        pending = self._add(held, request)
        try:
            while True:
                waiting = HeldReply(request, ended=pending.woken, is_sent_anyway=False)
                is_time_up = await self._delays.wait(waiting, pending.held.lasts / 1_000)
                match pending.end:
                    case "of no world":
                        return None
                    case Entry() as abandoned:
                        return abandoned
                    case None if not is_time_up:  # its client has left, or the server stops
                        return gateway.abandon(pending.held)
                    case step:
                        answer = pending.apply_decision(gateway, step or _AS_IF_UNHELD)
                if answer is not None:
                    return answer
                self._changed(held.world)
        finally:
            self._remove(pending)

    def abandon_left(self, world: World, gateway: Gateway) -> None:
        """Journal held calls whose client has left, so that they come before its next call."""
        if world not in self._worlds:
            return  # nearly every world, and this is asked at each call
        for each in self.in_world(world):
            if may_have_left(each.request) and each.end is None:
                each.end_wait(gateway.abandon(each.held))

    def end(self, world: World) -> None:
        """End the held calls of a world that is reset, without a reply."""
        for each in self.in_world(world):
            each.end_wait(OF_NO_WORLD)

    def forget(self, world: World) -> None:
        """End the held calls of a world that is gone, and forget the world."""
        self.end(world)
        self._worlds.pop(world, None)

    def release_ended(self, world: World) -> None:
        """Release the calls whose scenario is no longer active, as if they had not been held."""
        active = {each.name for each in world.rules.scenarios}
        for each in self.in_world(world):
            if each.held.selected.scenario not in active and each.end is None:
                each.decide(_AS_IF_UNHELD)

    def wake_all(self) -> None:
        """End every wait: the server is stopping."""
        for world in self._worlds:
            for each in self.in_world(world):
                each.woken.set()

    def _add(self, held: HeldCall, request: web.BaseRequest) -> PendingCall:
        world = held.world
        known = self._worlds.get(world)
        if known is None:
            known = self._worlds[world] = _WorldCalls(world.config.seed)
        pending = PendingCall(known.ids.nth(known.count), held, request)
        known.count += 1
        known.pending[pending.id] = pending
        self._changed(world)
        return pending

    def _remove(self, pending: PendingCall) -> None:
        world = pending.held.world
        if (known := self._worlds.get(world)) is not None:
            known.pending.pop(pending.id, None)
            self._changed(world)
        pending.settled.set()

    def _changed(self, world: World) -> None:
        self._worlds[world].version += 1
        self._notifier.notify(world)
