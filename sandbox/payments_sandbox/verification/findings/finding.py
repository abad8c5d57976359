"""Owns what audit findings have in common: a kind's entry, and one thing that was found."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from payments_sandbox.verification.observed import Observed, ObservedAttempt, ObservedCall


class Occurrence(NamedTuple):
    """One thing that was found, not yet under the name of its kind.

    Attributes:
        message: what happened, in a sentence.
        requests: the ids of the requests or deliveries behind it.
    """

    message: str
    requests: tuple[str, ...]


class FindingKind(NamedTuple):
    """All that is known about one kind of finding.

    Attributes:
        name: as reports and the control API call it.
        advice: what to do about it, in a sentence.
        finds: what exactly is found, as docs/control-api.md has it in its table.
        spares: what looks like it and is not found, for the same table.
        find: looks for it.
        may_clear: whether what its client does later can make it go away.
    """

    name: str
    advice: str
    finds: str
    spares: str
    find: Callable[[Observed], Iterable[Occurrence]]
    may_clear: bool = False


class Finding(NamedTuple):
    """One thing that was found, under the name of its kind."""

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
    """The ids of calls, in their order."""
    return tuple(call.id for call in calls)


def accepted(
    observed: Observed, what: str, is_bad: Callable[[ObservedAttempt], bool]
) -> Iterator[Occurrence]:
    """Deliveries with an attempt that a careful receiver would have refused: `what` they are."""
    taken = [
        each.id
        for each in observed.deliveries
        if any(is_bad(attempt) and attempt.is_accepted for attempt in each.attempts)
    ]
    if taken:
        yield Occurrence(f"A {what} delivery was answered with a 2xx.", tuple(taken))
