"""Which worker owns a key: the same one for everybody, and for as many keys each."""

from collections import Counter

import pytest

from payments_sandbox.cluster.places import Here, Sibling
from payments_sandbox.cluster.workers import WorkerDirectory, owner_of

KEYS = [f"sk_test_{number}" for number in range(3_000)]


def test_the_owner_of_a_key_never_changes() -> None:
    """Processes agree without asking, so it is written down."""
    assert [owner_of(key, 4) for key in ("sk_test_sandbox", *KEYS[:7])] == [1, 3, 1, 2, 2, 1, 2, 3]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_each_worker_owns_its_share(workers: int) -> None:
    """Within a sixth of it."""
    owned = Counter(owner_of(key, workers) for key in KEYS)
    share = len(KEYS) / workers
    assert sorted(owned) == list(range(workers))
    assert all(abs(count - share) < share / 6 for count in owned.values())


def test_a_worker_more_takes_keys_and_moves_no_other() -> None:
    """A key that changes hands goes to the new one."""
    moved = {owner_of(key, 5) for key in KEYS if owner_of(key, 4) != owner_of(key, 5)}
    assert moved == {4}


async def test_a_directory_names_each_place_from_where_it_is() -> None:
    """Its own keys are here, and another one's are there."""
    directories = [WorkerDirectory(own, 3) for own in range(3)]
    for key in KEYS[:50]:
        owner = owner_of(key, 3)
        for own, directory in enumerate(directories):
            place = Here() if own == owner else Sibling(owner)
            assert directory.place_of(key) == place
            assert await directory.claim(key) == place


def test_a_directory_answers_for_any_number_of_keys() -> None:
    """What it remembers is bounded, and nothing is wrong where it has forgotten."""
    directory = WorkerDirectory(0, 2)
    keys = [f"sk_test_many{number}" for number in range(10_050)]
    for key in [*keys, *keys[:10]]:
        assert directory.place_of(key) == (Here() if owner_of(key, 2) == 0 else Sibling(1))
