"""Owns the finding `polling_too_fast`: the same thing read again and again without a pause."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from payments_sandbox.core.instants import SECOND
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed, ObservedCall

_MIN_READS: Final = 3
"""So many reads of the same thing in a row are polling."""

_MAX_PATH_SHOWN: Final = 100


def _find(observed: Observed) -> Iterator[Occurrence]:
    reads: dict[str, list[ObservedCall]] = defaultdict(list)
    for call in observed.calls:
        if call.entry.method == "GET":
            reads[call.target].append(call)
    for target, same in reads.items():
        hasty = [call for before, call in pairwise(same) if _is_hasty(before, call)]
        if len(hasty) >= _MIN_READS - 1:
            message = (
                f"{target[:_MAX_PATH_SHOWN]} was read {len(hasty) + 1} times with less than a"
                " second between."
            )
            yield Occurrence(message, (same[0].id, *ids_of(hasty)))


def _is_hasty(before: ObservedCall, call: ObservedCall) -> bool:
    """Whether there was an answer, and less than a second on both clocks to think about it."""
    on_the_wall = call.entry.wall - before.entry.wall
    in_the_world = call.entry.at - before.entry.at
    return not before.outcome_unknown and max(on_the_wall, in_the_world) < SECOND


POLLING_TOO_FAST: Final = FindingKind(
    name="polling_too_fast",
    advice="Ask at most once a second, or let a webhook tell you.",
    finds=(
        "the same path was read three times or more with less than a second between, in real"
        " time and on the world's clock"
    ),
    spares="two reads; a read after one that failed; reads with a second between on either clock",
    find=_find,
)
