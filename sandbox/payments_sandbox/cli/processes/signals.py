"""Owns how a command that goes on by itself is stopped, and may still put things in order."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:  # commands that have no loop do without them
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
    """Ctrl-C, SIGTERM and a terminal that closes end the block, and none of them is an error.

    Only the first counts, so that what the block has to undo is undone.
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
    """Let what is meant to end us be handled in the running loop, for as long as there is one.

    SIGHUP stays ignored where it is, as nohup does it.
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
    """Let the end of stdin be handled in the running loop; what comes before it is thrown away.

    However the process ends that has the other end, the system closes it: so nobody who started us
    leaves us behind. A thread waits for it, since on Windows no loop can wait for a pipe.
    """
    import asyncio
    import threading

    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):  # a terminal that has gone
            while os.read(_STDIN, _CHUNK):
                pass
        with suppress(RuntimeError):  # the loop has ended before
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
    """Give a socket that can be read once we have been told to end; for who has no loop.

    SIGHUP stays ignored where it is, as nohup does it. After the block nothing interrupts the exit.
    """
    import socket

    numbers = [each for each in _SIGNALS if not _stays_ignored(each)]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)  # noqa: FBT003 - the module's own way
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
    """Hold signals back until the block has ended, so that what it makes can be undone."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
