"""Tests which texts are read as instants and durations, and how both are shown."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import (
    DAY,
    DURATION,
    HOUR,
    LAST,
    MINUTE,
    SECOND,
    Instant,
    due_after,
    next_month,
    read_duration,
    read_instant,
    show_duration,
    show_instant,
    show_milliseconds,
)
from tests.support.tables import for_each

SCHEMAS = Path(__file__).parents[2] / "schemas"
DOCUMENTED = 1_736_937_000_000
READ = {
    "2025-01-15T10:30:00Z": DOCUMENTED,
    "2025-01-15t10:30:00z": DOCUMENTED,
    "2025-01-15T10:30Z": DOCUMENTED,
    "2025-01-15T12:30:00+02:00": DOCUMENTED,
    "2025-01-15T12:30:00+0200": DOCUMENTED,
    "2025-01-15T05:00:00-05:30": DOCUMENTED,
    "2025-01-15T10:30:00.5Z": DOCUMENTED + 500,
    "2025-01-15T10:30:00.0019Z": DOCUMENTED + 1,
    "2025-01-15T10:30:00.1234567Z": DOCUMENTED + 123,
    "2025-01-15T10:30:00.999999999Z": DOCUMENTED + 999,
    f"2025-01-15T10:30:00.{'0' * 60}1Z": DOCUMENTED,
    "2025-01-15T10:30:00,5Z": DOCUMENTED + 500,
    "2025-01-15T12:30:00+02": DOCUMENTED,
    "20250115T103000Z": DOCUMENTED,
    "20250115T103000.5+0000": DOCUMENTED + 500,
    "20250115T1030Z": DOCUMENTED,
    "20250115": DOCUMENTED - 10 * HOUR - 30 * MINUTE,
    "1990-12-31T23:59:60Z": 662_688_000_000,
    "1990-12-31T15:59:60.5-08:00": 662_688_000_000,
    "2025-01-15": DOCUMENTED - 10 * HOUR - 30 * MINUTE,
    "2024-02-29": 1_709_164_800_000,
    "1970-01-01T00:00:00Z": 0,
    "2999-12-31T23:59:59.999Z": LAST,
}
FORM = (
    "expected an ISO 8601 date, or date and time with Z or an offset, such as 2025-01-15T10:30:00Z"
)
PLUS = f"{FORM} (a '+' in a URL is written %2B)"
EXISTS = "expected a date and time that exist"
RANGE = "expected a date from 1970 to 2999"
REFUSED = {
    "": FORM,
    "yesterday": FORM,
    "1736937000": FORM,
    "2025-1-15": FORM,
    "2025-01-15T10:30:00": FORM,
    "2025-01-15 10:30:00Z": FORM,
    "2025-01-15T10:30:00Z\n": FORM,
    "2025-01-15T10:30:00.Z": FORM,
    "2025-01-15T10Z": FORM,
    "2025-0115": FORM,
    "202501-15": FORM,
    "2025-01-15T1030Z": FORM,
    "20250115T10:30:00Z": FORM,
    "2025-01-15T10:30.5Z": FORM,
    "2025-W03-3": FORM,
    "\N{ARABIC-INDIC DIGIT TWO}025-01-15": FORM,
    "2025-01-15T10:30:00 02:00": PLUS,
    "2025-02-29": EXISTS,
    "2025-13-01": EXISTS,
    "0000-00-00T00:00:00Z": EXISTS,
    "2025-01-15T24:01:00Z": EXISTS,
    "2025-01-15T10:30:60Z": EXISTS,
    "2025-01-15T23:59:60+01:00": EXISTS,
    "2025-01-15T23:59:61Z": EXISTS,
    "2025-01-15T10:30:00+99:99": EXISTS,
    "0001-01-01T00:00:00+01:00": RANGE,
    "1969-12-31T23:59:59.999Z": RANGE,
    "1970-01-01T00:00:00+00:01": RANGE,
    "3000-01-01": RANGE,
}
DURATIONS = {
    "0s": 0,
    "300ms": 300,
    "0.5s": 500,
    "5s": 5 * SECOND,
    "10m": 10 * MINUTE,
    "1.5h": 90 * MINUTE,
    "2h": 2 * HOUR,
    "45d": 45 * DAY,
}


def test_units_of_time_are_in_milliseconds() -> None:
    assert (SECOND, MINUTE, HOUR, DAY) == (1_000, 60_000, 3_600_000, 86_400_000)


@for_each("text", READ)
def test_an_instant_is_read_from_iso_8601_with_an_offset_or_from_a_date(text: str) -> None:
    """A plain date is midnight UTC."""
    assert read_instant(text) == READ[text]


@for_each("text", REFUSED, show=ascii)
def test_an_invalid_instant_is_rejected_with_what_is_expected(text: str) -> None:
    """The error does not quote the text."""
    with pytest.raises(ValueError, match="expected") as caught:
        read_instant(text)

    assert str(caught.value) == REFUSED[text]


def test_an_instant_without_an_earliest_bound_may_be_before_1970() -> None:
    """A filter may ask for payments after the year 1; the last year remains a bound."""
    early = read_instant("0001-01-01", earliest=None)
    with pytest.raises(ValueError, match="expected") as caught:
        read_instant("3000-01-01", earliest=None)

    assert early == -62_135_596_800_000
    assert str(caught.value) == "expected a date up to 2999"


@given(st.text(alphabet="0123456789-:TZ+. tz"))
def test_any_text_is_read_as_an_instant_or_raises_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= read_instant(text) <= LAST


@given(st.integers(0, LAST))
def test_a_shown_instant_is_read_back_in_whole_seconds(instant: int) -> None:
    text = show_instant(Instant(instant))

    assert read_instant(text) == instant - instant % SECOND
    assert len(text) == len("2025-01-15T10:30:00Z")


@given(st.integers(0, LAST))
def test_an_instant_shown_in_milliseconds_is_read_back_exactly(instant: int) -> None:
    """A fraction is shown only if there is one."""
    text = show_milliseconds(Instant(instant))

    assert read_instant(text) == instant
    assert ("." in text) == (instant % SECOND != 0)


def test_an_instant_is_shown_in_utc_with_whole_seconds() -> None:
    assert show_instant(Instant(DOCUMENTED + 999)) == "2025-01-15T10:30:00Z"


@for_each("text", DURATIONS)
def test_a_duration_is_read_from_a_number_and_a_unit(text: str) -> None:
    assert read_duration(text) == DURATIONS[text]


@for_each(
    "text",
    ["", "5", "s", "-5s", "5 s", "5S", "1h30m", "5s\n", "1e3s", "\N{ARABIC-INDIC DIGIT FIVE}s"],
)
def test_an_invalid_duration_is_rejected_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration") as caught:
        read_duration(text)

    assert str(caught.value) == "expected a duration such as 300ms, 5s, 10m, 2h or 45d"


@for_each(
    "text",
    ["100000d", "1000000h", "100000000m", "10000000000s", f"{10**13}ms", "1.2345s", "0.0001d"],
)
def test_a_duration_beyond_its_bounds_is_rejected_with_the_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration") as caught:
        read_duration(text)

    assert str(caught.value) == (
        "expected a duration of at most 99999d, 999999h or 99999999m, in whole milliseconds"
    )


@pytest.mark.parametrize(
    "text", ["99999d", "999999h", "99999999m", "9999999999s", f"{10**13 - 1}ms"]
)
def test_the_longest_durations_are_between_100_and_400_years(text: str) -> None:
    """Long enough for every test, and a sum of them is still a date."""
    assert 100 * 365 * DAY < read_duration(text) < 400 * 365 * DAY


@pytest.mark.parametrize(
    ("file", "path", "sign"),
    [
        ("scenario.schema.json", ("$defs", "duration"), ""),
        ("scenario.schema.json", ("$defs", "shift"), "[+-]?"),
        ("control/requests/verify.json", ("properties", "within"), ""),
    ],
)
def test_the_schemas_have_the_pattern_of_durations(
    file: str, path: tuple[str, str], sign: str
) -> None:
    """So that every duration that passes the lint can be read."""
    schema = json.loads((SCHEMAS / file).read_text())
    for step in path:
        schema = schema[step]

    # Code generators may not support non-capturing groups.
    assert schema["pattern"].replace("(?:", "(") == f"^{sign}{DURATION}$".replace("(?:", "(")


@for_each(
    ("milliseconds", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (1_500, "1500ms"),
        (SECOND, "1s"),
        (90 * SECOND, "90s"),
        (HOUR, "1h"),
        (DAY, "1d"),
        (36 * HOUR, "36h"),
    ],
)
def test_a_duration_is_shown_in_the_largest_unit_that_divides_it(
    milliseconds: int, text: str
) -> None:
    assert show_duration(milliseconds) == text


@given(st.integers(0, 10**12))
def test_a_shown_duration_is_read_back_as_the_same(milliseconds: int) -> None:
    assert read_duration(show_duration(milliseconds)) == milliseconds


@given(st.integers(2000, 2099), st.integers(1, 12))
def test_next_month_is_the_first_instant_of_the_following_month(year: int, month: int) -> None:
    """December is followed by January of the next year."""
    following = (year, month + 1) if month < 12 else (year + 1, 1)

    assert next_month(year, month) == datetime(*following, 1, tzinfo=UTC).timestamp() * SECOND


def test_a_wait_of_whole_seconds_counts_from_the_start_of_the_second() -> None:
    """One with a fraction is not over before it has begun."""
    start = Instant(12 * HOUR + 900)
    waits = (0, 300, SECOND, 1_500, HOUR)

    assert [due_after(start, wait) - 12 * HOUR for wait in waits] == [0, 1_200, 1_000, 2_400, HOUR]
    assert [due_after(Instant(12 * HOUR), wait) - 12 * HOUR for wait in waits] == [*waits]
