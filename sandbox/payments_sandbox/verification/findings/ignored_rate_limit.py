"""Owns the finding `ignored_rate_limit`: calls made again before the limit was back."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.core.instants import SECOND
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed, ObservedCall

_TOO_MANY: Final = 429


def _find(observed: Observed) -> Iterator[Occurrence]:
    limited: ObservedCall | None = None
    early: list[ObservedCall] = []
    for call in observed.calls:
        if call.entry.status != _TOO_MANY:
            limited = None
        elif limited is None:
            limited = call
        elif _is_early(call, limited):
            early = [*(early or [limited]), call]
    if early:
        count = len(early) - 1
        message = (
            f"{count} call{'s' if count > 1 else ''} came back before the rate limit was reset."
        )
        yield Occurrence(message, ids_of(early))


def _is_early(call: ObservedCall, limited: ObservedCall) -> bool:
    """Whether the client had seen the refusal, and has not waited, on either clock, for its end."""
    first = limited.entry
    reset = int(first.reply_headers.get("X-RateLimit-Reset", "0")) * SECOND
    # The wall is read in whole milliseconds: what came after the reply may have come in the same.
    has_seen = call.entry.wall >= first.wall + int(first.duration_ms or 0)
    has_waited = call.entry.at >= reset or call.entry.wall - first.wall >= reset - first.at
    return has_seen and not has_waited


IGNORED_RATE_LIMIT: Final = FindingKind(
    name="ignored_rate_limit",
    advice=(
        "After a 429, wait until X-RateLimit-Reset: it is an instant in epoch seconds, not a"
        " number of seconds."
    ),
    finds=(
        "a call was refused with 429 that arrived after the first 429 had been answered, and"
        " before its `X-RateLimit-Reset` on either clock"
    ),
    spares=(
        "calls that were under way when the first 429 was answered; a call that gets through,"
        " since somebody has raised the limit"
    ),
    find=_find,
)
