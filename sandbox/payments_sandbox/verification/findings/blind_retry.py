"""Owns the finding `blind_retry`: a payment sent again without a look at what is there."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.findings.repetitions import alike, sent_again_unseen
from payments_sandbox.verification.observed import Observed, payment_in_words

_READS: Final = frozenset({"list_payments"})


def _find(observed: Observed) -> Iterator[Occurrence]:
    for group in alike(observed.calls, "create_payment"):
        if blind := sent_again_unseen(group, observed.calls, _READS):
            message = f"{payment_in_words(group[0])} was sent again although nobody had looked"
            yield Occurrence(f"{message} for it.", (group[0].id, *ids_of(blind)))


BLIND_RETRY: Final = FindingKind(
    name="blind_retry",
    advice=(
        "List the customer's payments first (customer_id and created_after, which is strictly"
        " after whole seconds): the payment may be there although its reply was not."
    ),
    finds=(
        "`create_payment` was called again with equal customer, amount, currency and description"
        " after the reply to the call before was lost, hidden by a fault, or a 5xx, and no list"
        " of payments had succeeded in between; whether or not a payment had been made"
    ),
    spares="a repetition after a refusal (4xx): that nothing has happened is known",
    find=_find,
)
