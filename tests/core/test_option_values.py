"""Holds the readers of options to their bounds, whatever text they are given."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.option_values import (
    certificates,
    clock,
    duration,
    lifetime,
    whole_number,
)
from tests.support.receiver import SELF_SIGNED


@given(st.integers(0, 10**30), st.integers(0, 20))
def test_a_whole_number_is_read_up_to_its_bound(number: int, zeros: int) -> None:
    """Leading zeros change nothing."""
    text = "0" * zeros + str(number)
    if number <= 1_000:
        assert whole_number(0, 1_000)(text) == number
    else:
        with pytest.raises(ValueError, match="expected a whole number from 0 to 1000"):
            whole_number(0, 1_000)(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", " 1", "٣", "9" * 5_000, "1_0"])
def test_what_is_no_whole_number_is_refused_in_one_sentence(text: str) -> None:
    """Thousands of digits, too: nothing of Python shows."""
    with pytest.raises(ValueError, match=r"^expected a whole number from 1 to 9$"):
        whole_number(1, 9)(text)


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (duration, "9" * 5_000 + "d", "of at most 99999d, 999999h or 99999999m"),
        (lifetime, "0s", "expected 1ms or more"),
        (clock, "2030-01-15T10:30:00." + "9" * 5_000, "expected an ISO 8601 date-time"),
        (clock, "9" * 5_000, "expected an ISO 8601 date-time"),
        (certificates, "nowhere.pem", "expected a file of certificates in PEM"),
        (certificates, __file__, "expected a file of certificates in PEM"),
        (certificates, "", "expected a file of certificates in PEM"),
    ],
)
def test_a_value_beyond_its_bounds_is_told_them(
    read: Callable[[str], object], text: str, reason: str
) -> None:
    """Each says what would have worked."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        read(text)


def test_certificates_are_a_file_that_can_be_read() -> None:
    """It is kept as a path."""
    assert certificates(str(SELF_SIGNED)) == SELF_SIGNED
