"""Tests the retry schedule, and the Retry-After of receivers."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import DAY, HOUR, MINUTE, SECOND, Instant, read_instant
from payments_sandbox.webhooks.retry_policy import (
    DELAYS,
    MAX_RETRY_AFTER,
    next_attempt,
    retry_after_ms,
)
from tests.support.tables import for_each

NOW = read_instant("2030-01-15T12:00:00Z")
NOON = datetime(2030, 1, 15, 12, tzinfo=UTC)
delays = st.lists(st.integers(0, 400 * DAY), max_size=20)


@pytest.fixture
def far_west(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is not UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "XXX8")
        time.tzset()
        yield
    time.tzset()


def test_the_retry_schedule_is_the_documented_one() -> None:
    """Nine delays, ten attempts, in a little more than three days."""
    assert DELAYS == (
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
    assert sum(DELAYS) == 75 * HOUR + 35 * MINUTE + 5 * SECOND


@given(delays, st.none() | st.integers(0, MAX_RETRY_AFTER))
def test_each_failed_attempt_waits_for_the_longer_of_its_delay_and_retry_after(
    schedule: list[int], asked: int | None
) -> None:
    """After the last delay there is no further attempt."""
    at = NOW
    for attempts, delay in enumerate(schedule, start=1):
        due = next_attempt(at, attempts, schedule, asked)
        assert due == at + max(delay, asked or 0)
        at = Instant(due)
    assert next_attempt(at, len(schedule) + 1, schedule, asked) is None


@given(st.integers(100, 599), st.text(max_size=40))
def test_retry_after_is_between_zero_and_a_day_and_read_from_429_and_503_only(
    status: int, text: str
) -> None:
    """Whatever its text."""
    asked = retry_after_ms(status, text, NOW)
    assert asked is None or (status in (429, 503) and 0 <= asked <= DAY)


@given(st.integers(0, 10**9 - 1) | st.integers(0, 10**40))
def test_a_retry_after_in_seconds_is_capped_at_a_day(seconds: int) -> None:
    assert retry_after_ms(429, f" {seconds} ", NOW) == min(seconds * SECOND, DAY)


@given(st.timedeltas(timedelta(days=-9_000), timedelta(days=9_000)))
def test_a_retry_after_date_counts_from_the_real_time_of_the_attempt(ahead: timedelta) -> None:
    """In whole seconds."""
    asked = retry_after_ms(503, format_datetime(NOON + ahead, usegmt=True), NOW)
    wanted = int(ahead.total_seconds() // 1) * SECOND
    assert asked == min(max(wanted, 0), DAY)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Tue, 15 Jan 2030 13:00:00 GMT", HOUR),
        ("Tue, 15 Jan 2030 13:00:00 +0100", 0),
        ("Tue, 15 Jan 2030 13:00:00 -0000", HOUR),
        ("Tue, 15 Jan 2030 13:00:00", HOUR),
        ("Tuesday, 15-Jan-30 13:00:00 GMT", HOUR),
        ("Tue, 99 Jan 2030 13:00:00 GMT", None),
        ("Tue, 15 Jan 0000 13:00:00 GMT", 0),
        ("2030-01-15T13:00:00Z", None),
        ("tomorrow", None),
        ("1.5", None),
        ("-1", None),
        ("", None),
        ("2147483647", DAY),
        ("9" * 10, DAY),
        ("9" * 5_000, DAY),
        ("0" * 5_000 + "7", 7 * SECOND),
        ("86401", DAY),
        ("86399", DAY - SECOND),
        ("٣", None),
        (None, None),
    ],
)
@pytest.mark.usefixtures("far_west")
def test_retry_after_is_read_as_seconds_or_an_http_date_and_ignored_otherwise(
    text: str | None, asked: int | None
) -> None:
    """A date without an offset is UTC."""
    assert retry_after_ms(429, text, NOW) == asked


@for_each("status", [200, 301, 410, 500, 502, 504])
def test_retry_after_is_ignored_for_statuses_other_than_429_and_503(status: int) -> None:
    assert retry_after_ms(status, "60", NOW) is None
