"""Owns the finding `duplicate_handled_twice`: a refund after each delivery of the same event."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.core.instants import LAST
from payments_sandbox.payments.events import EventType
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence
from payments_sandbox.verification.findings.repetitions import REPEATED_WITHIN
from payments_sandbox.verification.observed import Observed, ObservedCall, ObservedDelivery


def _find(observed: Observed) -> Iterator[Occurrence]:
    accepted_by_endpoint: dict[tuple[str, str], list[tuple[int, ObservedDelivery]]] = defaultdict(
        list
    )
    for each in observed.deliveries:
        # Refunds around the events of refunds are normal.
        for attempt in each.attempts if each.type != EventType.REFUND_CREATED else ():
            if attempt.is_accepted:
                accepted_by_endpoint[each.event_id, each.endpoint_id].append(
                    (attempt.sent_at, each)
                )
    refunds = [call for call in observed.calls if _is_refund(call)]
    for (event, _), accepted in accepted_by_endpoint.items():
        handled = list(_refunded(sorted(accepted, key=lambda each: each[0]), refunds))
        if len(handled) > 1:
            times = "twice" if len(handled) == 2 else f"{len(handled)} times"  # noqa: PLR2004 - a word
            ids = dict.fromkeys(each.id for pair in handled for each in pair)
            message = f"{event} was handled {times}: a refund was made each time."
            yield Occurrence(message, tuple(ids))


def _refunded(
    accepted: Sequence[tuple[int, ObservedDelivery]], refunds: Sequence[ObservedCall]
) -> Iterator[tuple[ObservedDelivery, ObservedCall]]:
    """Yield each delivery that was followed by a refund of its payment, with that refund.

    The refunds must be of the same amount, and each must come before the next delivery and soon:
    one a week later has another reason.
    """
    amount: object = None
    ends = [*(at for at, _ in accepted[1:]), LAST]
    for (start, each), end in zip(accepted, ends, strict=True):
        for call in refunds:
            is_after = start <= call.entry.wall < min(end, start + REPEATED_WITHIN)
            if is_after and call.retry_key == (each.payment_id, amount or call.retry_key[1]):
                amount = call.retry_key[1]
                yield each, call
                break


def _is_refund(call: ObservedCall) -> bool:
    return call.entry.operation == "create_refund" and call.entry.committed is True


DUPLICATE_HANDLED_TWICE: Final = FindingKind(
    name="duplicate_handled_twice",
    advice=(
        "An event can be delivered more than once: store its id, and do nothing the second time."
    ),
    reported=(
        "an endpoint accepted deliveries of one event more than once, and after each of"
        " them, before the next and within ten minutes of real time, its payment was"
        " refunded by an equal amount"
    ),
    not_reported=(
        "one refund, however often the event was delivered; deliveries of `refund.created`,"
        " which are about refunds anyway; refunds of other payments, of other amounts, or"
        " much later"
    ),
    find=_find,
)
