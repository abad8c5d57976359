"""Owns what audit findings share: the description of a kind, and one finding."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from payments_sandbox.verification.observed import Observed, ObservedAttempt, ObservedCall


class Occurrence(NamedTuple):
    """One thing that was found, without its kind.

    Attributes:
        message: what happened, in a sentence.
        requests: the ids of the requests or deliveries behind it.
    """

    message: str
    requests: tuple[str, ...]


class FindingKind(NamedTuple):
    """Everything about one kind of finding.

    Attributes:
        name: its name in reports and in the control API.
        advice: what to do about it, in a sentence.
        reported: what exactly is found, for the table in docs/control-api.md.
        not_reported: what looks similar and is not found, for the same table.
        find: finds occurrences.
        may_clear: whether later calls of the client can clear the finding.
    """

    name: str
    advice: str
    reported: str
    not_reported: str
    find: Callable[[Observed], Iterable[Occurrence]]
    may_clear: bool = False


class Finding(NamedTuple):
    """One thing that was found, with its kind."""

    kind: FindingKind
    message: str
    requests: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The finding as the control API lists it."""
        return {
            "kind": self.kind.name,
            "message": self.message,
            "advice": self.kind.advice,
            "requests": list(self.requests),
        }


def ids_of(calls: Iterable[ObservedCall]) -> tuple[str, ...]:
    """The ids of calls, in order."""
    return tuple(call.id for call in calls)


def find_accepted(
    observed: Observed, what: str, is_bad: Callable[[ObservedAttempt], bool]
) -> Iterator[Occurrence]:
    """Find accepted deliveries that a careful receiver would have rejected.

    Args:
        observed: what was observed.
        what: the adjective for such deliveries.
        is_bad: whether an attempt should have been rejected.
    """
    ids = [
        each.id
        for each in observed.deliveries
        if any(is_bad(attempt) and attempt.is_accepted for attempt in each.attempts)
    ]
    if ids:
        yield Occurrence(f"A {what} delivery was answered with a 2xx.", tuple(ids))
