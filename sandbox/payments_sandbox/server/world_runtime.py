"""Owns what follows a change of a world; nobody else notifies, sets timers, sends or wakes.

Who changes a world says so with one call, and everything else is done here:

- `changed(world)`: subscribers are notified, the timer is set anew, due webhooks are sent. Called
  after anything that may have changed a world: a control route, a timer, an attempt, a restore.
- `reset(world, scopes)`: some of the world began anew, or its rules are other ones. Requests that
  wait are ended, what was to be sent is forgotten, a clock on the move stops; then `changed`.
- `dropped(world, reason)`: the world is gone: whoever waits for it goes, and nothing is sent.
- `take_due(world)` and `replied(world, deliveries)` stand on both sides of a reply of the emulated
  API, whose webhooks leave after it.
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

if TYPE_CHECKING:  # a server without webhooks does without their modules
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
    """How many payments of the past are made so far, and how many are wanted."""

    made: int
    wanted: int


class Elsewhere(Protocol):
    """The other processes of one server, where there are several."""

    async def ask(self, question: str, given: list[Any] | None = None) -> list[Any]:
        """The answers of those that are there to a question of `server/control/questions.py`."""


class Alone:
    """The other processes of a server that has none."""

    async def ask(self, question: str, given: list[Any] | None = None) -> list[Any]:  # noqa: ARG002 - as in `Elsewhere`
        """Ask nobody."""
        return []


class NotKeptError(Exception):
    """A change of a world could not be stored; the text says why."""


class WorldRuntime:
    """The worlds of one server, and what runs for them.

    A server without an event loop has a subclass, with other classes of what waits.

    Args:
        settings: what the user asked for.
        context: what holds in every world.
        entropy: gives a seed for each world that is given none.
        activate: makes scenarios the active ones of a world.
        make_sender: makes what sends webhooks, when the first is to be sent.
        log_attempt: told of each attempt of a webhook that has ended, if anybody is.
        tally: counts what calls and webhooks of all worlds meet; None where nobody asked for it.

    Attributes:
        reports: keeps those of worlds that are gone; None where nobody will read them.
        totals: counts what worlds have had that are gone; None where nobody asks.
        fillings: how far worlds are that are being filled with payments of the past.
        elsewhere: the processes that have other worlds of the server.
        address: where clients reach the worlds of this process, such as `http://10.0.0.5:8080`;
            None where it is wherever they have reached it.
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
            make_sender, context.wall, self._attempted, self.metrics, tally, log_attempt
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
        """Measure the lag of the event loop from now on."""
        if self.metrics.lag is None:
            from payments_sandbox.server.process_facts import LoopLag  # noqa: PLC0415 - few servers are watched

            self.metrics.lag = LoopLag()

    async def run_beside(self, work: Callable[[], T]) -> T:
        """Do work that takes long beside the loop, which serves others meanwhile."""
        return await asyncio.to_thread(work)

    async def import_language(self) -> None:
        """Import what reads scenarios: that takes long."""
        await self.run_beside(partial(import_module, "payments_sandbox.scenarios.loader"))

    def start(self) -> None:
        """Let worlds that were kept go on where they were: the event loop runs."""
        for world in self.worlds:
            self.changed(world)

    def changed(self, world: World) -> None:
        """Do what follows any change of a world, unless it is gone."""
        if world in self.worlds:
            self.notifier.notify(world)
            self.timers.cancel(world)  # the clock may have moved
            self.timers.set(world)
            self.dispatcher.release(world)

    def reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Do what follows a reset of parts of a world, or a change of its rules."""
        self.delayed_replies.wake(world)
        if _RECORDS.isdisjoint(scopes):
            self.held_calls.let_go(world)
        else:
            self.held_calls.end(world)
        if not _DELIVERIES.isdisjoint(scopes):
            self.dispatcher.forget(world)
        if not (_DELIVERIES | {ResetScope.CLOCK}).isdisjoint(scopes):
            self.clock_advancer.stop(world)
        self.changed(world)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Judge and count a world that is about to begin anew, where somebody asks for that."""
        if self.reports is not None:
            await self.reports.before_reset(world, scopes)
        if self.totals is not None:
            self.totals.before_reset(world, scopes)

    async def before_drop(self, world: World) -> None:
        """Wait for what is expected of a world that is about to end, if reports are kept."""
        if self.reports is not None:
            await self.reports.settle(world)

    def dropped(self, world: World, reason: str) -> None:
        """End what runs for a world that is no longer one of `worlds`; the log is told why."""
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
            The deliveries that the call has made due; `replied` is to be given them.
        """
        if world.timeline.next_due is not None:
            self.timers.set(world)
        return () if world.webhooks is None else world.webhooks.outbox.pop()

    def problems(self) -> Sequence[str]:
        """Why it cannot serve at the moment, in words."""
        return ()

    def before_reply(self, world: World) -> Awaitable[None] | None:  # noqa: ARG002 - as in subclasses
        """What has to be awaited before a reply tells what has changed in a world, if anything.

        It raises NotKeptError where it cannot be done, and the reply may not be sent.
        """
        return None

    async def send_before_reply(self, world: World, deliveries: "Sequence[Delivery]") -> None:
        """Attempt the deliveries that a rule wants before the reply, and wait for their ends."""
        await self.dispatcher.send_first(world, deliveries)

    def send(self, world: World, deliveries: "Sequence[Delivery]") -> None:
        """Send what `take_due` has held back, at once: no reply is going to be first."""
        self.dispatcher.release(world, deliveries)

    def replied(self, world: World, deliveries: "Sequence[Delivery]" = ()) -> None:
        """Notify subscribers that a call was answered, and send what was held back for it."""
        if deliveries:
            # The reply is written when the caller has returned, and they leave after it.
            asyncio.get_running_loop().call_soon(self.send, world, deliveries)
        self.notifier.notify(world)

    def stop(self) -> None:
        """Start no more attempts, and wake all that wait."""
        if self.metrics.lag is not None:
            self.metrics.lag.stop()
        self.timers.cancel_all()
        self.notifier.close_all()
        self.delayed_replies.wake_all()
        self.held_calls.wake_all()

    async def close(self) -> int:
        """Let what is in flight end, for a moment; returns how many deliveries were pending."""
        await self.dispatcher.close()
        return sum(world.pending_webhooks for world in self.worlds)

    def _attempted(self, world: World) -> None:
        """Do what follows an attempt: set timers, send what is due, notify."""
        self.notifier.notify(world)
        if world in self.clock_advancer:
            return  # whoever moves the clock lets happen what falls due, and tells of it
        if world.clock.mode is Mode.FROZEN:
            world.catch_up()  # a retry without delay is due now
            self.dispatcher.release(world)
        self.timers.set(world)
