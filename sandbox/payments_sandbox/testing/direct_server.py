"""Owns a server that answers within the call: without a socket, an event loop or a thread.

1. Each request is constructed directly and passed to the same handler that serves sockets, so
   guards, routes, both APIs, every error and every fault are the same. `run_now` runs the
   handler's coroutine to its end.
2. Parts that would wait are replaced by parts that do not. A wait in real time only adds up its
   seconds, and ends when they exceed the client's timeout. A webhook is attempted as soon as it is
   released. A wait for an event in the world ends at once, since nothing else can happen meanwhile.
   What has fallen due on a live clock happens with the next call.
3. Calls are answered one after the other. While a receiver handles a webhook, it may make further
   calls. Such a call never waits for another one, which may be the call that it is part of.
4. No exception enters a call from outside. Exceptions of signal handlers, and exceptions of a
   receiver that are not an `Exception`, are raised when the call is over; see `HeldSignals`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeVar, cast

from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.change_notifier import ChangeNotifier, Subscriber
from payments_sandbox.server.clock_advance import ClockAdvancer, ClockTurns, LiveTimers
from payments_sandbox.server.delayed_replies import DelayedReplies, HeldReply
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.webhooks.dispatcher import Dispatcher, Sender
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.testing.direct_connection import DirectConnection, Ending
from payments_sandbox.testing.held_signals import HeldSignals
from payments_sandbox.testing.replaced_files import need_no_files
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.webhooks.delivery import Delivery

__tracebackhide__ = True

T = TypeVar("T")

_WAITS_FOR_ITSELF: Final = (
    "/: this call waits for a receiver to answer a webhook, and is made while the receiver handles"
    " it. Advance the clock after it has answered."
)


class Unlocked(Protocol):
    """Unlocks the sandbox for further calls, such as by a webhook receiver, during a call."""

    def __call__(self, call: Callable[[], T]) -> T:
        """Return the result of the call, or raise its exception."""


class DirectServer:
    """A server assembled without the parts that wait.

    Args:
        settings: as for a server on a socket; host and port have no meaning here.
        make_sender: makes the sender of webhooks, given the function that unlocks the sandbox
            while a receiver works.
    """

    def __init__(self, settings: Settings, make_sender: Callable[[Unlocked], Sender]) -> None:
        self._lock = threading.Lock()
        self._answering: int | None = None
        self._signals = HeldSignals()
        self._interruptions: dict[int, BaseException] = {}
        self._is_closed = False
        need_no_files()
        self.sandbox: Final = assemble(
            settings,
            make_sender=lambda: make_sender(self._unlocked),
            runtime_type=DirectRuntime,
        )

    def serve(self, connection: DirectConnection, request: web.BaseRequest) -> None:
        """Answer a request and deliver its webhooks.

        Raises:
            RuntimeError: the server is closed.
        """
        self.run(lambda: connection.serve(self.sandbox.handler, request))

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine that reads or changes the server, exclusively.

        Raises:
            RuntimeError: the server is closed, or the caller itself runs within a call and would
                wait for itself.
        """
        if self._answering == threading.get_ident():
            raise RuntimeError(
                "this sandbox was called while it answers a call, such as by a log handler or a"
                " finalizer; only receivers of webhooks may do so"
            )
        is_main = _is_main_thread()
        if is_main:
            self._signals.hold()
        try:
            with self._lock:
                if self._is_closed:
                    raise RuntimeError("this sandbox is closed")
                self._answering = threading.get_ident()
                try:
                    result = run_now(work())
                finally:
                    self._answering = None
                interruption = self._interruptions.pop(threading.get_ident(), None)
        finally:
            if is_main:
                self._signals.let_go()
        if interruption is not None:
            raise interruption
        return result

    def close(self) -> None:
        """Stop answering calls."""
        self._is_closed = True

    def _unlocked(self, call: Callable[[], T]) -> T:
        """Run a receiver's code, during which other calls are answered and signals are handled."""
        is_main = _is_main_thread()
        interruption: BaseException | None = None
        self._answering = None
        self._lock.release()
        try:
            if is_main:
                self._signals.let_go()
            return call()
        except Exception:
            raise
        except BaseException as error:
            interruption = error
            raise
        finally:
            while is_main:
                try:
                    self._signals.hold()
                    break
                except BaseException as error:  # noqa: BLE001 - a signal came just now
                    interruption = error
            self._lock.acquire()
            self._answering = threading.get_ident()
            if interruption is not None:
                self._interruptions[threading.get_ident()] = interruption


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end without an event loop; a bare yield continues at once.

    Raises:
        RuntimeError: it waits for something that only an event loop could provide.
    """
    try:
        while (waited_for := work.send(None)) is None:
            pass
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError(f"a sandbox without a socket cannot wait, but this does: {waited_for}")


class DirectDelays(DelayedReplies):
    """Adds up the seconds by which a reply would have been delayed.

    Attributes:
        passed: the seconds of the current call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    async def wait(self, held: HeldReply, seconds: float) -> bool:
        """Add the seconds, at most up to the client's timeout."""
        connection = cast("DirectConnection", held.request.protocol)
        left = connection.read_timeout - connection.silence
        self.passed += max(0.0, min(seconds, left))
        connection.silence += max(0.0, seconds)
        if seconds > left:
            connection.ending = Ending.TIMED_OUT
        return seconds <= left

    def _time(self) -> float:
        return self.passed


