"""Owns the calls that steps hold: who waits for a decision, what decides, and what ends the wait.

1. A call that the gateway holds becomes a `PendingCall`, of which nothing has happened.
2. `decide` gives it another step, which it meets at once. Without one it goes on as if nobody had
   held it, when its time is over or its scenario has ended.
3. A client that leaves, or a server that stops, makes it an abandoned call in the journal. A world
   that is reset, replaced or dropped takes it along: it belongs to none any more.
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
"""The end of a call whose world was reset, replaced or dropped."""


class PendingCall:
    """A call that waits for a decision.

    Attributes:
        id: what it is called meanwhile.
        held: the call; another one where a decision keeps it further.
        until: when its time is over, on the wall.
        request: what its client waits for an answer to.
        request_id: that of the journal, once something has happened.
        woken: set when the wait is over.
        end: what has ended it: the step that it meets, what the journal has of it once its client
            has left, or OF_NO_WORLD. None as long as it waits, and where time or the server ends.
        settled: set when what was decided has happened.
    """

    def __init__(self, held_id: str, held: HeldCall, request: web.BaseRequest) -> None:
        self.id = held_id
        self.request = request
        self.request_id: str | None = None
        self.settled = asyncio.Event()
        self._begin(held, since=held.entry.wall)

    def _begin(self, held: HeldCall, *, since: Instant) -> None:
        self.held = held
        self.until = Instant(since + held.lasts)
        self.woken = asyncio.Event()
        self.end: Step | Entry | Literal["of no world"] | None = None
        held.entry.decided = None  # what keeps it further is not what it meets in the end

    def decide(self, step: Step, source: Mapping[str, object] | None = None) -> None:
        """Give it the step that it meets.

        Args:
            step: as it was read.
            source: the step as it was written, for the journal; None where nobody chose it.
        """
        self.held.entry.decided = source
        self.settled.clear()
        self.end_wait(step)

    def end_wait(self, end: Step | Entry | Literal["of no world"]) -> None:
        """Let it wait no more."""
        self.end = end
        self.woken.set()

    def meet_step(self, gateway: Gateway, step: Step) -> Answer | None:
        """Apply a step; return None if that holds the call further."""
        outcome = gateway.go_on(self.held, step)
        if isinstance(outcome, HeldCall):
            self._begin(outcome, since=outcome.world.wall())
            self.settled.set()
            return None
        self.request_id = self.held.world.journal.id_of(self.held.entry)
        return outcome


class _OfWorld:
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
        self._worlds: dict[World, _OfWorld] = {}

    def of(self, world: World) -> list[PendingCall]:
        """The held calls of a world, oldest first."""
        found = self._worlds.get(world)
        return [] if found is None else list(found.pending.values())

    def version(self, world: World) -> int:
        """A number that changes with the held calls of a world; 0 until there is one."""
        found = self._worlds.get(world)
        return 0 if found is None else found.version

    def find(self, world: World, held_id: str) -> PendingCall:
        """The one of an id.

        Raises:
            NotFound: there has never been one.
            NotHeld: it is held no longer, or is decided.
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
        """Keep a call until it is decided, its time is over, or nobody waits for it any more.

        Returns:
            The answer; what the journal has of it where its client has left or the server stops;
            None where its world is another one.
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
                        answer = pending.meet_step(gateway, step or _AS_IF_UNHELD)
                if answer is not None:
                    return answer
                self._changed(held.world)
        finally:
            self._remove(pending)

    def abandon_left(self, world: World, gateway: Gateway) -> None:
        """Journal those whose client has left, before what it sends next."""
        for each in self.of(world):
            if may_have_left(each.request) and each.end is None:
                each.end_wait(gateway.abandon(each.held))

    def end(self, world: World) -> None:
        """End the held calls of a world that is reset, without a reply."""
        for each in self.of(world):
            each.end_wait(OF_NO_WORLD)

    def forget(self, world: World) -> None:
        """End those of a world that is gone, and forget the world."""
        self.end(world)
        self._worlds.pop(world, None)

    def let_go(self, world: World) -> None:
        """Release the calls whose scenario is no longer active, as if they had not been held."""
        active = {each.name for each in world.rules.scenarios}
        for each in self.of(world):
            if each.held.selected.scenario not in active and each.end is None:
                each.decide(_AS_IF_UNHELD)

    def wake_all(self) -> None:
        """Let nobody wait any more: the server stops."""
        for world in self._worlds:
            for each in self.of(world):
                each.woken.set()

    def _add(self, held: HeldCall, request: web.BaseRequest) -> PendingCall:
        world = held.world
        known = self._worlds.get(world)
        if known is None:
            known = self._worlds[world] = _OfWorld(world.config.seed)
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
