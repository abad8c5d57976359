"""Owns the finding `paging_ignored`: a list that was left in the middle."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed

_AS_MANY_AS_THERE_ARE: Final = (None, "100")
"""The limits of who wants everything: none given, or the largest that is documented."""


def _find(observed: Observed) -> Iterator[Occurrence]:
    lists = [call for call in observed.calls if call.entry.operation == "list_payments"]
    asked = {call.fields.query.get("starting_after") for call in lists}
    left = [
        call
        for call in lists
        if call.is_success and call.reply.get("has_more") is True
        if call.reply.get("next_cursor") not in asked
        if call.fields.query.get("limit") in _AS_MANY_AS_THERE_ARE
    ]
    if left:
        yield Occurrence("A list had more, and its cursor was not followed.", ids_of(left))


PAGING_IGNORED: Final = FindingKind(
    name="paging_ignored",
    advice="While has_more is true there is more: ask again with starting_after=next_cursor.",
    finds=(
        "a list without a `limit`, or with the largest one, had more (`has_more`), and nobody"
        " asked for what follows its `next_cursor`"
    ),
    spares=(
        "a list of a smaller `limit`: who asks for few has few on purpose; one that was followed"
        " to its end, whoever asked for the next page"
    ),
    find=_find,
    may_clear=True,  # somebody may yet ask for the next page
)
