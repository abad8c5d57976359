"""A world that is filled with payments of the past."""

from payments_sandbox.core.instants import DAY
from payments_sandbox.core.slices import SLICE
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_payments import generate_history
from payments_sandbox.scenarios.seeding import fill_world
from tests.support.in_process import NOON, new_world

WANTED = Generated(payments=2 * SLICE, customers=5, over=30 * DAY)


def test_a_world_is_filled_with_the_payments_of_its_seed() -> None:
    """Each with its own status, and one that has failed with a reason."""
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


def test_each_payment_of_the_past_has_its_event_and_nobody_is_told() -> None:
    """They are no news."""
    world = new_world()
    world.open_webhooks().put(world.open_webhooks().new_endpoint("inbox:orders"))
    list(fill_world(world, WANTED))

    assert world.ledger.preexisting_events == world.ledger.events == 2 * SLICE
    world.make_event("payout.paid", {})
    assert world.open_webhooks().outbox.count == 1


def test_another_seed_gives_other_payments() -> None:
    """A seed that is asked for wins over that of the world."""
    world = new_world(seed=7)
    list(fill_world(world, WANTED, seed=8))

    amounts = [world.ledger.payments.get(number).amount for number in range(SLICE)]
    drawn = [past.order.amount for past in generate_history(8, WANTED, NOON)]
    assert amounts == drawn[:SLICE]


def test_others_are_served_between_slices() -> None:
    """Once at the beginning, and after each slice."""
    assert len(list(fill_world(new_world(), WANTED))) == 1 + 2
