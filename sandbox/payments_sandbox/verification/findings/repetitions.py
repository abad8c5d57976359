"""Owns what findings about repeated writes share: which calls repeat each other, and why."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from payments_sandbox.core.instants import MINUTE
from payments_sandbox.verification.observed import ObservedCall

REPEATED_WITHIN: Final = 10 * MINUTE
"""Virtual milliseconds within which an equal write counts as the same one sent again."""

_AT_ONCE: Final = 30
"""Real milliseconds within which libraries send again, even when busy, and programs rarely do."""


def repeated_writes(performed: Iterable[ObservedCall], within: int) -> Iterator[list[ObservedCall]]:
    """Yield chains of performed writes, each of which repeats the one before it.

    A write is a repetition if the reply to the one before was lost, or if both have the same
    idempotency key, which the API does not support.

    Args:
        performed: equal writes that took effect, in order.
        within: the most virtual milliseconds between a write and its repetition.
    """
    chain: list[ObservedCall] = []
    for call in performed:
        if chain and not (gap(chain[-1], call) <= within and _is_repetition(chain[-1], call)):
            if len(chain) > 1:
                yield chain
            chain = []
        chain.append(call)
    if len(chain) > 1:
        yield chain


def _is_repetition(before: ObservedCall, call: ObservedCall) -> bool:
    return before.outcome_unknown or _have_same_key(before, call)


def _have_same_key(before: ObservedCall, call: ObservedCall) -> bool:
    """Whether two calls have the same idempotency key."""
    return call.idempotency_key is not None and call.idempotency_key == before.idempotency_key


def repeated_without_read(
    group: Sequence[ObservedCall], calls: Sequence[ObservedCall], reads: frozenset[str]
) -> list[tuple[ObservedCall, ObservedCall]]:
    """Pairs of equal writes: one whose reply was lost, and the next, with no read in between.

    Args:
        group: the equal writes.
        calls: all calls of the world, in order.
        reads: the operations that show whether the write took effect.
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
    """Explain a write that an HTTP library, rather than the program, has probably sent again.

    Libraries do so when a kept connection is lost: the server may have closed it while it was idle,
    and then it has not read the request. In this case it had read it.

    Args:
        pairs: equal writes, the first of which may have got no reply.
        calls: all calls of the world, in order.

    Returns:
        The rest of a sentence about the first such pair, from `2 ms later` on, or "".
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
                f"{waited} ms later over a new connection, too soon to have looked for it: some"
                " HTTP libraries retry on their own (libcurl, HttpURLConnection, browsers)"
            )
    return ""


def sent_with_the_same_key(pairs: Iterable[tuple[ObservedCall, ObservedCall]]) -> str:
    """A clause that says that a write was sent again with the same Idempotency-Key, or "".

    Clients that send one believe that repeating the call is harmless.
    """
    if any(_have_same_key(*pair) for pair in pairs):
        return "it had the same Idempotency-Key, which this API does not support"
    return ""


def explain_repetition(chain: Sequence[ObservedCall], calls: Sequence[ObservedCall]) -> str:
    """The end of a sentence about a repeated write: the reason, if it is known."""
    pairs = list(pairwise(chain))
    how = sent_again_by_library(pairs, calls)
    clauses = [how and f"it was sent again {how}", sent_with_the_same_key(pairs)]
    why = "; ".join(filter(None, clauses))
    return f": {why}." if why else "."


def gap(before: ObservedCall, call: ObservedCall) -> int:
    """Milliseconds between two calls, on the world's clock."""
    return call.entry.at - before.entry.at
