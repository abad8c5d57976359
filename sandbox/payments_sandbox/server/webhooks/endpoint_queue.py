"""Owns the queue of one endpoint: its waiting deliveries, and whether it is slow or silent."""

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a server without webhooks never imports these modules
    import asyncio

    from payments_sandbox.webhooks.delivery import AttemptResult, Delivery

SLOW_MS: Final = 1_000
"""Wall milliseconds from which on an endpoint counts as slow; a silent one always does."""


class EndpointQueue:
    """The deliveries that wait for one endpoint, and how it answered the last attempt.

    Attributes:
        waiting: the deliveries that are to be sent, in order.
        in_flight: the deliveries that workers have taken.
        workers: the workers' tasks.
        busy: how many workers are working; their tasks end a little later.
        is_silent: whether it has not answered yet, or did not answer the last attempt.
        is_slow: whether it did not answer the last attempt, or took long.
    """

    __slots__ = ("_ordered", "busy", "in_flight", "is_silent", "is_slow", "waiting", "workers")

    def __init__(self) -> None:
        self.waiting: deque[Delivery] = deque()
        self.in_flight: set[Delivery] = set()
        self.workers: set[asyncio.Task[None]] = set()
        self.busy = 0
        self.is_silent = True
        self.is_slow = False
        self._ordered = 0

    def append(self, delivery: "Delivery") -> None:
        """Add a delivery at the end."""
        self.waiting.append(delivery)
        self._ordered += delivery.order is not None

    def clear(self) -> None:
        """Remove all waiting deliveries."""
        self.waiting.clear()
        self._ordered = 0

    def pop(self) -> "Delivery | None":
        """Take out the next delivery that is still to be attempted, or None."""
        while self.waiting:
            delivery = self.waiting.popleft()
            self._ordered -= delivery.order is not None
            if delivery.is_pending:
                return delivery
        return None

    def notice(self, result: "AttemptResult") -> None:
        """Remember how the endpoint answered an attempt."""
        self.is_silent = result.response is None
        self.is_slow = self.is_silent or result.duration_ms >= SLOW_MS

    @property
    def is_single(self) -> bool:
        """Whether its deliveries are sent one at a time."""
        return self.is_silent or self._ordered > 0

    @property
    def is_crowded(self) -> bool:
        """Whether it has more workers than it may have while it is silent."""
        return self.is_silent and self.busy > 1
