"""The worker that owns a key: the same for all workers, and equal shares for each."""

from collections import Counter

from payments_sandbox.cluster.places import Here, Sibling
from payments_sandbox.cluster.workers import WorkerDirectory, owner_of
from tests.support.tables import for_each

KEYS = [f"sk_test_{number}" for number in range(3_000)]


def test_the_owners_of_known_keys_are_the_listed_workers() -> None:
    """Processes agree without asking each other, so this must never change."""
    assert [owner_of(key, 4) for key in ("sk_test_sandbox", *KEYS[:7])] == [1, 3, 1, 2, 2, 1, 2, 3]


@for_each("workers", [1, 2, 3, 8])
def test_each_worker_owns_its_share_of_the_keys_within_a_sixth(workers: int) -> None:
    owned = Counter(owner_of(key, workers) for key in KEYS)
    share = len(KEYS) / workers
    assert sorted(owned) == list(range(workers))
    assert all(abs(count - share) < share / 6 for count in owned.values())


def test_one_more_worker_moves_keys_only_to_itself() -> None:
    moved = {owner_of(key, 5) for key in KEYS if owner_of(key, 4) != owner_of(key, 5)}
    assert moved == {4}


async def test_the_directory_of_a_worker_says_here_for_own_keys_and_names_the_owner_of_others() -> (
    None
):
    directories = [WorkerDirectory(own, 3) for own in range(3)]
    for key in KEYS[:50]:
        owner = owner_of(key, 3)
        for own, directory in enumerate(directories):
            place = Here() if own == owner else Sibling(owner)
            assert directory.place_of(key) == place
            assert await directory.claim(key) == place


def test_the_directory_of_a_worker_is_right_for_more_keys_than_it_remembers() -> None:
    directory = WorkerDirectory(0, 2)
    keys = [f"sk_test_many{number}" for number in range(10_050)]
    for key in [*keys, *keys[:10]]:
        assert directory.place_of(key) == (Here() if owner_of(key, 2) == 0 else Sibling(1))
