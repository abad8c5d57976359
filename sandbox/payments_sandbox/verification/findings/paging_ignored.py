"""Owns the finding `paging_ignored`: a list whose next page was never requested."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.core.instants import SECOND, Instant, show_instant
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed, ObservedCall

_AS_MANY_AS_THERE_ARE: Final = (None, "100")
"""The limits of a client that wants everything: none, or the largest documented one."""


def _find(observed: Observed) -> Iterator[Occurrence]:
    lists = [call for call in observed.calls if call.entry.operation == "list_payments"]
    cursors = {call.fields.query.get("starting_after") for call in lists}
    lost: list[ObservedCall] = []
    not_followed: list[ObservedCall] = []
    for call in observed.calls:
        if call.entry.operation == "create_payment" and call.outcome_unknown:
            lost.append(call)
        elif call.entry.operation == "list_payments" and _seems_to_want_all(call):
            is_open = call.reply.get("has_more") is True
            if is_open and call.reply.get("next_cursor") not in cursors:
                not_followed += (
                    [] if any(_may_contain_payment(call, each) for each in lost) else [call]
                )
    if not_followed:
        yield Occurrence(
            "A list had more items, and its cursor was not followed.", ids_of(not_followed)
        )


def _seems_to_want_all(call: ObservedCall) -> bool:
    """Whether a call is for the first page of a client that seems to want everything."""
    query = call.fields.query
    is_first = "starting_after" not in query
    return call.is_success and is_first and query.get("limit") in _AS_MANY_AS_THERE_ARE


def _may_contain_payment(call: ObservedCall, lost: ObservedCall) -> bool:
    """Whether a page contains what may be the payment of a call whose reply was lost."""
    wanted = lost.body.get("amount"), lost.body.get("currency")
    since = show_instant(Instant(lost.entry.at - lost.entry.at % SECOND))
    items = call.reply.get("data")
    return isinstance(items, list) and any(
        (item["amount"], item["currency"]) == wanted and item["created_at"] >= since
        for item in items
    )


PAGING_IGNORED: Final = FindingKind(
    name="paging_ignored",
    advice="While has_more is true, request the next page with starting_after=next_cursor.",
    reported=(
        "a list without a `limit`, or with the largest one, had more items (`has_more`),"
        " and nobody requested the page after its `next_cursor`"
    ),
    not_reported=(
        "a list with a smaller `limit`, which is limited on purpose; a list whose next page"
        " was requested by anybody, and that page itself, since a client that follows"
        " cursors knows when to stop; a list that contains the payment whose reply was lost"
        " before"
    ),
    find=_find,
    may_clear=True,  # the next page may still be requested
)
