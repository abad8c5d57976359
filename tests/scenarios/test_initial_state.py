"""Worlds that are filled with payments of the past."""

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY
from payments_sandbox.core.slices import SLICE
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_payments import generate_history
from payments_sandbox.scenarios.initial_state import fill_world
from payments_sandbox.world.world import ResetScope
from tests.support.in_process import NOON, new_world

WANTED = Generated(payments=2 * SLICE, customers=5, over=30 * DAY)


def test_a_filled_world_has_the_payments_of_its_seed_with_their_status() -> None:
    """Failed payments have a reason."""
    world = new_world(seed=7)
    list(fill_world(world, WANTED))
    payments = world.ledger.payments
    found = [payments.get(number) for number in range(len(payments))]

    drawn = list(generate_history(7, WANTED, NOON))
    assert [(each.status, each.amount) for each in found] == [
        (past.status, past.order.amount) for past in drawn
    ]
    assert {(each.status, each.failure) for each in found} == {
        ("completed", None),
        ("failed", "card_declined"),
    }


def test_past_payments_have_events_that_are_not_delivered() -> None:
    world = new_world()
    world.open_webhooks().put(world.open_webhooks().new_endpoint("inbox:orders"))
    list(fill_world(world, WANTED))

    assert world.ledger.preexisting_events == world.ledger.events == 2 * SLICE
    world.make_event("payout.paid", {})
    assert world.open_webhooks().outbox.count == 1


def test_a_given_seed_overrides_the_seed_of_the_world() -> None:
    """The payments are those of the given seed."""
    world = new_world(seed=7)
    list(fill_world(world, WANTED, seed=8))

    amounts = [world.ledger.payments.get(number).amount for number in range(SLICE)]
    drawn = [past.order.amount for past in generate_history(8, WANTED, NOON)]
    assert amounts == drawn[:SLICE]


def test_filling_a_world_pauses_before_each_slice() -> None:
    assert len(list(fill_world(new_world(), WANTED))) == 2


def test_filling_a_world_again_adds_earlier_payments_and_keeps_existing_ones() -> None:
    """Existing payments keep their numbers and ids."""
    world = new_world()
    list(fill_world(world, WANTED))
    first = world.ledger.payments.get(0)
    list(fill_world(world, WANTED, seed=8))
    payments = world.ledger.payments

    assert payments.numbers == range(-2 * SLICE, 2 * SLICE)
    assert payments.get(0) == first
    assert payments.get(-1).created <= first.created


@pytest.mark.parametrize("meanwhile", ["reset", "filled"])
def test_filling_is_rejected_if_the_world_changes_meanwhile(meanwhile: str) -> None:
    """The generated payments would not fit the changed world."""
    world = new_world()
    list(fill_world(world, WANTED))
    work = fill_world(world, WANTED, seed=8)
    next(work)
    next(work)
    if meanwhile == "reset":
        world.reset([ResetScope.PAYMENTS])
    else:
        list(fill_world(world, WANTED, seed=9))
    before = world.ledger.payments.numbers
    with pytest.raises(InvalidRequest) as caught:
        list(work)

    assert caught.value.details == (
        "/: the world was reset, filled or first used in the meantime; try again."
    )
    assert world.ledger.payments.numbers == before
