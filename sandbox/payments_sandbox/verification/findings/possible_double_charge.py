"""Owns the finding `possible_double_charge`: a payment made again that was meant to be one."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.findings.repetitions import (
    REPEATED_WITHIN,
    explain_repetition,
    repeated_writes,
)
from payments_sandbox.verification.observed import Observed, describe_payment, group_repeats


def _find(observed: Observed) -> Iterator[Occurrence]:
    for group in group_repeats(observed.calls, "create_payment"):
        for chain in repeated_writes((call for call in group if call.was_charged), REPEATED_WITHIN):
            message = f"{describe_payment(chain[0])} may have been charged {len(chain)} times"
            yield Occurrence(message + explain_repetition(chain, observed.calls), ids_of(chain))


POSSIBLE_DOUBLE_CHARGE: Final = FindingKind(
    name="possible_double_charge",
    advice=(
        "Before you repeat a payment, list the customer's payments of that time and look for one"
        " with the same amount."
    ),
    reported=(
        "a payment was made although an equal one (customer, amount, currency, description)"
        " had been made within the previous ten minutes of the world's clock, and either"
        " the reply to that one was lost, hidden by a fault, or a 5xx, or both calls had"
        " the same `Idempotency-Key`, which this API does not support"
    ),
    not_reported=(
        "two equal payments whose replies both arrived, without such a key or with"
        " different ones (a customer may buy twice); a payment that differs, whatever its"
        " key; a repetition after a rejection (4xx), or of a call that made no payment, or"
        " of a payment that has failed since"
    ),
    find=_find,
)
