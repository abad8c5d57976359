"""Owns how signals stop a command that runs until stopped, so that it can still clean up."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:  # commands without a loop do not import them
    import asyncio
    import socket

_SIGNALS: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
)

_STDIN: Final = 0
_CHUNK: Final = 65536

_HANG_UP: Final = getattr(signal, "SIGHUP", None)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a terminal that closes end the block without an error.

    Only the first signal counts, so that the block can clean up.
    """
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, stop)
    with suppress(KeyboardInterrupt):
        yield


def on_signals(handle_signal: Callable[[int], None]) -> None:
    """Handle the signals that ask us to end in the running loop, as long as it runs.

    If SIGHUP is ignored, as by nohup, it stays ignored.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if _stays_ignored(number):
            continue
        try:
            loop.add_signal_handler(number, handle_signal, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda heard, _: loop.call_soon_threadsafe(handle_signal, heard))


def on_stdin_closed(handle: Callable[[], None]) -> None:
    """Call `handle` in the running loop when stdin ends; any input is discarded.

    The system closes a pipe when the process at its other end ends in any way: so we do not outlive
    the process that has started us. A thread waits for it, since no loop on Windows can wait for a
    pipe.
    """
    import asyncio
    import threading

    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):  # a terminal that has gone
            while os.read(_STDIN, _CHUNK):
                pass
        with suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(handle)

    threading.Thread(target=wait, daemon=True).start()


def ignore_signals(loop: "asyncio.AbstractEventLoop") -> None:
    """Ignore signals until the exit, once the loop that handled them has ended."""
    with signals_blocked():
        for number in _SIGNALS:
            with suppress(NotImplementedError):  # Windows
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


def unblock_signals() -> None:
    """Unblock the signals that were blocked when this process was started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def heard_signals() -> Iterator["socket.socket"]:
    """Yield a socket that becomes readable when a signal asks us to end, for code without a loop.

    If SIGHUP is ignored, as by nohup, it stays ignored. After the block, signals are ignored, so
    that nothing interrupts the exit.
    """
    import socket

    numbers = [each for each in _SIGNALS if not _stays_ignored(each)]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)  # noqa: FBT003 - takes no keyword
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _do_nothing)
        try:
            yield ours
        finally:
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(before)


def _stays_ignored(number: int) -> bool:
    return number == _HANG_UP and signal.getsignal(number) is signal.SIG_IGN


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; without a handler, the wake-up descriptor would not be written to."""


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold signals back until the block ends, so that it can finish what it begins."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
