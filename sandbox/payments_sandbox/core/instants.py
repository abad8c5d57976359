"""Owns instants and durations: whole milliseconds, read from and shown as ISO 8601 text."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NewType

Instant = NewType("Instant", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

EPOCH: Final = Instant(0)
"""1970-01-01T00:00:00Z: no clock starts earlier."""

LAST: Final = Instant(32_503_679_999_999)
"""The last millisecond of the year 2999: no clock goes further."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ISO: Final = re.compile(rf"{_DATE}(?:[Tt]{_TIME}(?:[Zz]|[+-][0-9]{{2}}:?[0-9]{{2}}))?")
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_UNITS: Final = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def read_instant(text: str, *, earliest: Instant | None = EPOCH) -> Instant:
    """Read an ISO 8601 date-time with `Z` or an offset, or a plain date (midnight UTC).

    Args:
        text: what to read.
        earliest: what it may not be before; None lets it be any year.

    Raises:
        ValueError: saying what would have worked; the text itself is not quoted.
    """
    if not _ISO.fullmatch(text):
        hint = " (a '+' in a URL is written %2B)" if _ISO.fullmatch(text.replace(" ", "+")) else ""
        raise ValueError(f"expected an ISO 8601 date-time such as 2025-01-15T10:30:00Z{hint}")
    try:
        moment = datetime.fromisoformat(text.upper())
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        instant = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise ValueError("expected a date-time that exists") from None
    if instant > LAST or (earliest is not None and instant < earliest):
        since = "up to" if earliest is None else "from 1970 to"
        raise ValueError(f"expected a date-time {since} 2999")
    return Instant(instant)


@lru_cache(maxsize=1_024)
def _show_second(second: int) -> str:
    # `isoformat` takes a fifth of what `strftime` does.
    return (_EPOCH + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def show_instant(instant: Instant) -> str:
    """Show as the documentation does: UTC, whole seconds, `Z`."""
    return _show_second(instant // SECOND)


def read_duration(text: str) -> int:
    """Read a number and a unit, such as `300ms`, `5s`, `10m`, `2h` or `45d`, as milliseconds.

    Raises:
        ValueError: saying what would have worked.
    """
    if not (found := _DURATION.fullmatch(text)):
        raise ValueError("expected a duration such as 300ms, 5s, 10m, 2h or 45d")
    number, unit = found.groups()
    return round(float(number) * _UNITS[unit])


def show_duration(milliseconds: int) -> str:
    """Show in the largest unit that divides it: 3600000 is `1h`."""
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % _UNITS[unit] == 0:
            return f"{milliseconds // _UNITS[unit]}{unit}"
    return f"{milliseconds}ms"


@lru_cache(maxsize=1_200)
def next_month(year: int, month: int) -> Instant:
    """The first instant after a calendar month, in UTC."""
    years, month_index = divmod(month, 12)
    first = datetime(year + years, month_index + 1, 1, tzinfo=UTC)
    return Instant((first - _EPOCH) // timedelta(milliseconds=1))
