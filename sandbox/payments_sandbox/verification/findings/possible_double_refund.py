"""Owns the finding `possible_double_refund`: a refund made again that was meant to be one."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.core.instants import DAY
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.findings.repetitions import explain_repetition, repeated_writes
from payments_sandbox.verification.observed import Observed, describe_refund, group_repeats


def _find(observed: Observed) -> Iterator[Occurrence]:
    for group in group_repeats(observed.calls, "create_refund"):
        for chain in repeated_writes((call for call in group if call.entry.committed), DAY):
            message = f"{describe_refund(chain[0])} may have been made {len(chain)} times"
            yield Occurrence(message + explain_repetition(chain, observed.calls), ids_of(chain))


POSSIBLE_DOUBLE_REFUND: Final = FindingKind(
    name="possible_double_refund",
    advice=(
        "Refunds cannot be looked up: after a lost reply, wait for refund.created, and repeat the"
        " refund only if it does not arrive."
    ),
    reported=(
        "a refund was made although an equal one (payment and amount) had been made within"
        " the previous day of the world's clock, and either the reply to that one was lost,"
        " hidden by a fault, or a 5xx, or both calls had the same `Idempotency-Key`, which"
        " this API does not support"
    ),
    not_reported=(
        "two equal refunds whose replies both arrived, without such a key or with different"
        " ones; a repetition that was rejected because nothing was left to refund"
    ),
    find=_find,
)
