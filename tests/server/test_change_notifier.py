"""Subscribers of a world are told of its changes, and share what is the same for all of them."""

from payments_sandbox.server.change_notifier import ChangeNotifier
from tests.support.in_process import new_world


def test_what_is_the_same_for_all_is_made_once_until_the_world_changes() -> None:
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
        companions = first.companions

    assert (found, other, later, companions) == ([1, 1, 1], 2, 3, 2)


def test_nothing_is_kept_for_nobody() -> None:
    """Where no subscriber is left, what they shared is forgotten."""
    notifier, world = ChangeNotifier(), new_world()
    with notifier.subscribe(world):
        before = notifier.shared(world, "news", object)
    found = [notifier.shared(world, "news", object) for _ in range(2)]

    assert found[0] is not found[1]
    assert all(each is not before for each in found)
