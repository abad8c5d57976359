"""Owns the finding `duplicate_handled_twice`: a refund after each delivery of one event."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.core.instants import LAST
from payments_sandbox.payments.events import EventType
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence
from payments_sandbox.verification.observed import Observed, ObservedCall, ObservedDelivery


def _find(observed: Observed) -> Iterator[Occurrence]:
    taken: dict[tuple[str, str], list[tuple[int, ObservedDelivery]]] = defaultdict(list)
    for each in observed.deliveries:
        # A refund before and a refund after is what events of refunds are about.
        for attempt in each.attempts if each.type != EventType.REFUND_CREATED else ():
            if attempt.is_accepted:
                taken[each.event_id, each.endpoint_id].append((attempt.sent_at, each))
    for accepted in taken.values():
        handled = list(_refunded(sorted(accepted, key=lambda each: each[0]), observed.calls))
        if len(handled) > 1:
            times = "twice" if len(handled) == 2 else f"{len(handled)} times"  # noqa: PLR2004 - a word
            event = handled[0][0].event_id
            ids = dict.fromkeys(each.id for pair in handled for each in pair)
            message = f"{event} was handled {times}: a refund was made each time."
            yield Occurrence(message, tuple(ids))


def _refunded(
    accepted: Sequence[tuple[int, ObservedDelivery]], calls: Sequence[ObservedCall]
) -> Iterator[tuple[ObservedDelivery, ObservedCall]]:
    """Each delivery after which, and before the next, its payment was refunded; with that call."""
    ends = [*(at for at, _ in accepted[1:]), LAST]
    for (start, each), end in zip(accepted, ends, strict=True):
        for call in calls:
            if start <= call.entry.wall < end and _is_refund(call, each.payment_id):
                yield each, call
                break


def _is_refund(call: ObservedCall, payment_id: str | None) -> bool:
    is_made = call.entry.operation == "create_refund" and call.entry.committed is True
    return is_made and call.payment_id == payment_id


DUPLICATE_HANDLED_TWICE: Final = FindingKind(
    name="duplicate_handled_twice",
    advice=(
        "Deliveries come more than once: remember the event's id, and do nothing the second time."
    ),
    finds=(
        "an endpoint took deliveries of one event more than once, and its payment was refunded"
        " after each of them, before the next, in real time"
    ),
    spares=(
        "one refund, however often the event came; deliveries of `refund.created`, which refunds"
        " are about anyway; refunds of other payments"
    ),
    find=_find,
)
