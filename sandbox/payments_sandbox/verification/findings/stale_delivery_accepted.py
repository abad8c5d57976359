"""Owns the finding `stale_delivery_accepted`: a receiver has accepted an old timestamp."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, find_accepted
from payments_sandbox.verification.observed import Observed


def _find(observed: Observed) -> Iterator[Occurrence]:
    return find_accepted(observed, "stale", lambda attempt: attempt.is_stale)


STALE_DELIVERY_ACCEPTED: Final = FindingKind(
    name="stale_delivery_accepted",
    advice=(
        "Reject deliveries whose signed timestamp is more than five minutes off; otherwise they"
        " can be replayed."
    ),
    reported=(
        "an attempt whose signed timestamp was more than five minutes off was answered with a 2xx"
    ),
    not_reported="a retry, which has a new signature; a delivery that was late in the world's time",
    find=_find,
)
