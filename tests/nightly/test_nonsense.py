"""Every kind of nonsense in every kind of place of a snapshot."""

from itertools import product

from tests.support.tables import for_each
from tests.world.test_nonsense import NONSENSE, PARTS, harm_of, places


@for_each("part", PARTS)
def test_all_nonsense_in_a_snapshot_is_refused_or_harms_nobody(part: str) -> None:
    """Each value in each of the places."""
    found = [harm_of(path, value) for path, value in product(places(part), NONSENSE)]
    assert [each for each in found if each is not None] == []
