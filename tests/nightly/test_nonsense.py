"""Every kind of nonsense in every kind of place of a snapshot, and in every entry of a journal."""

from itertools import product

from tests.support.tables import for_each
from tests.world.test_entry_check import ENTRIES, hold_harmless, nonsense_of
from tests.world.test_nonsense import NONSENSE, PARTS, harm_of, places


@for_each("part", PARTS)
def test_all_nonsense_in_a_snapshot_is_refused_or_harms_nobody(part: str) -> None:
    """Each value in each of the places."""
    found = [harm_of(path, value) for path, value in product(places(part), NONSENSE)]
    assert [each for each in found if each is not None] == []


@for_each("field", ENTRIES[0])
def test_all_nonsense_in_any_entry_is_refused_or_harms_nobody(field: str) -> None:
    """Each value in each of the entries."""
    for place, value in product(range(len(ENTRIES)), nonsense_of(field)):
        hold_harmless(field, place, value)
