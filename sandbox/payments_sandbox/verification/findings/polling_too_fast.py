"""Owns the finding `polling_too_fast`: a pending payment read repeatedly without a pause."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed, ObservedCall

_MIN_READS: Final = 3
"""From how many reads of the same payment in a row on it counts as polling."""

_MAX_PATH_SHOWN: Final = 100


def _find(observed: Observed) -> Iterator[Occurrence]:
    reads: dict[str, list[ObservedCall]] = defaultdict(list)
    for call in observed.calls:
        if call.entry.operation == "retrieve_payment":
            reads[call.entry.path].append(call)
    for target, same in reads.items():
        webhooks = _webhook_instants(observed, same[0].payment_id)
        hasty = [
            call for before, call in pairwise(same) if _follows_too_soon(before, call, webhooks)
        ]
        if len(hasty) >= _MIN_READS - 1:
            message = (
                f"{target[:_MAX_PATH_SHOWN]} was read {len(hasty) + 1} times less than a second"
                " apart."
            )
            yield Occurrence(message, (same[0].id, *ids_of(hasty)))


def _webhook_instants(observed: Observed, payment_id: str | None) -> list[Instant]:
    """The real times at which receivers accepted webhooks about a payment."""
    return [
        attempt.sent_at
        for each in observed.deliveries
        if each.payment_id == payment_id
        for attempt in each.attempts
        if attempt.is_accepted
    ]


def _follows_too_soon(before: ObservedCall, call: ObservedCall, webhooks: list[Instant]) -> bool:
    """Whether a read of a pending payment follows another in less than a second on both clocks.

    A webhook is a reason for one read, after which it is removed from `webhooks`.
    """
    statuses = {before.entry.payment_status, call.entry.payment_status}
    if before.outcome_unknown or statuses != {Status.PENDING}:
        return False
    if not call.has_seen_reply_to(before):
        return False
    reasons = (at for at in webhooks if before.entry.wall <= at <= call.entry.wall)
    if (reason := next(reasons, None)) is not None:
        webhooks.remove(reason)
        return False
    on_the_wall = call.entry.wall - before.entry.wall
    in_the_world = call.entry.at - before.entry.at
    return max(on_the_wall, in_the_world) < SECOND


POLLING_TOO_FAST: Final = FindingKind(
    name="polling_too_fast",
    advice="Poll at most once a second, or wait for the webhook.",
    reported=(
        "a pending payment was read three times or more, each time less than a second after"
        " the previous answer, in real time and on the world's clock"
    ),
    not_reported=(
        "reads of a payment that has settled, and the read that shows it settled; a read"
        " after a webhook about the payment; concurrent reads; lists; a read after one that"
        " failed; reads at least a second apart on either clock"
    ),
    find=_find,
)
