"""Owns who waits for a change of a world: streams, inboxes, verifications."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, TypeVar

from payments_sandbox.world.world import World

T = TypeVar("T")


class Subscriber:
    """One that waits for changes of a world.

    Attributes:
        is_over: the world is gone, or the server stops: nothing more will come.
    """

    __slots__ = ("_notified", "_others", "is_over")

    def __init__(self, others: "Collection[Subscriber]" = ()) -> None:
        self._notified = asyncio.Event()
        self._others = others
        self.is_over = False

    @property
    def companions(self) -> int:
        """The number of subscribers to changes of the world, this one included."""
        return len(self._others)

    def notify(self) -> None:
        """Say that something may have changed."""
        self._notified.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something may have changed, or so many wall seconds have passed.

        Returns:
            Whether more may come.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._notified.wait()
        self._notified.clear()
        return not self.is_over


class ChangeNotifier:
    """The subscribers of one server, by world."""

    def __init__(self) -> None:
        self._subscribers: dict[World, set[Subscriber]] = {}
        self._shared: dict[World, dict[Hashable, Any]] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return sum(map(len, self._subscribers.values()))

    @contextlib.contextmanager
    def subscribe(self, world: World) -> Iterator[Subscriber]:
        """Give a subscriber that is notified of a world's changes until the block ends."""
        subscribers = self._subscribers.setdefault(world, set())
        subscriber = Subscriber(subscribers)
        subscriber.is_over = self._is_closed
        subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            left = self._subscribers.get(world, set())
            left.discard(subscriber)
            if not left:
                self._subscribers.pop(world, None)
                self._shared.pop(world, None)

    async def wait_until(self, world: World, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until something holds in a world, so many wall seconds passed, or it is gone."""
        with self.subscribe(world) as subscriber, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not subscriber.is_over and not holds():
                    await subscriber.wait(seconds)

    def shared(self, world: World, key: Hashable, make: Callable[[], T]) -> T:
        """What is the same for all subscribers of a world until it changes, made by the first."""
        made = self._shared.setdefault(world, {}) if world in self._subscribers else {}
        if key not in made:
            made[key] = make()
        found: T = made[key]
        return found

    def notify(self, world: World) -> None:
        """Notify the subscribers of a world."""
        self._shared.pop(world, None)
        for subscriber in self._subscribers.get(world, ()):
            subscriber.notify()

    def close(self, world: World) -> None:
        """Let the subscribers of a world go: it is gone."""
        self._shared.pop(world, None)
        for subscriber in self._subscribers.pop(world, ()):
            subscriber.is_over = True
            subscriber.notify()

    def close_all(self) -> None:
        """Let every subscriber go: the server stops."""
        self._is_closed = True
        for world in list(self._subscribers):
            self.close(world)
