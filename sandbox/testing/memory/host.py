"""Owns a sandbox that lives in this process without a thread or a socket of its own.

The same server as ever answers, on wires in memory. It works only while a client of it waits, and
what a client waits for costs no time: see `still_loop`.
"""

import asyncio
import errno
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sandbox.settings import Settings
from sandbox.testing.memory.still_loop import StillLoop
from sandbox.testing.memory.wire import Wire

if TYPE_CHECKING:
    from sandbox.bootstrap import Sandbox
    from sandbox.engine.deliveries import Outcome
    from sandbox.web.connection import Connections

NOT_SENT: Final = (
    "a sandbox without a socket sends to inbox:NAME only; running_sandbox() sends anywhere"
)
T = TypeVar("T")


class Turns:
    """Lets one caller after the other run a loop, whatever loop the caller itself is in."""

    def __init__(self, loop: StillLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the loop until the work is done.

        Raises:
            RuntimeError: the sandbox is closed.
        """
        with self._lock:
            if self._loop.is_closed():
                work.close()
                raise RuntimeError("this sandbox is closed")
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return self._loop.run_until_complete(work)
            # A thread has one running loop at most. It goes with the turn: one that stayed might
            # be the one in which a forgotten sandbox is collected, and cannot wait for itself.
            with ThreadPoolExecutor(1, "payments-sandbox") as elsewhere:
                return elsewhere.submit(self._loop.run_until_complete, work).result()

    def end(self) -> None:
        """Close the loop; nobody has a turn any more."""
        self._loop.close()


class Host:
    """A sandbox and the loop that it runs on.

    Attributes:
        sandbox: the server's parts; touch them only where no client waits.
    """

    def __init__(self, settings: Settings) -> None:
        self._loop = StillLoop()
        self._turns = Turns(self._loop)
        self.sandbox, self._connections = self._turns.run(_put_together(settings))
        self._finalizer = weakref.finalize(
            self, _close, self._turns, self._connections, self.sandbox
        )

    def connect(self) -> "Connection":
        """A new connection to the server."""
        return Connection(self, self._turns.run(self._plugged_in()))

    def close(self) -> None:
        """Stop the server; every connection ends."""
        self._finalizer()

    async def _plugged_in(self) -> Wire:
        return Wire(self._loop, self._connections())

    def answer(self, wire: Wire, data: bytes, seconds: float | None) -> None:
        """Let the server work on what was sent until something comes back, and has had its effects.

        Raises:
            TimeoutError: nothing has come in so many seconds of the loop's time.
        """
        self._turns.run(self._answered(wire, data, seconds))

    async def _answered(self, wire: Wire, data: bytes, seconds: float | None) -> None:
        wire.feed(data)
        async with asyncio.timeout(seconds):
            while not (wire.came or wire.is_over):
                wire.news.clear()
                await wire.news.wait()
        await self._loop.quiet()  # webhooks to inboxes, and whatever else follows at once

    def hang_up(self, wire: Wire, data: bytes) -> None:
        """The client closes, and the server notices."""
        if not (wire.is_over or self._loop.is_closed()):
            self._turns.run(self._hung_up(wire, data))

    async def _hung_up(self, wire: Wire, data: bytes) -> None:
        wire.feed(data)
        wire.hang_up()
        await self._loop.quiet()


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
    ) -> "Outcome":
        """Say why nothing was sent."""
        from sandbox.engine.deliveries import Outcome

        return Outcome(headers, None, NOT_SENT, 0.0)

    async def close(self) -> None:
        """Nothing is open."""


async def _put_together(settings: Settings) -> "tuple[Sandbox, Connections]":
    from sandbox.bootstrap import assemble
    from sandbox.web.server import connections_of

    sandbox = assemble(settings, make_sender=InboxesOnly)
    return sandbox, connections_of(sandbox.site)


async def _stopped(connections: "Connections", sandbox: "Sandbox") -> None:
    from sandbox.web.server import end_work

    end_work(sandbox.parts)
    await connections.close()
    await sandbox.parts.dispatcher.close()


def _close(turns: Turns, connections: "Connections", sandbox: "Sandbox") -> None:
    turns.run(_stopped(connections, sandbox))
    turns.end()
