"""Owns a sandbox that lives in this process without a thread or a socket of its own.

The same server as ever answers, on wires in memory. It works only while a client of it waits, and
what a client waits for costs no time: see `still_loop`.
"""

import asyncio
import atexit
import errno
import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from payments_sandbox.core.settings import Settings
from payments_sandbox.testing.memory.still_loop import StillLoop
from payments_sandbox.testing.memory.wire import Wire

if TYPE_CHECKING:
    from payments_sandbox.server.factory import Server
    from payments_sandbox.server.http_server import HttpServer
    from payments_sandbox.webhooks.delivery import AttemptResult

NOT_SENT: Final = (
    "a sandbox without a socket sends to inbox:NAME only; running_sandbox() sends anywhere"
)
T = TypeVar("T")


class Host:
    """A sandbox in memory, for as long as somebody has it.

    Attributes:
        sandbox: the server's parts; touch them only where no client waits.
    """

    def __init__(self, settings: Settings) -> None:
        _end_forgotten()
        self._room = Room(settings)
        self.sandbox = self._room.sandbox
        weakref.finalize(self, self._room.forget)

    def connect(self) -> "Connection":
        """A new connection to the server."""
        return Connection(self, self._room.run(self._room.plugged_in()))

    def answer(self, wire: Wire, data: bytes, seconds: float | None) -> None:
        """Let the server work on what was sent until something comes back, and has had its effects.

        Raises:
            TimeoutError: nothing has come in so many seconds of the loop's time.
        """
        self._room.run(self._room.answered(wire, data, seconds))

    def hang_up(self, wire: Wire, data: bytes) -> None:
        """The client has sent this and closes; the server notices when it works again."""
        self._room.gone.append((wire, data))

    def close(self) -> None:
        """Stop the server; every connection ends."""
        self._room.end()


class Room:
    """The loop of one sandbox, and all that runs on it, until it has ended.

    Nobody works here where a `Host` or a connection is found to be garbage: the collector runs in
    the middle of anything, which may hold the very lock that is needed to go on. What it finds is
    noted, and seen to when somebody works here, or makes the next sandbox, or at the exit.

    Attributes:
        gone: the clients that have hung up, and what they had sent last; the server is told next.
        is_forgotten: nobody has the host any more.
    """

    def __init__(self, settings: Settings) -> None:
        self._loop = StillLoop()
        self._lock = threading.Lock()
        self._caller: int | None = None
        self._worker: int | None = None
        self.gone: Final[deque[tuple[Wire, bytes]]] = deque()
        self.is_forgotten = False
        try:
            self.sandbox, self._server = self.run(_put_together(settings))
        except BaseException:
            self._loop.close()
            raise
        _OPEN.add(self)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the loop until the work is done; one caller after the other.

        Raises:
            RuntimeError: the sandbox is closed.
        """
        with self._lock:
            if self._loop.is_closed():
                work.close()
                raise RuntimeError("this sandbox is closed")
            return self._done(work)

    def end(self) -> None:
        """Stop the server and close the loop, once."""
        if threading.get_ident() in (self._caller, self._worker):
            self.forget()  # the collector has found who was to close it, while it works
            return
        with self._lock:
            if not self._loop.is_closed():
                self._done(_stopped(self._server, self.sandbox))
                self._loop.close()
                _OPEN.discard(self)

    def forget(self) -> None:
        """Nobody can come any more."""
        self.is_forgotten = True

    async def plugged_in(self) -> Wire:
        """A new connection."""
        return Wire(self._loop, self._server())

    async def answered(self, wire: Wire, data: bytes, seconds: float | None) -> None:
        """See `Host.answer`."""
        wire.feed(data)
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            while not (wire.came or wire.is_over):
                wire.news.clear()
                await wire.news.wait()
        await self._loop.quiet()  # webhooks to inboxes, and whatever else follows at once

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        turn = partial(self._loop.run_until_complete, self._turn(work))
        self._caller = threading.get_ident()
        try:
            return turn() if _has_no_loop() else _elsewhere(turn)
        finally:
            self._caller = self._worker = None

    async def _turn(self, work: Coroutine[Any, Any, T]) -> T:
        self._worker = threading.get_ident()
        if self.gone:
            from payments_sandbox.server.delayed_replies import CHECK_EVERY

            while self.gone:
                wire, data = self.gone.popleft()
                wire.feed(data)
                wire.hang_up()
            # Who holds a reply back looks only now and then whether anybody waits for it.
            await asyncio.sleep(CHECK_EVERY)  # noqa: TID251 - it takes no time
            await self._loop.quiet()
        return await work


def _has_no_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def _elsewhere(work: Callable[[], T]) -> T:
    """What comes of it in a thread of its own: a thread has one running loop at most.

    An executor would hold a lock of everybody's while it starts one, and the collector may run
    there, and close a sandbox; so would, while it begins, a thread that is no daemon.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            done.set_exception(error)

    thread = threading.Thread(target=run, name="payments-sandbox", daemon=True)
    thread.start()
    try:
        return done.result()
    finally:
        thread.join()  # whoever is interrupted leaves no loop running


_OPEN: Final[set[Room]] = set()
"""Those that have not ended."""


def _end_forgotten() -> None:
    for room in list(_OPEN):
        if room.is_forgotten:
            room.end()


@atexit.register
def _end_all() -> None:
    for room in list(_OPEN):
        room.end()


class Connection:
    """The client's end of a connection."""

    def __init__(self, host: Host, wire: Wire) -> None:
        self._host = host
        self._wire = wire
        self._said = b""

    def write(self, data: bytes) -> None:
        """Send; the server looks at it when somebody waits for an answer."""
        self._said += data

    def read(self, most: int, seconds: float | None = None) -> bytes:
        """What comes next, nothing at the end; waiting takes no time.

        Raises:
            TimeoutError: nothing would have come in so many seconds.
            ConnectionResetError: the server has ended the connection with an RST.
        """
        if self._said or not self.has_news():
            said, self._said = self._said, b""
            self._host.answer(self._wire, said, seconds)
        if self._wire.is_reset:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return self._wire.take(most)

    def has_news(self) -> bool:
        """Whether there is something to read, if only the end."""
        return bool(self._wire.came) or self._wire.is_over

    def close(self) -> None:
        """Hang up."""
        self._host.hang_up(self._wire, self._said)


class InboxesOnly:
    """Stands where a server sends webhooks over the network: it does not."""

    async def post(
        self,
        url: str,  # noqa: ARG002 - the port's
        *,
        headers: Mapping[str, str],
        body: bytes,  # noqa: ARG002 - the port's
        timeout_ms: int,  # noqa: ARG002 - the port's
    ) -> "AttemptResult":
        """Say why nothing was sent."""
        from payments_sandbox.webhooks.delivery import AttemptResult

        return AttemptResult(headers, None, NOT_SENT, 0.0)

    async def close(self) -> None:
        """Nothing is open."""


async def _put_together(settings: Settings) -> "tuple[Server, HttpServer]":
    from payments_sandbox.server.factory import assemble
    from payments_sandbox.server.http_server import HttpServer

    sandbox = assemble(settings, make_sender=InboxesOnly)
    return sandbox, HttpServer(sandbox.handler)


async def _stopped(server: "HttpServer", sandbox: "Server") -> None:
    sandbox.runtime.stop()
    await server.close()
    await sandbox.runtime.close()
