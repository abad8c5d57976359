"""Owns what a server counts of its calls and webhooks since its start, including dropped worlds.

The metrics route and the summary at the end of `serve` show these counts. Payments and events are
counted by the worlds themselves; see `server_totals.py`.

Counting is always on: it costs one addition for each call and each attempt of a webhook. Labels
are our own words and statuses, never a key, an id, or anything that a client has sent.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from payments_sandbox.world.journal import Entry

if TYPE_CHECKING:  # a server imports these modules only when it needs them
    from payments_sandbox.server.process_facts import LoopLag
    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt

CallEnd = tuple[str | None, int | None, str | None]
"""The result of a call: its operation, the status that was sent, and the fault, each if any."""

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
LOST: Final = "lost"
"""The outcomes of an attempt: accepted, not accepted, or dropped by a rule."""


class Metrics:
    """Counts what has happened.

    Attributes:
        calls: calls to the emulated API that a world answered, by their result.
        refused_keys: calls that were refused for an invalid API key, by their result.
        turned_away: requests to either API that reached no world, `refused_keys` included.
        attempts: attempts of webhooks, by outcome.
        deliveries: deliveries that have ended with an attempt, by their final status.
        lag: how late the event loop is; None until the first scrape.
    """

    def __init__(self) -> None:
        self.calls: dict[CallEnd, int] = defaultdict(int)
        self.refused_keys: dict[CallEnd, int] = defaultdict(int)
        self.turned_away = 0
        self.attempts: dict[str, int] = defaultdict(int)
        self.deliveries: dict[str, int] = defaultdict(int)
        self.lag: LoopLag | None = None

    def count_call(self, entry: Entry) -> None:
        """Count a finished call by its journal entry."""
        self.calls[entry.operation, entry.status, entry.fault] += 1

    def count_refused_key(self, operation: str | None, status: int) -> None:
        """Count a call that was refused for its API key."""
        self.refused_keys[operation, status, None] += 1
        self.turned_away += 1

    def count_turned_away(self) -> None:
        """Count a request that was refused before it reached a world, for other reasons."""
        self.turned_away += 1

    def count_attempt(self, delivery: "Delivery", attempt: "DeliveryAttempt") -> None:
        """Count a finished attempt, and its delivery if that has ended with it."""
        if attempt.request.dropped_by is not None:
            self.attempts[LOST] += 1
        else:
            self.attempts[DELIVERED if attempt.result.error is None else FAILED] += 1
        if not delivery.is_pending:
            self.deliveries[delivery.status] += 1

    def answers(self) -> Counter[str]:
        """Return how often worlds have answered with each status, or with a fault instead."""
        found: Counter[str] = Counter()
        for (_, status, fault), count in self.calls.items():
            found[str(fault or status or "")] += count
        return found

    def attempts_by_delivery(self) -> Counter[str]:
        """Return how many attempts there were, by the status of their delivery after each."""
        from payments_sandbox.webhooks.delivery import DeliveryStatus  # noqa: PLC0415 - most servers send none

        ended = Counter(self.deliveries)
        pending = sum(self.attempts.values()) - ended.total()
        return ended + Counter({DeliveryStatus.PENDING.value: pending})
