"""Holds long work to its slices."""

import pytest

from payments_sandbox.core.slices import SLICE, discard
from tests.support.values import run_to_end


@pytest.mark.parametrize(
    ("count", "slices"), [(0, 0), (1, 1), (SLICE, 1), (SLICE + 1, 2), (10 * SLICE, 10)]
)
def test_rows_that_nobody_needs_are_freed_in_slices(count: int, slices: int) -> None:
    """Of a list, and of the lists of an object; what is no list stays as it is."""
    rows, other = list(range(count)), list(range(count))
    of_a_list = run_to_end(discard(rows))
    of_an_object = run_to_end(discard({"first": 5, "rows": other, "text": "x", "none": None}))

    assert (rows, other) == ([], [])
    assert (of_a_list, of_an_object) == ((None, slices), (None, slices))
