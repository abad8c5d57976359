"""Owns the queue of one endpoint: what waits to be sent to it, and how it took the last attempt."""

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a server without webhooks does without their modules
    import asyncio

    from payments_sandbox.webhooks.delivery import AttemptResult, Delivery

SLOW_MS: Final = 1_000
"""Wall milliseconds from which on an endpoint is slow; one that does not answer is, too."""


class EndpointQueue:
    """The deliveries that wait for one endpoint, and how it took the last attempt.

    Attributes:
        waiting: those that are to be sent, in order.
        in_flight: those that a worker holds.
        busy: how many workers are at work; a task ends a little later.
        is_silent: it has not answered yet, or did not the last time.
        is_slow: it is silent, or took long the last time.
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
        """Let a delivery wait, behind all others."""
        self.waiting.append(delivery)
        self._ordered += delivery.order is not None

    def clear(self) -> None:
        """Let no delivery wait any more."""
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
        """Remember how the endpoint took an attempt."""
        self.is_silent = result.response is None
        self.is_slow = self.is_silent or result.duration_ms >= SLOW_MS

    @property
    def is_single(self) -> bool:
        """Whether its deliveries go one at a time."""
        return self.is_silent or self._ordered > 0

    @property
    def is_crowded(self) -> bool:
        """Whether a worker is one too many."""
        return self.is_silent and self.busy > 1
