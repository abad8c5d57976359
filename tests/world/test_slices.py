"""What takes long in a world is done in pieces, between which others come."""

import gc
from collections.abc import Callable
from functools import partial

import pytest

from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.core.slices import SLICE, Slices, finish
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.webhooks.snapshot import snapshotting as snapshotting_webhooks
from payments_sandbox.world.snapshot import snapshotting
from payments_sandbox.world.world import World
from tests.support.in_process import (
    NOON,
    FakeDispatcher,
    InProcessApi,
    Wall,
    new_world,
    restored_world,
    scenario_of,
    snapshot,
)
from tests.support.values import documented_create

COUNT = 2 * SLICE + 100
PENDING = "4000009900000012"
PARTS = ("journal", "ledger", "timeline", "webhooks")
"""What may be much of a world."""

WAVE = scenario_of(
    f"""
    given: {{generate: {{payments: {COUNT}}}}}
    rules:
      - {{at: 1h, when: {{status: completed}}, do: {{chargeback: {{reason: fraudulent}}}}}}
    """
)


def with_many(*, frozen_at: Instant | None = NOON) -> tuple[World, Wall]:
    """A world of many payments, all of which are charged back in an hour; and its wall."""
    wall = Wall()
    world = new_world(wall, frozen_at=frozen_at)
    set_active(world, [WAVE])
    return world, wall


def test_an_at_rule_acts_on_many_payments_in_pieces() -> None:
    """The clock stands still meanwhile; who comes between finds it there."""
    world, _ = with_many()
    at, seen, told = Instant(NOON + HOUR), [], 0
    for batch in world.advance(at):
        assert len(batch) <= SLICE
        told += len(batch)
        assert world.catch_up() == at
        world.catch_up_some()
        seen.append(world.ledger.chargebacks)
    charged = world.ledger.payments.counts["completed"]  # type: ignore[index]  # a Status is a text

    assert (len(seen) > 2, seen == sorted(seen), seen[-1]) == (True, True, charged)
    assert told == charged + 1
    assert InProcessApi(world).ask("create_payment", documented_create())[0] == 201


def test_what_is_due_on_a_live_clock_happens_in_pieces() -> None:
    """A timer lets some of it happen, and the next one the rest."""
    world, wall = with_many(frozen_at=None)
    wall.move(HOUR)
    world.catch_up_some()
    some = world.ledger.chargebacks
    world.catch_up()
    every = world.ledger.chargebacks
    world.catch_up_some()

    assert 0 < some < every == world.ledger.chargebacks


def test_an_at_rule_goes_on_where_a_snapshot_was_taken() -> None:
    """Between two pieces: nothing is done twice, and nothing is left out."""
    world, _ = with_many()
    steps = world.advance(Instant(NOON + HOUR))
    next(steps)
    other = restored_world(snapshot(world))
    list(steps)
    list(other.advance(Instant(NOON + HOUR)))

    assert 0 < other.ledger.chargebacks == world.ledger.chargebacks


def test_a_move_of_the_clock_that_is_given_up_leaves_the_rest_to_others() -> None:
    """The world was reset, or whoever moved it has gone."""
    world, _ = with_many()
    steps = world.advance(Instant(NOON + HOUR))
    next(steps)
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    before = world.ledger.chargebacks
    world.catch_up()

    assert before < world.ledger.chargebacks


def busy(world: World) -> None:
    """Leave something in each part that may be much: journal, webhooks, timeline."""
    InProcessApi(world).ask("create_payment", documented_create(card_number=PENDING))
    webhooks = world.open_webhooks()
    if not webhooks.outbox.endpoints:
        webhooks.put(webhooks.new_endpoint("inbox:orders"))
    world.make_event("payout.paid", {})
    FakeDispatcher(world).deliver()
    world.make_event("payout.paid", {})  # it is still to be sent
    world.charge_back(world.ledger.chargebacks, None, "fraudulent")
    for entry in world.journal.since(0):
        entry.duration_ms = float(world.journal.count)


def test_a_snapshot_is_of_one_moment() -> None:
    """What changes while it is taken is not in it."""
    world, _ = with_many()
    busy(world)
    before = snapshot(world)
    steps = snapshotting(world)
    next(steps)
    busy(world)
    taken = finish(steps)

    assert taken == before
    assert all(snapshot(world)[part] != before[part] for part in PARTS)
    assert len(world.ledger.payments) == COUNT + 2


def test_rows_of_payments_are_nothing_that_the_collector_of_garbage_looks_at_again() -> None:
    """To look at hundreds of thousands of them while they are made holds the loop."""
    world, _ = with_many()
    world.charge_back(0, None, "fraudulent")
    kept = world.ledger.snapshot()
    gc.collect()
    gc.collect()

    rows = [*kept["payments"], *kept["chargebacks"], *kept["events"]]  # type: ignore[misc]
    assert len(rows) > COUNT
    assert not any(map(gc.is_tracked, rows))


@pytest.mark.parametrize("part", ["journal", "timeline", "webhooks"])
def test_what_may_be_much_is_taken_slice_by_slice(part: str) -> None:
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    desk = InProcessApi(world)
    for _ in range(COUNT):
        desk.ask("create_payment", documented_create(card_number=PENDING))
        world.make_event("payout.paid", {})
    steps: dict[str, Callable[[], Slices[dict[str, object]]]] = {
        "journal": world.journal.snapshotting,
        "timeline": world.timeline.snapshotting,
        "webhooks": partial(snapshotting_webhooks, webhooks),
    }

    assert sum(1 for _ in steps[part]()) == -(-COUNT // SLICE)
