"""Owns one sandbox on wires in memory, whose connections are ours at first or aiohttp's at once."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.connection import Connections
from payments_sandbox.server.factory import Sandbox, assemble
from payments_sandbox.server.http_server import connections_of
from payments_sandbox.testing.memory.host import InboxesOnly
from payments_sandbox.testing.memory.still_loop import StillLoop
from payments_sandbox.testing.memory.wire import Wire
from payments_sandbox.world.journal import Journal

KEY = "sk_test_two_ways"
T = TypeVar("T")


class Heard(NamedTuple):
    """What came back, but for the date, and whether the connection has ended, and with an RST."""

    raw: bytes
    is_over: bool
    is_reset: bool


Said = tuple[Wire, bytes | None]
"""What a client sends on a connection; None when it hangs up."""


class OneWay:
    """A sandbox, frozen and seeded, and the one way that requests go.

    Args:
        is_ours: whether connections are ours at first, as those of `serve` are.
    """

    def __init__(self, *, is_ours: bool = True, **options: Any) -> None:  # noqa: ANN401 - settings
        self._is_ours = is_ours
        self.loop = StillLoop()
        self._run(self._begin(Settings(clock="2030-01-15T10:30:00Z", seed=7, **options)))

    async def _begin(self, settings: Settings) -> None:
        self.sandbox: Sandbox = assemble(settings, make_sender=InboxesOnly)
        self.connections: Connections = connections_of(self.sandbox.handler)

    def wire(self) -> Wire:
        """A new connection."""
        return self._run(self._connected())

    async def _connected(self) -> Wire:
        make = self.connections if self._is_ours else self.connections.aiohttp
        wire = Wire(self.loop, make())
        await self.loop.quiet()
        return wire

    def say(self, wire: Wire, *parts: bytes) -> Heard:
        """Send parts, one after the other, and let happen what needs no time."""
        return self._run(self._heard(wire, parts))

    async def _heard(self, wire: Wire, parts: tuple[bytes, ...]) -> Heard:
        for part in parts:
            wire.feed(part)
            await self.loop.quiet()
        return _heard(wire)

    def say_at_once(self, *said: Said) -> list[Heard]:
        """Send on several connections in one turn of the loop."""
        return self._run(self._all_heard(said))

    async def _all_heard(self, said: tuple[Said, ...]) -> list[Heard]:
        _feed(said)
        await self.loop.quiet()
        return [_heard(wire) for wire, _ in said]

    def answered_by_turn(self, *said: Said) -> list[int]:
        """Send in one turn of the loop; how many are answered at its end, and after each next."""
        return self._run(self._answered(said))

    async def _answered(self, said: tuple[Said, ...]) -> list[int]:
        counts: list[int] = []

        def look() -> None:
            counts.append(sum(bool(wire.came) for wire, _ in said))
            if counts[-1] < len(said):
                self.loop.call_soon(look)

        _feed(said)
        look()
        await self.loop.quiet()
        return counts

    def wait(self, seconds: float) -> None:
        """Let time pass, which takes none."""
        self._run(self._passed(seconds))

    async def _passed(self, seconds: float) -> None:
        over = asyncio.Event()
        self.loop.call_later(seconds, over.set)
        await over.wait()

    def journal(self, key: str = KEY) -> dict[str, Any]:
        """What the journal of a world keeps, but for how long it took, and when by the wall."""
        journal: Journal = self.sandbox.runtime.worlds.of(key).journal
        kept: dict[str, Any] = journal.snapshot()
        for entry in kept["entries"]:
            del entry["duration_ms"], entry["wall"]
        return kept

    def stop(self, *said: Said) -> None:
        """Send, and in the same turn of the loop begin to end every connection."""
        self._run(self._stopped(said))

    async def _stopped(self, said: tuple[Said, ...]) -> None:
        _feed(said)
        await self.connections.close()

    def close(self) -> None:
        """End it."""
        self.stop()
        self.loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)


def _feed(said: tuple[Said, ...]) -> None:
    for wire, data in said:
        if data is None:
            wire.hang_up()
        else:
            wire.feed(data)


def _heard(wire: Wire) -> Heard:
    came = re.sub(rb"Date: [^\r]*\r\n", b"", wire.take(1_000_000))
    return Heard(came, wire.is_over, wire.is_reset)
