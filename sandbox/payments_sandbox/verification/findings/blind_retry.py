"""Owns the finding `blind_retry`: a write sent again without checking whether it happened."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.contract.operations import READS
from payments_sandbox.core.instants import SECOND
from payments_sandbox.payments.events import EventType
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.findings.repetitions import (
    REPEATED_WITHIN,
    gap,
    repeated_without_read,
    sent_again_by_library,
    sent_with_the_same_key,
)
from payments_sandbox.verification.observed import (
    Observed,
    ObservedCall,
    describe_payment,
    describe_refund,
    group_repeats,
)

_WEBHOOK_COMES: Final = SECOND
"""Milliseconds, on either clock, within which the webhook of a refund arrives."""

_SHOWS_PAYMENTS: Final = frozenset({"list_payments"})


def _find(observed: Observed) -> Iterator[Occurrence]:
    for group in group_repeats(observed.calls, "create_payment"):
        pairs = repeated_without_read(group, observed.calls, _SHOWS_PAYMENTS)
        yield from _occurrence(describe_payment(group[0]), group, pairs, observed.calls)
    for group in group_repeats(observed.calls, "create_refund"):
        if not _refunds_everything(group[0]):
            pairs = repeated_without_read(group, observed.calls, READS)
            blind = [pair for pair in pairs if not _would_know(observed, *pair)]
            yield from _occurrence(describe_refund(group[0]), group, blind, observed.calls)


def _would_know(observed: Observed, before: ObservedCall, call: ObservedCall) -> bool:
    """Whether the webhook of a refund would have arrived before the refund was sent again.

    If an endpoint subscribes to it, the webhook arrives almost at once, unless a rule delays it.
    """
    waited = max(gap(before, call), call.entry.wall - before.entry.wall)
    return gap(before, call) > REPEATED_WITHIN or (
        observed.subscribes_to(EventType.REFUND_CREATED) and waited >= _WEBHOOK_COMES
    )


def _refunds_everything(call: ObservedCall) -> bool:
    """Whether a second such refund would be rejected, so that sending it again is harmless."""
    amount = call.body.get("amount")
    payment = call.payment
    return amount is None or (payment is not None and amount == payment.amount)


def _occurrence(
    what: str,
    group: Sequence[ObservedCall],
    blind: Sequence[tuple[ObservedCall, ObservedCall]],
    calls: Sequence[ObservedCall],
) -> Iterator[Occurrence]:
    if blind:
        is_refund = group[0].entry.operation == "create_refund"
        blindly = "without waiting for refund.created" if is_refund else "without looking for it"
        how = sent_again_by_library(blind, calls) or f"{blindly} first"
        key = sent_with_the_same_key(blind)
        ids = ids_of(call for pair in blind for call in pair)
        message = f"{what} was sent again {how}{key and f'; {key}'}."
        yield Occurrence(message, tuple(dict.fromkeys(ids)))


BLIND_RETRY: Final = FindingKind(
    name="blind_retry",
    advice=(
        "Before you repeat a payment, list the customer's payments (customer_id and created_after,"
        " which is strictly after whole seconds): it may exist although its reply was lost. Before"
        " you repeat a refund, wait for the webhook refund.created: nothing else reports it."
    ),
    reported=(
        "`create_payment` was called again with equal customer, amount, currency and"
        " description after the reply to the previous call was lost, hidden by a fault, or"
        " a 5xx, and no list of payments had succeeded in between; or an equal"
        " `create_refund` (payment and amount) was called within ten minutes of the world's"
        " clock, and nobody had read the payment in between; whether or not the operation"
        " took effect"
    ),
    not_reported=(
        "a repetition after a rejection (4xx), which shows that nothing happened; a refund"
        " of the whole payment, which cannot be made twice; a refund a second or more"
        " later, on either clock, if an endpoint receives `refund.created`, which would"
        " have reported the first"
    ),
    find=_find,
)
