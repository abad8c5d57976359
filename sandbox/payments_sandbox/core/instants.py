"""Owns instants and durations: whole milliseconds, and how they are parsed and shown as text."""

import re
from datetime import UTC, datetime, time, timedelta
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
_ISO: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    r"(?:[Tt](?P<hour>[0-9]{2})(?P<colon>:?)(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<offset_hours>[0-9]{2})(?::?(?P<offset_minutes>[0-9]{2}))?))?"
)
"""ISO 8601, extended and basic; it includes RFC 3339, which most programs write."""

_LEAP_SECOND: Final = 60

_FRACTION: Final = r"(?:\.[0-9]{1,3})?"
DURATION: Final = (
    rf"(?:[0-9]{{1,5}}{_FRACTION}d|[0-9]{{1,6}}{_FRACTION}h|[0-9]{{1,8}}{_FRACTION}m"
    rf"|[0-9]{{1,10}}{_FRACTION}s|[0-9]{{1,13}}{_FRACTION}ms)"
)
"""The form of a duration, also used in the schemas; the digits allow a century or more."""

_DURATION: Final = re.compile(DURATION)
_ANY_DURATION: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d)")
_UNITS: Final = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def read_instant(text: str, *, earliest: Instant | None = EPOCH) -> Instant:
    """Read an ISO 8601 date-time with `Z` or an offset, or a plain date (midnight UTC).

    A fraction of a second may have any number of digits, and is cut to milliseconds. A leap second
    counts as the first second of the next minute.

    Args:
        text: the text to read.
        earliest: the earliest instant allowed; None allows any year.

    Raises:
        ValueError: its text says what would have worked, without quoting the input.
    """
    found = _ISO.fullmatch(text)
    if found is None or (found["hour"] and bool(found["dash"]) != bool(found["colon"])):
        is_blank = " " in text and _ISO.fullmatch(text.replace(" ", "+"))
        hint = " (a '+' in a URL is written %2B)" if is_blank else ""
        raise ValueError(
            "expected an ISO 8601 date, or date and time with Z or an offset,"
            f" such as 2025-01-15T10:30:00Z{hint}"
        )
    try:
        instant = _milliseconds(found)
    except (ValueError, OverflowError):
        raise ValueError("expected a date and time that exist") from None
    if instant > LAST or (earliest is not None and instant < earliest):
        since = "up to" if earliest is None else "from 1970 to"
        raise ValueError(f"expected a date {since} 2999")
    return Instant(instant)


def _milliseconds(found: re.Match[str]) -> int:
    """The milliseconds since 1970 of a well-formed date-time.

    Raises:
        ValueError, OverflowError: it does not exist in the calendar.
    """
    year, month, day, hour, minute, second = (
        int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    leap = second == _LEAP_SECOND
    moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC)
    hours, minutes = int(found["offset_hours"] or 0), int(found["offset_minutes"] or 0)
    offset = time(hours, minutes)  # raises for an hour or a minute that does not exist
    shift = timedelta(hours=offset.hour, minutes=offset.minute)
    since = moment - _EPOCH + (shift if found["sign"] == "-" else -shift)
    if leap and (since + timedelta(seconds=1)) % timedelta(days=1):
        raise ValueError("a leap second must be the last second of a day in UTC")
    fraction = 0 if leap else int((found["fraction"] or "")[:3].ljust(3, "0"))
    return since // timedelta(milliseconds=1) + leap * SECOND + fraction


@lru_cache(maxsize=1_024)
def _show_second(second: int) -> str:
    # `isoformat` takes a fifth of the time of `strftime`.
    return (_EPOCH + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def show_instant(instant: Instant) -> str:
    """Show an instant as the API documentation does: UTC, whole seconds, `Z`."""
    return _show_second(instant // SECOND)


def show_milliseconds(instant: Instant) -> str:
    """Show an instant as the control API does: with milliseconds unless they are zero."""
    shown, fraction = show_instant(instant), instant % SECOND
    return f"{shown[:-1]}.{fraction:03}Z" if fraction else shown


def due_after(start: Instant, wait: int) -> int:
    """The instant at which a wait ends, which may be later than `LAST`.

    A wait of whole seconds counts from the start as clients see it, cut to seconds, so that they
    can calculate the end. A wait with a fraction counts from the exact start: otherwise one of half
    a second could be over at once.
    """
    return start + wait - (0 if wait % SECOND else start % SECOND)


def read_duration(text: str) -> int:
    """Read a number and a unit, such as `300ms`, `5s`, `10m`, `2h` or `45d`, as milliseconds.

    Raises:
        ValueError: its text says what would have worked.
    """
    if not _DURATION.fullmatch(text):
        if _ANY_DURATION.fullmatch(text):
            raise ValueError(
                "expected a duration of at most 99999d, 999999h or 99999999m, in whole milliseconds"
            )
        raise ValueError("expected a duration such as 300ms, 5s, 10m, 2h or 45d")
    number, unit = text.rstrip("dhms"), text.lstrip("0123456789.")
    return round(float(number) * _UNITS[unit])


def show_duration(milliseconds: int) -> str:
    """Show a duration in the largest unit that divides it: 3600000 is `1h`."""
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
