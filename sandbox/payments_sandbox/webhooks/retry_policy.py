"""Owns when a failed webhook is sent again: the schedule, and the receiver's `Retry-After`."""

import re
from collections.abc import Sequence
from datetime import UTC
from typing import Final

from payments_sandbox.core.instants import DAY, HOUR, MINUTE, SECOND, Instant

DELAYS: Final = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Virtual milliseconds from each failed attempt to the next; after the last, it has failed."""

MAX_RETRY_AFTER: Final = DAY
"""The longest `Retry-After` that is honoured, in milliseconds."""

RETRY_AFTER_STATUSES: Final = frozenset({429, 503})
"""The statuses whose `Retry-After` is honoured."""

_SECONDS: Final = re.compile(r"0*([0-9]+)")
_DIGITS: Final = len(str(MAX_RETRY_AFTER // SECOND))


def next_attempt(
    failed_at: Instant, attempts: int, delays: Sequence[int], requested_delay: int | None
) -> Instant | None:
    """When to try again: by the schedule or the receiver's request, whichever is later.

    Args:
        failed_at: the virtual instant of the failed attempt.
        attempts: how many attempts there have been.
        delays: the endpoint's schedule.
        requested_delay: how many milliseconds the receiver asked to wait, or None.

    Returns:
        The instant, or None if there are no more attempts.
    """
    if attempts > len(delays):
        return None
    return Instant(failed_at + max(delays[attempts - 1], requested_delay or 0))


def retry_after_ms(status: int, retry_after: str | None, sent_at: Instant) -> int | None:
    """Read a `Retry-After` in seconds or as a date, as milliseconds; None if there is none.

    Args:
        status: the answer's status; the header counts only with 429 and 503.
        retry_after: the header, or None.
        sent_at: the real time of the attempt, from which the wait until a date is counted.
    """
    if status not in RETRY_AFTER_STATUSES or retry_after is None:
        return None
    text = retry_after.strip()
    if found := _SECONDS.fullmatch(text):
        # The number of digits is checked first, because `int` rejects thousands of them.
        seconds = int(found[1]) if len(found[1]) <= _DIGITS else MAX_RETRY_AFTER
        return min(seconds * SECOND, MAX_RETRY_AFTER)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few receivers send a date

    try:
        date = parsedate_to_datetime(text)
        until = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * SECOND)
    except (ValueError, OverflowError):
        return None
    return min(max(until - sent_at, 0), MAX_RETRY_AFTER)
