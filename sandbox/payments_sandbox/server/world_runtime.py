"""Owns what follows a change of a world: notifying, setting timers, sending webhooks, ending waits.

No other module does these things. Code that changes a world makes one call here:

- `changed(world)` after anything that may have changed a world, such as a control route, a timer,
  an attempt or a restore. It notifies subscribers, sets the timer again, and sends due webhooks.
- `reset(world, scopes)` after parts of the world were reset, or its rules were replaced. It ends
  waiting requests, forgets pending deliveries, and stops a moving clock; then it calls `changed`.
- `dropped(world, reason)` after the world was dropped. It ends all waits for it and sends nothing.
- `take_due(world)` before a reply of the emulated API, and `replied(world, deliveries)` after it:
  the webhooks of a call leave after its reply.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, TypeVar

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.clock_advance import ClockAdvancer, LiveTimers
from payments_sandbox.server.delayed_replies import DelayedReplies
from payments_sandbox.server.held_calls import HeldCalls
from payments_sandbox.server.metrics import Metrics
from payments_sandbox.server.webhooks.dispatcher import Dispatcher, LogAttempt, Sender
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.config import ServerContext
from payments_sandbox.world.registry import Activate, Worlds
from payments_sandbox.world.world import ResetScope, World

if TYPE_CHECKING:  # a server without webhooks never imports these modules
    from payments_sandbox.server.judging import KeptReports
    from payments_sandbox.server.server_totals import ServerTotals
    from payments_sandbox.verification.failure_tally import FailureTally
    from payments_sandbox.webhooks.delivery import Delivery

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)

_DELIVERIES: Final = frozenset({ResetScope.PAYMENTS, ResetScope.WEBHOOKS})
"""The parts of a reset that end deliveries."""

_RECORDS: Final = frozenset({ResetScope.PAYMENTS, ResetScope.JOURNAL})
"""The parts of a reset that end held calls."""


class Filling(NamedTuple):
    """How many payments of the past have been made so far, and how many were requested."""

    made: int
    wanted: int


class Elsewhere(Protocol):
    """The other processes of one server that has several."""

    async def ask(self, question: str, arguments: list[Any] | None = None) -> list[Any]:
        """Return the answers of the running ones to a question of `server/control/questions.py`."""


class Alone:
    """Stands for the other processes of a server that has only one."""

    async def ask(self, question: str, arguments: list[Any] | None = None) -> list[Any]:  # noqa: ARG002 - as in `Elsewhere`
        """Return no answers."""
        return []


class NotKeptError(Exception):
    """A change of a world could not be stored; the text says why."""


class WorldRuntime:
    """The worlds of one server, and what runs for them.

    A server without an event loop uses a subclass, which replaces the classes that wait.

    Args:
        settings: the user's settings.
        context: what applies to every world.
        entropy: returns a seed for each world that is made without one.
        activate: activates scenarios in a world.
        make_sender: makes the sender of webhooks, when the first one is to be sent.
        log_attempt: called with each finished attempt of a webhook, if given.
        tally: counts the failures that calls and webhooks of all worlds meet; None to not count.

    Attributes:
        reports: keeps the reports of worlds that are gone; None if nothing will read them.
        totals: counts the payments and events of all worlds; None if nothing will read them.
        fillings: the progress of worlds that are being filled with payments of the past.
        elsewhere: the server's other processes, which have other worlds.
        address: where clients reach the worlds of this process, such as `http://10.0.0.5:8080`;
            None if that is the address they have called already.
    """

    address: str | None = None
    dispatcher_type: ClassVar[type[Dispatcher]] = Dispatcher
    notifier_type: ClassVar[type[ChangeNotifier]] = ChangeNotifier
    timers_type: ClassVar[type[LiveTimers]] = LiveTimers
    delays_type: ClassVar[type[DelayedReplies]] = DelayedReplies
    advancer_type: ClassVar[type[ClockAdvancer]] = ClockAdvancer

    def __init__(  # noqa: PLR0913 - the parts of a server, each by its name
        self,
        settings: Settings,
        context: ServerContext,
        *,
        entropy: Callable[[], int],
        activate: Activate,
        make_sender: Callable[[], Sender],
        log_attempt: LogAttempt | None = None,
        tally: "FailureTally | None" = None,
    ) -> None:
        self.tally = tally
        self.metrics = Metrics()
        self.notifier = self.notifier_type()
        self.delayed_replies = self.delays_type()
        self.held_calls = HeldCalls(self.delayed_replies, self.notifier)
        self.timers = self.timers_type(self.changed)
        self.dispatcher = self.dispatcher_type(
            make_sender, context.wall, self._on_attempt_ended, self.metrics, tally, log_attempt
        )
        self.clock_advancer = self.advancer_type(self.dispatcher)
        self.reports: KeptReports | None = None
        self.totals: ServerTotals | None = None
        self.fillings: dict[World, Filling] = {}
        self.elsewhere: Elsewhere = Alone()
        self.worlds = Worlds(
            settings, context=context, entropy=entropy, on_drop=self.dropped, activate=activate
        )

    def start_measuring(self) -> None:
        """Start to measure the lag of the event loop, unless that has started."""
        if self.metrics.lag is None:
            from payments_sandbox.server.process_facts import LoopLag  # noqa: PLC0415 - few servers are watched

            self.metrics.lag = LoopLag()

    async def run_beside(self, work: Callable[[], T]) -> T:
        """Run long work in a thread, while the event loop serves other requests."""
        return await asyncio.to_thread(work)

    async def import_language(self) -> None:
        """Import the scenario language in a thread, as that takes long."""
        await self.run_beside(partial(import_module, "payments_sandbox.scenarios.loader"))

    def start(self) -> None:
        """Resume the worlds that were restored at the start, once the event loop runs."""
        for world in self.worlds:
            self.changed(world)

    def changed(self, world: World) -> None:
        """Notify, set the timer and send webhooks after any change of a world that still exists."""
        if world in self.worlds:
            self.notifier.notify(world)
            self.timers.cancel(world)  # the clock may have moved
            self.timers.set(world)
            self.dispatcher.release(world)

    def reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """End waits and forget deliveries after a reset of parts of a world, or of its rules."""
        self.delayed_replies.wake(world)
        if _RECORDS.isdisjoint(scopes):
            self.held_calls.release_ended(world)
        else:
            self.held_calls.end(world)
        if not _DELIVERIES.isdisjoint(scopes):
            self.dispatcher.forget(world)
        if not (_DELIVERIES | {ResetScope.CLOCK}).isdisjoint(scopes):
            self.clock_advancer.stop(world)
        self.changed(world)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Judge and count a world that is about to be reset, if reports or totals are kept."""
        if self.reports is not None:
            await self.reports.before_reset(world, scopes)
        if self.totals is not None:
            self.totals.before_reset(world, scopes)

    async def before_drop(self, world: World) -> None:
        """Wait for the expectations of a world that is about to be dropped, if reports are kept."""
        if self.reports is not None:
            await self.reports.settle(world)

    def dropped(self, world: World, reason: str) -> None:
        """End everything that runs for a world that was dropped, and log the reason."""
        if self.reports is not None:
            self.reports.dropped(world, reason)
        if self.totals is not None:
            self.totals.dropped(world)
        self.delayed_replies.wake(world)
        self.held_calls.forget(world)
        self.notifier.close(world)
        self.timers.cancel(world)
        self.clock_advancer.stop(world)
        self.dispatcher.forget(world)
        _log.info("world %s is gone: %s", world.config.title, reason)

    def take_due(self, world: World) -> "Sequence[Delivery]":
        """Set the timer after a call to the emulated API, and hold its webhooks back.

        Returns:
            The deliveries that the call has made due; pass them to `replied`.
        """
        if world.timeline.next_due is not None:
            self.timers.set(world)
        return () if world.webhooks is None else world.webhooks.outbox.pop()

    def problems(self) -> Sequence[str]:
        """Return why the server is not ready at the moment, a sentence for each reason."""
        return ()

    def before_reply(self, world: World) -> Awaitable[None] | None:  # noqa: ARG002 - as in subclasses
        """Return what must be awaited before a reply shows a change of a world, if anything.

        A subclass stores the change. Its awaitable raises NotKeptError if that fails, and then the
        reply must not be sent.
        """
        return None

    async def send_before_reply(self, world: World, deliveries: "Sequence[Delivery]") -> None:
        """Attempt the deliveries that a rule sends before the reply, and wait until they end."""
        await self.dispatcher.send_first(world, deliveries)

    def send(self, world: World, deliveries: "Sequence[Delivery]") -> None:
        """Send what `take_due` has held back at once, without a reply to wait for."""
        self.dispatcher.release(world, deliveries)

    def replied(self, world: World, deliveries: "Sequence[Delivery]" = ()) -> None:
        """Notify subscribers that a call was answered, and send what was held back for it."""
        if deliveries:
            # The reply is written after the caller has returned, and the webhooks leave after it.
            asyncio.get_running_loop().call_soon(self.send, world, deliveries)
        self.notifier.notify(world)

    def stop(self) -> None:
        """Cancel all timers and end all waits."""
        if self.metrics.lag is not None:
            self.metrics.lag.stop()
        self.timers.cancel_all()
        self.notifier.close_all()
        self.delayed_replies.wake_all()
        self.held_calls.wake_all()

    async def close(self) -> int:
        """Wait shortly for webhooks in flight; return how many deliveries are still pending."""
        await self.dispatcher.close()
        return sum(world.pending_webhooks for world in self.worlds)

    def _on_attempt_ended(self, world: World) -> None:
        """Notify, set the timer and send what is due after an attempt."""
        self.notifier.notify(world)
        # The mover of the clock runs what falls due, and reports it.
        if world.timeline.next_due is None or world in self.clock_advancer:
            return
        if world.clock.mode is Mode.FROZEN:
            world.catch_up()  # a retry without delay is due now
            self.dispatcher.release(world)
        self.timers.set(world)
