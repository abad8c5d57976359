"""Owns that no signal ends a call in its middle: what its handler raises comes when it is over.

A test's timeout and Ctrl-C are handlers that raise, wherever the main thread is. In a call that is
the sandbox's own code, and a payment would be there of which neither journal nor webhooks know.
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
"""Those that programs have handlers for, where the system has them."""

_SIGNALS: Final = tuple(getattr(signal, each) for each in _NAMES if hasattr(signal, each))

Handler = Callable[[int, FrameType | None], Any]


class HeldSignals:
    """Holds what signals bring about in Python; for the main thread, the only one that has them."""

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._came: list[tuple[int, FrameType | None]] = []
        self._is_holding = False

    def hold(self) -> None:
        """Note from now on which signals come; those that came before this act in it."""
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
        """Let each handler be what it was, and act on what has come."""
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
