"""Tests that long work in a world is done in slices, between which others are served."""

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
"""The parts of a world that may be large."""

WAVE = scenario_of(
    f"""
    given: {{generate: {{payments: {COUNT}}}}}
    rules:
      - {{at: 1h, when: {{status: completed}}, do: {{chargeback: {{reason: fraudulent}}}}}}
    """
)


def with_many(*, frozen_at: Instant | None = NOON) -> tuple[World, Wall]:
    """Return a world of many payments, all charged back in an hour, and its wall clock."""
    wall = Wall()
    world = new_world(wall, frozen_at=frozen_at)
    set_active(world, [WAVE])
    return world, wall


def test_an_at_rule_acts_on_many_payments_in_slices() -> None:
    """The clock stands still between slices."""
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


def test_work_due_on_a_live_clock_is_done_in_slices() -> None:
    """One timer does some of it, the next one the rest."""
    world, wall = with_many(frozen_at=None)
    wall.move(HOUR)
    world.catch_up_some()
    some = world.ledger.chargebacks
    world.catch_up()
    every = world.ledger.chargebacks
    world.catch_up_some()

    assert 0 < some < every == world.ledger.chargebacks


def test_a_snapshot_between_slices_of_an_at_rule_continues_exactly() -> None:
    """Nothing is done twice, and nothing is left out."""
    world, _ = with_many()
    steps = world.advance(Instant(NOON + HOUR))
    next(steps)
    other = restored_world(snapshot(world))
    list(steps)
    list(other.advance(Instant(NOON + HOUR)))

    assert 0 < other.ledger.chargebacks == world.ledger.chargebacks


def test_the_rest_of_an_abandoned_advance_is_done_later() -> None:
    """The world was reset, or the client that moved the clock has gone."""
    world, _ = with_many()
    steps = world.advance(Instant(NOON + HOUR))
    next(steps)
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    before = world.ledger.chargebacks
    world.catch_up()

    assert before < world.ledger.chargebacks


def busy(world: World) -> None:
    """Leave something in each part that may be large: journal, webhooks, timeline."""
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


def test_a_snapshot_taken_in_slices_shows_one_moment() -> None:
    """What changes meanwhile is not in it."""
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


def test_rows_of_a_ledger_snapshot_are_not_tracked_by_the_garbage_collector() -> None:
    """Scanning hundreds of thousands of them would block the event loop."""
    world, _ = with_many()
    world.charge_back(0, None, "fraudulent")
    kept = world.ledger.snapshot()
    gc.collect()
    gc.collect()

    rows = [*kept["payments"], *kept["chargebacks"], *kept["events"]]  # type: ignore[misc]
    assert len(rows) > COUNT
    assert not any(map(gc.is_tracked, rows))


@pytest.mark.parametrize("part", ["journal", "timeline", "webhooks"])
def test_a_large_part_of_a_snapshot_is_taken_in_slices(part: str) -> None:
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
