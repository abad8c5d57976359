"""Owns the finding `forged_delivery_accepted`: a receiver has accepted a wrong signature."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, find_accepted
from payments_sandbox.verification.observed import Observed


def _find(observed: Observed) -> Iterator[Occurrence]:
    return find_accepted(observed, "forged", lambda attempt: attempt.is_forged)


FORGED_DELIVERY_ACCEPTED: Final = FindingKind(
    name="forged_delivery_accepted",
    advice=(
        "Verify the signature of the raw body before anything else, and answer 4xx when it is"
        " missing or wrong."
    ),
    reported="an attempt whose signature was wrong, garbled or missing was answered with a 2xx",
    not_reported="a forged attempt that was rejected, even if a later genuine one was accepted",
    find=_find,
)
