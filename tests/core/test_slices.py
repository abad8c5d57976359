"""Tests that long work is done in slices."""

import pytest

from payments_sandbox.core.slices import SLICE, discard
from tests.support.values import run_to_end


@pytest.mark.parametrize(
    ("count", "slices"), [(0, 0), (1, 1), (SLICE, 1), (SLICE + 1, 2), (10 * SLICE, 10)]
)
def test_discarded_rows_are_freed_in_slices(count: int, slices: int) -> None:
    """Of a list, and of the lists of an object; other values stay as they are."""
    rows, other = list(range(count)), list(range(count))
    of_a_list = run_to_end(discard(rows))
    of_an_object = run_to_end(discard({"first": 5, "rows": other, "text": "x", "none": None}))

    assert (rows, other) == ([], [])
    assert (of_a_list, of_an_object) == ((None, slices), (None, slices))
