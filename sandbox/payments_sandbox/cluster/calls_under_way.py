"""Owns which keys have unanswered calls: their worlds stay in this process until the calls end.

Calls without a key, and calls whose place is not known yet, are counted under None.
"""

import asyncio


class CallsUnderWay:
    """Counts the calls under way for each key."""

    def __init__(self) -> None:
        self._counts: dict[str | None, int] = {}
        self._ended = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __contains__(self, key: str) -> bool:
        return key in self._counts

    def begin(self, key: str | None) -> None:
        """Count a call that has begun."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def end(self, key: str | None) -> None:
        """Count a call that has ended."""
        if left := self._counts[key] - 1:
            self._counts[key] = left
        else:
            del self._counts[key]
            self._ended.set()

    async def until_ended(self, key: str) -> None:
        """Wait until no call of a key is under way."""
        while key in self._counts:
            self._ended.clear()
            await self._ended.wait()