class _ReceiverHasAnswered(asyncio.Event):
    """Replaces the event of a receiver's answer: the caller may run inside that receiver."""

    async def wait(self) -> NoReturn:
        """Refuse to wait.

        Raises:
            InvalidRequest: always.
        """
        raise InvalidRequest(_WAITS_FOR_ITSELF)


class DirectDispatcher(Dispatcher):
    """Attempts each webhook as soon as it is released."""

    event_type = _ReceiverHasAnswered

    def _start(self, queue: object, work: Coroutine[None, None, None]) -> None:  # noqa: ARG002 - as in the base class
        run_now(work)


class DirectAdvancer(ClockAdvancer):
    """Moves clocks for one caller at a time, and rejects a second one instead of queueing it."""

    async def _take_turn(self, world: World, turns: ClockTurns) -> None:
        """Refuse to wait for another mover of the clock, which may wait for this very receiver.

        Raises:
            InvalidRequest: the clock is being moved.
        """
        if turns.waiting > 1:
            raise InvalidRequest(_WAITS_FOR_ITSELF)
        await super()._take_turn(world, turns)


class DirectSubscriber(Subscriber):
    """A subscriber whose waits end at once."""

    async def wait(self, seconds: float) -> bool:  # noqa: ARG002 - as in the base class
        """Return at once: nothing more happens."""
        self.is_over = True
        return False


class DirectNotifier(ChangeNotifier):
    """A notifier of worlds in which nothing happens during a wait."""

    @contextmanager
    def subscribe(self, world: World) -> Iterator[Subscriber]:  # noqa: ARG002 - as in the base class
        """Return a subscriber that never waits."""
        yield DirectSubscriber()

    async def wait_until(
        self,
        world: World,
        holds: Callable[[], bool],
        seconds: float,
    ) -> None:
        """Return at once: a condition that does not hold now will not hold."""


class NoTimers(LiveTimers):
    """Sets no timers: what falls due happens with the next call."""

    def set(self, world: World) -> None:
        """Do nothing."""


class DirectRuntime(WorldRuntime):
    """A runtime in which all consequences happen within the call."""

    dispatcher_type = DirectDispatcher
    notifier_type = DirectNotifier
    timers_type = NoTimers
    advancer_type = DirectAdvancer
    delays_type = DirectDelays

    def start_measuring(self) -> None:
        """Do nothing: there is no event loop to measure."""

    async def run_beside(self, work: Callable[[], T]) -> T:
        """Do the work at once; there is no thread to hand it to."""
        return work()

    def take_due(self, world: World) -> "Sequence[Delivery]":  # noqa: ARG002 - as in the base class
        """Hold nothing back: without a wire, no webhook comes before or after a reply."""
        return ()

    def replied(self, world: World, deliveries: "Sequence[Delivery]" = ()) -> None:  # noqa: ARG002 - as in the base class
        """Record the duration of the reply, and send due webhooks before the call returns."""
        delays = cast("DirectDelays", self.delayed_replies)
        if delays.passed:
            next(world.journal.before(None)).duration_ms = delays.passed * 1_000
            delays.passed = 0.0
        self.changed(world)
