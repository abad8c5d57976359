"""Owns the tally of one server: the failures that calls and webhooks of all worlds have met.

It counts at once, so nothing is lost when a world is dropped or reset. Its names for failures are
those of `exploration/failures.py`, whose tests make each of them happen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from payments_sandbox.contract.operations import READS
from payments_sandbox.core.instants import DAY, SECOND
from payments_sandbox.payments.events import EventType
from payments_sandbox.rules.faults.fault import ABANDONED
from payments_sandbox.webhooks.delivery import Delivery, WebhookRequest
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.webhooks.world_webhooks import Webhooks
from payments_sandbox.world.journal import Entry

SLOW: Final = 1 * SECOND
"""From how many wall milliseconds on a delayed reply counts as slow."""

MONTH: Final = 28 * DAY
"""From how many virtual milliseconds on a webhook counts as a month late."""

_NONE: Final = (None,)
_EVENTS: Final = frozenset(each.value for each in EventType)


class CallRow(NamedTuple):
    """What calls have met.

    Attributes:
        operation: the operation of the calls.
        failure: an error code or the name of a wire fault; None if all went well.
        commit: whether the operation took effect in spite of the failure; None for reads and if
            there was no failure.
    """

    operation: str
    failure: str | None
    commit: bool | None


class WebhookRow(NamedTuple):
    """What attempts of webhooks have met; `failure` is None if all went well."""

    event: str
    failure: str | None


Row = TypeVar("Row", CallRow, WebhookRow)


class FailureTally:
    """Counts what calls and attempts of webhooks have met."""

    def __init__(self) -> None:
        self._calls: Counter[CallRow] = Counter()
        self._webhooks: Counter[WebhookRow] = Counter()

    def count_call(self, entry: Entry, delay: int) -> None:
        """Count a call of a documented operation that was answered or met a fault.

        `delay` is how many wall milliseconds a rule has delayed its reply.
        """
        if entry.operation is None:
            return
        commit = None if entry.operation in READS else bool(entry.committed)
        for failure in tuple(_failures_of_call(entry, delay)) or _NONE:
            self._calls[CallRow(entry.operation, failure, commit if failure else None)] += 1

    def count_refused_key(self, operation: str | None, error_code: str) -> None:
        """Count a call that was rejected because of its key."""
        if operation is not None:
            commit = None if operation in READS else False
            self._calls[CallRow(operation, error_code, commit)] += 1

    def count_attempt(
        self, webhooks: Webhooks, delivery: Delivery, request: WebhookRequest
    ) -> None:
        """Count an attempt, which is about to be made, of a webhook of a documented event."""
        if (event := delivery.message.type) not in _EVENTS:
            return  # users can make up any number of other types
        for failure in tuple(_failures_of_attempt(webhooks, delivery, request)) or _NONE:
            self._webhooks[WebhookRow(event, failure)] += 1

    def with_others(self, others: Iterable[Mapping[str, Any]]) -> "FailureTally":
        """Make a new tally that adds the counts of others, as `as_json` shows them."""
        found = FailureTally()
        for shown in (self.as_json(), *others):
            for call in shown["calls"]:
                row = CallRow(call["operation"], call["failure"], call["commit"])
                found._calls[row] += call["count"]
            for webhook in shown["webhooks"]:
                found._webhooks[WebhookRow(webhook["event"], webhook["failure"])] += webhook[
                    "count"
                ]
        return found

    def as_json(self) -> dict[str, Any]:
        """The rows as the control API shows them, always in the same order."""
        return {"calls": _as_json(self._calls), "webhooks": _as_json(self._webhooks)}


def _as_json(rows: Mapping[Row, int]) -> list[dict[str, object]]:
    return [{**row._asdict(), "count": rows[row]} for row in sorted(rows, key=str)]


def _failures_of_call(entry: Entry, delay: int) -> Iterator[str]:
    if entry.error_code is not None:
        yield entry.error_code
    if entry.fault is not None and entry.fault != ABANDONED:
        yield entry.fault
    elif entry.fault == ABANDONED or delay >= SLOW:
        yield "slow"


def _failures_of_attempt(
    webhooks: Webhooks, delivery: Delivery, request: WebhookRequest
) -> Iterator[str]:
    effects = webhooks.effects(delivery)
    if request.dropped_by is not None:
        yield "lost"
        return  # it was not sent, so no other failure was met
    if (effects.copies > 1 or delivery.is_resend) and _was_sent_before(webhooks.outbox, delivery):
        yield "twice"
    if effects.delay:
        yield "month_late" if effects.delay >= MONTH else "late"
    if delivery.is_before_reply:
        yield "before_reply"
    if effects.window is not None:
        yield "out_of_order"
    if request.is_forged:
        yield "forged"
    if request.is_stale:
        yield "stale"


def _was_sent_before(outbox: Outbox, delivery: Delivery) -> bool:
    """Whether another delivery of the same event has been attempted at the same endpoint."""
    return any(
        each.attempts
        for each in outbox.oldest_first()
        if each is not delivery
        and each.endpoint_id == delivery.endpoint_id
        and each.message.event_id == delivery.message.event_id
    )
