"""Owns what findings about repeated writes share: which calls repeat one another, and why."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from payments_sandbox.core.instants import MINUTE
from payments_sandbox.verification.observed import ObservedCall

REPEATED_WITHIN: Final = 10 * MINUTE
"""Virtual milliseconds within which an equal write is taken for the same one sent again."""

_AT_ONCE: Final = 30
"""Real milliseconds in which a library sends again, on a busy machine too, and few programs do."""


def performed_again(performed: Iterable[ObservedCall], within: int) -> Iterator[list[ObservedCall]]:
    """The chains of equal writes that were performed, each meant to be the one before it.

    It is where the reply to that was lost, or its client says so itself, by a key that the API
    does not know.

    Args:
        performed: equal writes that have happened, in their order.
        within: virtual milliseconds after which an equal write is another one.
    """
    chain: list[ObservedCall] = []
    for call in performed:
        if chain and not (gap(chain[-1], call) <= within and _is_meant_again(chain[-1], call)):
            if len(chain) > 1:
                yield chain
            chain = []
        chain.append(call)
    if len(chain) > 1:
        yield chain


def _is_meant_again(before: ObservedCall, call: ObservedCall) -> bool:
    return before.outcome_unknown or _has_key_of(before, call)


def _has_key_of(before: ObservedCall, call: ObservedCall) -> bool:
    """Whether a client has told by its key that a call is an earlier one again."""
    return call.idempotency_key is not None and call.idempotency_key == before.idempotency_key


def sent_again_unseen(
    group: Sequence[ObservedCall], calls: Sequence[ObservedCall], reads: frozenset[str]
) -> list[tuple[ObservedCall, ObservedCall]]:
    """Pairs of equal writes: one whose reply was lost, and the next, with no read between.

    Args:
        group: the equal writes.
        calls: all calls of the world, in their order.
        reads: the operations that show whether the write has happened.
    """
    places = {call.id: place for place, call in enumerate(calls)}
    return [
        (before, call)
        for before, call in pairwise(group)
        if before.outcome_unknown
        and not any(
            each.entry.operation in reads and each.is_success
            for each in calls[places[before.id] : places[call.id]]
        )
    ]


def sent_again_by_library(
    pairs: Iterable[tuple[ObservedCall, ObservedCall]], calls: Sequence[ObservedCall]
) -> str:
    """How long after a loss a write was sent again, where that was hardly the program's doing.

    Libraries do it where a connection that they had kept is lost: an idle one may have been closed
    by the server meanwhile, and then the request was never read. It was here.

    Args:
        pairs: equal writes, the first of which may have got no reply.
        calls: all calls of the world, in their order.

    Returns:
        The rest of a sentence about the first such pair, from `2 ms later` on; else nothing.
    """
    first = {call.entry.connection: call.id for call in reversed(calls)}
    for before, call in pairs:
        lost, again = before.entry, call.entry
        waited = again.wall - lost.wall - int(lost.duration_ms or 0)
        is_resent = (
            lost.status is None
            and lost.connection not in (None, again.connection)
            and first[lost.connection] != before.id
            and lost.headers == again.headers
            and 0 <= waited <= _AT_ONCE
        )
        if is_resent:
            return (
                f"{waited} ms later over a new connection, before anybody could have looked: HTTP"
                " libraries do this by themselves (libcurl, HttpURLConnection, browsers)"
            )
    return ""


def sent_with_the_same_key(pairs: Iterable[tuple[ObservedCall, ObservedCall]]) -> str:
    """The clause that a write was sent again with an Idempotency-Key, where one was; else nothing.

    Who sends one believes that no harm can be done.
    """
    if any(_has_key_of(*pair) for pair in pairs):
        return "it came with the same Idempotency-Key, which this API does not know"
    return ""


def why_again(chain: Sequence[ObservedCall], calls: Sequence[ObservedCall]) -> str:
    """The end of a sentence about a write that was performed again: why, where that is known."""
    pairs = list(pairwise(chain))
    how = sent_again_by_library(pairs, calls)
    clauses = [how and f"it was sent again {how}", sent_with_the_same_key(pairs)]
    why = "; ".join(filter(None, clauses))
    return f": {why}." if why else "."


def gap(before: ObservedCall, call: ObservedCall) -> int:
    """Milliseconds between two calls, on the world's clock."""
    return call.entry.at - before.entry.at
