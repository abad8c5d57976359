"""Owns the subscribers to a world's changes: event streams, inbox reads and verifications."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, TypeVar

from payments_sandbox.world.world import World

T = TypeVar("T")


class Subscriber:
    """Waits for the changes of one world.

    Attributes:
        is_over: no more changes will come: the world was dropped, or the server is stopping.
    """

    __slots__ = ("_notified", "_others", "is_over")

    def __init__(self, others: "Collection[Subscriber]" = ()) -> None:
        self._notified = asyncio.Event()
        self._others = others
        self.is_over = False

    @property
    def subscriber_count(self) -> int:
        """The number of subscribers to changes of the world, this one included."""
        return len(self._others)

    def notify(self) -> None:
        """Wake the subscriber: something may have changed."""
        self._notified.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something may have changed, for at most `seconds` of wall time.

        Returns:
            Whether more changes may come.
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
        """Provide a subscriber that is notified of a world's changes until the block ends."""
        subscribers = self._subscribers.setdefault(world, set())
        subscriber = Subscriber(subscribers)
        subscriber.is_over = self._is_closed
        subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            remaining = self._subscribers.get(world, set())
            remaining.discard(subscriber)
            if not remaining:
                self._subscribers.pop(world, None)
                self._shared.pop(world, None)

    async def wait_until(self, world: World, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until `holds()` is true, `seconds` of wall time have passed, or the world is gone.

        The condition is checked again after each change of the world.
        """
        with self.subscribe(world) as subscriber, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not subscriber.is_over and not condition():
                    await subscriber.wait(seconds)

    def shared(self, world: World, key: Hashable, make: Callable[[], T]) -> T:
        """Return a value that all subscribers of a world share until its next change.

        The first subscriber that asks for `key` makes it.
        """
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
        """End the waits of a world's subscribers: the world is gone."""
        self._shared.pop(world, None)
        for subscriber in self._subscribers.pop(world, ()):
            subscriber.is_over = True
            subscriber.notify()

    def close_all(self) -> None:
        """End the waits of all subscribers: the server is stopping."""
        self._is_closed = True
        for world in list(self._subscribers):
            self.close(world)
