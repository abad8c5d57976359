"""Owns that signal handlers run after a call without a socket, not in the middle of it.

The handlers of a test's timeout and of Ctrl-C raise exceptions wherever the main thread is. During
a call that is inside the sandbox, where an exception could leave a payment that neither the journal
nor the webhooks know.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

__tracebackhide__ = True

_NAMES: Final = (
    "SIGINT",
    "SIGTERM",
    "SIGALRM",
    "SIGHUP",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGPROF",
    "SIGBREAK",
)
"""Signals for which programs have handlers; not every system has all of them."""

_SIGNALS: Final = tuple(getattr(signal, each) for each in _NAMES if hasattr(signal, each))

Handler = Callable[[int, FrameType | None], Any]


class HeldSignals:
    """Defers Python signal handlers; for the main thread, the only one in which they run."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._came: list[tuple[int, FrameType | None]] = []
        self._is_holding = False

    def hold(self) -> None:
        """Defer signals from now on; those that arrive before this completes run at once."""
        try:
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
            self._is_holding = True
        except BaseException:
            self.let_go()
            raise

    def let_go(self) -> None:
        """Restore the handlers, and run them for the signals that arrived."""
        self._is_holding = False
        handlers, self._handlers = self._handlers, {}
        came, self._came = self._came, []
        try:
            while handlers:
                number, handler = handlers.popitem()
                signal.signal(number, handler)
                for each, frame in came:
                    if each == number:
                        handler(number, frame)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._is_holding:
            self._came.append((number, frame))
        elif (handler := self._handlers.get(number)) is not None:
            handler(number, frame)
