"""Owns the finding `blind_retry`: a write sent again without a look at what is there."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.findings.repetitions import (
    REPEATED_WITHIN,
    alike,
    sent_again_unseen,
)
from payments_sandbox.verification.observed import (
    Observed,
    ObservedCall,
    payment_in_words,
    refund_in_words,
)

_SHOWS_PAYMENTS: Final = frozenset({"list_payments"})
_SHOWS_THE_PAYMENT: Final = frozenset({"list_payments", "retrieve_payment"})


def _find(observed: Observed) -> Iterator[Occurrence]:
    for group in alike(observed.calls, "create_payment"):
        blind = sent_again_unseen(group, observed.calls, _SHOWS_PAYMENTS)
        yield from _occurrence(payment_in_words(group[0]), group, blind)
    for group in alike(observed.calls, "create_refund"):
        if not _refunds_everything(group[0]):
            blind = [
                call
                for call in sent_again_unseen(group, observed.calls, _SHOWS_THE_PAYMENT)
                if call.entry.at - group[0].entry.at <= REPEATED_WITHIN
            ]
            yield from _occurrence(refund_in_words(group[0]), group, blind)


def _refunds_everything(call: ObservedCall) -> bool:
    """Whether a second such refund would be refused, so that sending it again does no harm."""
    amount = call.body.get("amount")
    payment = call.payment
    return amount is None or (payment is not None and amount == payment.amount)


def _occurrence(
    what: str, group: Sequence[ObservedCall], blind: Sequence[ObservedCall]
) -> Iterator[Occurrence]:
    if blind:
        message = f"{what} was sent again although nobody had looked for it."
        yield Occurrence(message, (group[0].id, *ids_of(blind)))


BLIND_RETRY: Final = FindingKind(
    name="blind_retry",
    advice=(
        "List the customer's payments first (customer_id and created_after, which is strictly"
        " after whole seconds): the payment may be there although its reply was not. Of a refund"
        " only the webhook refund.created tells."
    ),
    finds=(
        "`create_payment` was called again with equal customer, amount, currency and description"
        " after the reply to the call before was lost, hidden by a fault, or a 5xx, and no list"
        " of payments had succeeded in between; or an equal `create_refund` within ten minutes of"
        " the world's clock, and nobody had read the payment in between; whether or not anything"
        " had been performed"
    ),
    spares=(
        "a repetition after a refusal (4xx): that nothing has happened is known; a refund of the"
        " whole payment, which cannot be made twice"
    ),
    find=_find,
)
