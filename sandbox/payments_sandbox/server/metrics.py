"""Owns what a server counts of itself, from its start on, over worlds that are gone by now too.

The route of the metrics shows it, and the summary at the end of `serve`: nothing else counts calls
and attempts. Payments and events are counted by worlds themselves; see `server_totals.py`.

It is counted always, since nobody knows beforehand that somebody will ask: one addition for each
call, and one for each attempt of a webhook. Labels are words of ours and statuses: never a key, an
id, or what a client has sent.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from payments_sandbox.world.journal import Entry

if TYPE_CHECKING:  # a server does without their modules until it needs them
    from payments_sandbox.server.process_facts import LoopLag
    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt

CallEnd = tuple[str | None, int | None, str | None]
"""What came of a call: its operation, the status that was sent, the fault that its client met."""

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
LOST: Final = "lost"
"""The outcomes of an attempt: accepted, not accepted, or dropped by a rule."""


class Metrics:
    """Counts what has happened.

    Attributes:
        calls: to the emulated API that a world answered, by what came of them.
        refused_keys: the same of those that no world was asked about, since their key is none.
        turned_away: requests to either API that no world was asked about, these among them.
        attempts: of webhooks, by what came of them.
        deliveries: that have ended with an attempt, by what became of them.
        lag: how late the event loop is; None before anybody has asked.
    """

    def __init__(self) -> None:
        self.calls: dict[CallEnd, int] = defaultdict(int)
        self.refused_keys: dict[CallEnd, int] = defaultdict(int)
        self.turned_away = 0
        self.attempts: dict[str, int] = defaultdict(int)
        self.deliveries: dict[str, int] = defaultdict(int)
        self.lag: LoopLag | None = None

    def count_call(self, entry: Entry) -> None:
        """Count a call that has its end, by its entry in the journal."""
        self.calls[entry.operation, entry.status, entry.fault] += 1

    def count_refused_key(self, operation: str | None, status: int) -> None:
        """Count a call that was refused for its key."""
        self.refused_keys[operation, status, None] += 1
        self.turned_away += 1

    def count_turned_away(self) -> None:
        """Count a request that was refused before any world was asked, and was no such call."""
        self.turned_away += 1

    def count_attempt(self, delivery: "Delivery", attempt: "DeliveryAttempt") -> None:
        """Count an attempt that has ended, and its delivery if that has ended with it."""
        if attempt.request.dropped_by is not None:
            self.attempts[LOST] += 1
        else:
            self.attempts[DELIVERED if attempt.result.error is None else FAILED] += 1
        if not delivery.is_pending:
            self.deliveries[delivery.status.value] += 1

    def answers(self) -> Counter[str]:
        """How often worlds have answered with each status, or a fault in its place."""
        found: Counter[str] = Counter()
        for (_, status, fault), count in self.calls.items():
            found[str(fault or status or "")] += count
        return found

    def attempts_by_delivery(self) -> Counter[str]:
        """How many attempts there were, by the status in which they have left their delivery."""
        from payments_sandbox.webhooks.delivery import DeliveryStatus  # noqa: PLC0415 - most send none

        ended = Counter(self.deliveries)
        pending = sum(self.attempts.values()) - ended.total()
        return ended + Counter({DeliveryStatus.PENDING.value: pending})
