"""Tests that subscribers of a world are notified of its changes, and share equal data."""

from payments_sandbox.server.change_notifier import ChangeNotifier
from tests.support.in_process import new_world


def test_data_shared_by_subscribers_is_made_once_until_the_world_changes() -> None:
    """Six hundred readers of a stream are sent the same bytes."""
    notifier, world = ChangeNotifier(), new_world()
    made: list[str] = []

    def make() -> int:
        made.append("made")
        return len(made)

    with notifier.subscribe(world) as first, notifier.subscribe(world):
        found = [notifier.shared(world, "news", make) for _ in range(3)]
        other = notifier.shared(world, "other news", make)
        notifier.notify(world)
        later = notifier.shared(world, "news", make)
        subscriber_count = first.subscriber_count

    assert (found, other, later, subscriber_count) == ([1, 1, 1], 2, 3, 2)


def test_shared_data_is_dropped_with_the_last_subscriber() -> None:
    notifier, world = ChangeNotifier(), new_world()
    with notifier.subscribe(world):
        before = notifier.shared(world, "news", object)
    found = [notifier.shared(world, "news", object) for _ in range(2)]

    assert found[0] is not found[1]
    assert all(each is not before for each in found)
