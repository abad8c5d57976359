"""Holds instants and durations to their texts: what is read, what is refused, what is shown."""

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


def test_units_are_so_many_milliseconds() -> None:
    """They are what all durations are made of."""
    assert (SECOND, MINUTE, HOUR, DAY) == (1_000, 60_000, 3_600_000, 86_400_000)


@for_each("text", READ)
def test_an_instant_is_read_with_an_offset_or_as_a_date(text: str) -> None:
    """ISO 8601 with `Z` or an offset, or a plain date, which is midnight UTC."""
    assert read_instant(text) == READ[text]


@for_each("text", REFUSED, show=ascii)
def test_what_is_no_instant_is_refused_with_what_would_have_worked(text: str) -> None:
    """The refusal says what would have worked and does not quote."""
    with pytest.raises(ValueError, match="expected") as caught:
        read_instant(text)

    assert str(caught.value) == REFUSED[text]


def test_an_instant_may_be_of_any_year() -> None:
    """A filter may ask for what is after the year 1, which is everything; the last year stays."""
    early = read_instant("0001-01-01", earliest=None)
    with pytest.raises(ValueError, match="expected") as caught:
        read_instant("3000-01-01", earliest=None)

    assert early == -62_135_596_800_000
    assert str(caught.value) == "expected a date up to 2999"


@given(st.text(alphabet="0123456789-:TZ+. tz"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """There is one kind of error and no other."""
    with contextlib.suppress(ValueError):
        assert 0 <= read_instant(text) <= LAST


@given(st.integers(0, LAST))
def test_what_is_shown_is_read_back(instant: int) -> None:
    """An instant is shown in whole seconds, the milliseconds cut off."""
    text = show_instant(Instant(instant))

    assert read_instant(text) == instant - instant % SECOND
    assert len(text) == len("2025-01-15T10:30:00Z")


@given(st.integers(0, LAST))
def test_what_is_shown_to_the_millisecond_is_read_back_whole(instant: int) -> None:
    """A fraction shows only where there is one."""
    text = show_milliseconds(Instant(instant))

    assert read_instant(text) == instant
    assert ("." in text) == (instant % SECOND != 0)


def test_an_instant_is_shown_in_whole_seconds_of_utc() -> None:
    """UTC, whole seconds, `Z`."""
    assert show_instant(Instant(DOCUMENTED + 999)) == "2025-01-15T10:30:00Z"


@for_each("text", DURATIONS)
def test_a_duration_is_a_number_and_a_unit(text: str) -> None:
    """A number and a unit."""
    assert read_duration(text) == DURATIONS[text]


@for_each(
    "text",
    ["", "5", "s", "-5s", "5 s", "5S", "1h30m", "5s\n", "1e3s", "\N{ARABIC-INDIC DIGIT FIVE}s"],
)
def test_what_is_no_duration_is_refused_with_what_would_have_worked(text: str) -> None:
    """The refusal says what would have worked."""
    with pytest.raises(ValueError, match="expected a duration") as caught:
        read_duration(text)

    assert str(caught.value) == "expected a duration such as 300ms, 5s, 10m, 2h or 45d"


@for_each(
    "text",
    ["100000d", "1000000h", "100000000m", "10000000000s", f"{10**13}ms", "1.2345s", "0.0001d"],
)
def test_a_duration_has_bounds(text: str) -> None:
    """The refusal names them."""
    with pytest.raises(ValueError, match="expected a duration") as caught:
        read_duration(text)

    assert str(caught.value) == (
        "expected a duration of at most 99999d, 999999h or 99999999m, in whole milliseconds"
    )


@pytest.mark.parametrize(
    "text", ["99999d", "999999h", "99999999m", "9999999999s", f"{10**13 - 1}ms"]
)
def test_the_longest_durations_are_two_centuries_or_so(text: str) -> None:
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
def test_the_schemas_have_the_form_of_a_duration(
    file: str, path: tuple[str, str], sign: str
) -> None:
    """One form, so that what the lint lets through is read."""
    schema = json.loads((SCHEMAS / file).read_text())
    for step in path:
        schema = schema[step]

    # A client's generator may know no groups that capture nothing.
    assert schema["pattern"].replace("(?:", "(") == f"^{sign}{DURATION}$".replace("(?:", "(")


@pytest.mark.parametrize(
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
def test_a_duration_is_shown_in_its_largest_unit(milliseconds: int, text: str) -> None:
    """The largest unit that divides it."""
    assert show_duration(milliseconds) == text


@given(st.integers(0, 10**12))
def test_a_shown_duration_is_read_back(milliseconds: int) -> None:
    """What is shown means the same."""
    assert read_duration(show_duration(milliseconds)) == milliseconds


@given(st.integers(2000, 2099), st.integers(1, 12))
def test_the_next_month_begins_where_the_calendar_says(year: int, month: int) -> None:
    """December is followed by January of the next year."""
    following = (year, month + 1) if month < 12 else (year + 1, 1)

    assert next_month(year, month) == datetime(*following, 1, tzinfo=UTC).timestamp() * SECOND


def test_a_wait_of_whole_seconds_counts_from_the_second_that_is_shown() -> None:
    """One with a fraction counts from its start, so that it is never over before it has begun."""
    start = Instant(12 * HOUR + 900)
    waits = (0, 300, SECOND, 1_500, HOUR)

    assert [due_after(start, wait) - 12 * HOUR for wait in waits] == [0, 1_200, 1_000, 2_400, HOUR]
    assert [due_after(Instant(12 * HOUR), wait) - 12 * HOUR for wait in waits] == [*waits]
