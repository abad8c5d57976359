"""Owns who waits for something to happen in a world: streams, inboxes, verifications."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from payments_sandbox.world.world import World


class Reader:
    """One that waits.

    Attributes:
        is_over: the world is gone, or the server stops: nothing more will come.
    """

    __slots__ = ("_told", "is_over")

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self.is_over = False

    def tell(self) -> None:
        """There may be news."""
        self._told.set()

    async def wait(self, seconds: float) -> None:
        """Wait until there may be news, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        self._told.clear()


class News:
    """The readers of one server, by world."""

    def __init__(self) -> None:
        self._readers: dict[World, set[Reader]] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return sum(map(len, self._readers.values()))

    @contextlib.contextmanager
    def reader(self, world: World) -> Iterator[Reader]:
        """Be told of a world until the block ends."""
        reader = Reader()
        reader.is_over = self._is_closed
        self._readers.setdefault(world, set()).add(reader)
        try:
            yield reader
        finally:
            readers = self._readers.get(world, set())
            readers.discard(reader)
            if not readers:
                self._readers.pop(world, None)

    async def wait_until(self, world: World, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until something holds in a world, time is up, or the world is gone."""
        with self.reader(world) as reader, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not reader.is_over and not holds():
                    await reader.wait(seconds)

    def publish(self, world: World) -> None:
        """Tell the readers of a world that there may be news."""
        for reader in self._readers.get(world, ()):
            reader.tell()

    def close(self, world: World) -> None:
        """Let the readers of a world go: it is gone."""
        for reader in self._readers.pop(world, ()):
            reader.is_over = True
            reader.tell()

    def close_all(self) -> None:
        """Let every reader go: the server stops."""
        self._is_closed = True
        for world in list(self._readers):
            self.close(world)
