"""Owns what the findings about accepted deliveries share: which ones a receiver has taken."""

from collections.abc import Callable, Iterator

from payments_sandbox.verification.findings.finding import Occurrence
from payments_sandbox.verification.observed import Observed, ObservedAttempt


def accepted(
    observed: Observed, what: str, is_bad: Callable[[ObservedAttempt], bool]
) -> Iterator[Occurrence]:
    """The deliveries with an attempt that was answered with a 2xx and should have been refused.

    Args:
        observed: what was seen.
        what: the adjective for them.
        is_bad: whether a careful receiver would have refused an attempt.
    """
    taken = [
        each.id
        for each in observed.deliveries
        if any(is_bad(attempt) and attempt.is_accepted for attempt in each.attempts)
    ]
    if taken:
        yield Occurrence(f"A {what} delivery was answered with a 2xx.", tuple(taken))
