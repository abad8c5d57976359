"""Owns when a webhook is tried again: the schedule, and what a receiver may ask for."""

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
"""Virtual milliseconds from a failed attempt to the next; after the last one it is given up."""

MAX_RETRY_AFTER: Final = DAY
"""Milliseconds of the longest `Retry-After` that is honoured."""

RETRY_AFTER_STATUSES: Final = frozenset({429, 503})
"""The statuses whose `Retry-After` is looked at."""

_SECONDS: Final = re.compile(r"0*([0-9]+)")
_DIGITS: Final = len(str(MAX_RETRY_AFTER // SECOND))


def next_attempt(
    failed_at: Instant, attempts: int, delays: Sequence[int], asked: int | None
) -> Instant | None:
    """When to try again: the later of the schedule and what was asked; None gives up.

    Args:
        failed_at: the virtual instant of the failed attempt.
        attempts: how many there have been.
        delays: the endpoint's schedule.
        asked: milliseconds that the receiver asked to be left alone, or None.
    """
    if attempts > len(delays):
        return None
    return Instant(failed_at + max(delays[attempts - 1], asked or 0))


def retry_after_ms(status: int, retry_after: str | None, sent_at: Instant) -> int | None:
    """Milliseconds that a `Retry-After` asks for, as seconds or as a date; None when it does not.

    Args:
        status: the answer's status; only 429 and 503 may ask.
        retry_after: the header, or None.
        sent_at: the real time of the attempt, which a date is held against.
    """
    if status not in RETRY_AFTER_STATUSES or retry_after is None:
        return None
    text = retry_after.strip()
    if found := _SECONDS.fullmatch(text):
        # However many digits there are: so many more would be refused by `int`.
        seconds = int(found[1]) if len(found[1]) <= _DIGITS else MAX_RETRY_AFTER
        return min(seconds * SECOND, MAX_RETRY_AFTER)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few receivers send a date

    try:
        date = parsedate_to_datetime(text)
        until = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * SECOND)
    except (ValueError, OverflowError):
        return None
    return min(max(until - sent_at, 0), MAX_RETRY_AFTER)
