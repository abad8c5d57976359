"""Owns the finding `ignored_rate_limit`: calls after a 429 and before the limit was reset."""

import re
from collections.abc import Iterator
from typing import Final

from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.wording import counted
from payments_sandbox.verification.findings.finding import FindingKind, Occurrence, ids_of
from payments_sandbox.verification.observed import Observed, ObservedCall
from payments_sandbox.webhooks.retry_policy import retry_after_ms

_TOO_MANY: Final = 429

_EPOCH_SECONDS: Final = re.compile("[0-9]{1,12}")

_KNOWN_AFTER: Final = SECOND
"""Wall milliseconds after which all workers of a client should know about a 429."""


def _find(observed: Observed) -> Iterator[Occurrence]:
    refused: dict[int | None, ObservedCall] = {}  # the first of each connection, in order
    early: list[ObservedCall] = []
    for call in observed.calls:
        if call.entry.status != _TOO_MANY:
            refused.clear()
            continue
        first = next(iter(refused.values()), call)
        if call is not first and _has_waited(call, first):
            refused, first = {}, call  # and it was rejected anew
        first_of_connection = refused.setdefault(call.entry.connection, call)
        if _knows_of_429(call, first_of_connection, first):
            early = [*(early or [first]), call]
    if early:
        message = f"{counted(len(early) - 1, 'call')} did not wait until the rate limit was reset."
        yield Occurrence(message, ids_of(early))


def _knows_of_429(
    call: ObservedCall, first_of_connection: ObservedCall, first: ObservedCall
) -> bool:
    """Whether the sender of a call knows about a 429.

    On the same connection, the reply came before this call. Another connection may belong to
    another worker, which learns about the 429 a little later.
    """
    is_informed = call is not first_of_connection and call.has_seen_reply_to(first_of_connection)
    return is_informed or call.entry.wall - first.entry.wall >= _KNOWN_AFTER


def _has_waited(call: ObservedCall, refused: ObservedCall) -> bool:
    """Whether the limit had been reset, or the `Retry-After` of a rule was over, on either clock.

    A rule may send any text as `X-RateLimit-Reset`; nobody can wait for one that is no instant.
    """
    first = refused.entry
    headers = {name.lower(): value for name, value in first.reply_headers.items()}
    reset = headers.get("x-ratelimit-reset", "")
    wait = int(reset) * SECOND - first.at if _EPOCH_SECONDS.fullmatch(reset) else 0
    asked = retry_after_ms(_TOO_MANY, headers.get("retry-after"), first.wall)
    if asked is not None:
        wait = min(wait, asked)
    return call.entry.at - first.at >= wait or call.entry.wall - first.wall >= wait


IGNORED_RATE_LIMIT: Final = FindingKind(
    name="ignored_rate_limit",
    advice=(
        "After a 429, wait until X-RateLimit-Reset: it is an instant in epoch seconds, not a"
        " number of seconds."
    ),
    reported=(
        "a call that was rejected with 429 arrived before the `X-RateLimit-Reset` of the"
        " first 429, and before its `Retry-After` if a rule sent one, on either clock, and"
        " either after a 429 on its own connection or more than a second of real time after"
        " the first 429 on any connection"
    ),
    not_reported=(
        "calls that were in progress when the first 429 was answered, and the first calls"
        " of other workers within a second; a call that succeeds because somebody raised"
        " the limit"
    ),
    find=_find,
)
