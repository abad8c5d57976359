"""Tests a world's time: what is due happens once, in order, and before later commands."""

from collections.abc import Callable

import pytest

from payments_sandbox.core.errors import IllegalMove
from payments_sandbox.core.ids import webhook_secret
from payments_sandbox.core.instants import DAY, HOUR, LAST, SECOND, Instant
from payments_sandbox.payments.cards import check
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.actions import Complete
from payments_sandbox.rules.rule_engine import MAGIC_CARD_RULES
from payments_sandbox.rules.step_outcome import Settlement
from payments_sandbox.world.timeline import (
    ActOnPayment,
    AttemptDelivery,
    RunTimedRule,
    TimelineEntry,
    upcoming_entry,
)
from payments_sandbox.world.world import SETTLED_AS_FAILED, ResetScope, World
from tests.support.in_process import NOON, FakeDispatcher, InProcessApi, Wall, new_world, snapshot
from tests.support.tables import for_each
from tests.support.values import documented_create

VISA, CHARGED_BACK, FLAKY = "4111111111111111", "4000000000000259", "4000009900000111"
COMPLETES = (Settlement(Status.COMPLETED, HOUR),)
FAILS = (Settlement(Status.FAILED, HOUR),)


def order(number: str = VISA) -> NewPayment:
    """Return an order with a card."""
    card = check(
        number,
        exp_year=2034,
        exp_month=12,
        cvc="123",
        now=NOON,
        named_fingerprints=MAGIC_CARD_RULES.numbers,
    )
    return NewPayment(amount=2_500, currency="USD", card=card, description=None, customer_id=None)


def told(world: World) -> list[tuple[EventType, int]]:
    """Return every event, as its type and how long after noon it was."""
    events = (world.ledger.event(number) for number in range(world.ledger.events))
    return [(event.type, event.created - NOON) for event in events]


def walked(world: World, until: int) -> list[list[TimelineEntry]]:
    """Advance to an instant after noon; return all that happens until then."""
    return list(world.advance(Instant(NOON + until)))


def happened(world: World, number: int, after: int, what: str, event: int | None) -> TimelineEntry:
    """Return a timeline entry about a payment of the world."""
    event_id = None if event is None else world.ledger.event(event).id
    return TimelineEntry(Instant(NOON + after), what, world.ledger.payments.id_of(number), event_id)


def test_a_payment_is_made_at_the_worlds_now() -> None:
    """Completed, failed or pending; a pending payment has no event."""
    world = new_world()
    made = [
        world.create_payment(order()),
        world.create_payment(order(), failure="lost_card"),
        world.create_payment(order(), turns=()),
        world.create_payment(order(), turns=(), failure="lost_card"),
    ]

    assert [(each.status, each.failure) for each in made] == [
        (Status.COMPLETED, None),
        (Status.FAILED, "lost_card"),
        (Status.PENDING, None),
        (Status.FAILED, "lost_card"),
    ]
    assert told(world) == [
        (EventType.PAYMENT_COMPLETED, 0),
        (EventType.PAYMENT_FAILED, 0),
        (EventType.PAYMENT_FAILED, 0),
    ]


def test_an_advance_does_what_is_due_in_order_and_sets_the_clock_to_each_instant() -> None:
    """Jobs of one instant come together."""
    world = new_world()
    for turns in (COMPLETES, FAILS, (Settlement(Status.COMPLETED, 2 * HOUR),)):
        world.create_payment(order(), turns=turns)
    batches, clocks = [], []
    for batch in world.advance(Instant(NOON + 3 * HOUR)):
        batches.append(batch)
        clocks.append(world.clock.now() - NOON)

    assert batches == [
        [
            happened(world, 0, HOUR, "payment.completed", 0),
            happened(world, 1, HOUR, "payment.failed", 1),
        ],
        [happened(world, 2, 2 * HOUR, "payment.completed", 2)],
    ]
    assert (clocks, world.clock.now()) == ([HOUR, 2 * HOUR], NOON + 3 * HOUR)
    assert world.ledger.payments.get(1).failure == SETTLED_AS_FAILED


def test_an_advance_does_not_do_what_is_due_a_millisecond_later() -> None:
    world = new_world()
    world.create_payment(order(), turns=COMPLETES)

    assert walked(world, HOUR - 1) == []
    assert walked(world, HOUR) == [[happened(world, 0, HOUR, "payment.completed", 0)]]


def test_an_advance_also_does_what_follows_from_what_it_did() -> None:
    """A pending payment completes, and its card's chargeback follows a day later."""
    world = new_world()
    world.create_payment(order(CHARGED_BACK), turns=COMPLETES)

    assert walked(world, 2 * DAY) == [
        [happened(world, 0, HOUR, "payment.completed", 0)],
        [happened(world, 0, HOUR + DAY, "chargeback.created", 1)],
    ]


def test_a_due_job_that_is_no_longer_possible_is_skipped_with_its_reason() -> None:
    """There is no event, and time goes on."""
    world = new_world()
    world.create_payment(order(), turns=COMPLETES)
    world.create_payment(order(CHARGED_BACK))
    world.complete(0)
    world.create_refund(1, None)

    assert walked(world, 2 * DAY) == [
        [
            happened(
                world,
                0,
                HOUR,
                "payment.completed skipped: You cannot complete a payment that is completed.",
                None,
            )
        ],
        [
            happened(
                world,
                1,
                DAY,
                "chargeback.created skipped: 0 of 2500 is left to charge back.",
                None,
            )
        ],
    ]


def test_upcoming_lists_what_is_due_in_order_up_to_a_limit() -> None:
    """Without doing any of it."""
    world = new_world()
    world.create_payment(order(), turns=FAILS)
    world.create_payment(order(), turns=COMPLETES)
    world.create_payment(order(CHARGED_BACK))
    due = [
        happened(world, 0, HOUR, "payment.failed", None),
        happened(world, 1, HOUR, "payment.completed", None),
        happened(world, 2, DAY, "chargeback.created", None),
    ]

    assert world.upcoming(10) == due
    assert world.upcoming(2) == due[:2]
    assert told(world) == [(EventType.PAYMENT_COMPLETED, 0)]


COMMANDS: dict[str, Callable[[World], object]] = {
    "create": lambda world: world.create_payment(order()),
    "refund": lambda world: world.create_refund(0, 1),
    "charge back": lambda world: world.charge_back(0, 1, "fraudulent"),
    "complete": lambda world: world.complete(1),
    "fail": lambda world: world.fail(1, "lost_card"),
    "catch up": lambda world: world.catch_up(),
    "snapshot": snapshot,
}


@for_each("command", COMMANDS)
def test_everything_due_happens_before_a_command_on_a_late_live_clock(command: str) -> None:
    """At its own instant."""
    wall = Wall()
    world = new_world(wall, frozen_at=None)
    world.create_payment(order(), turns=COMPLETES)
    world.create_payment(order(), turns=())
    wall.move(2 * HOUR)
    COMMANDS[command](world)
    first, *others = told(world)

    assert first == (EventType.PAYMENT_COMPLETED, HOUR)
    assert [after for _, after in others] == [2 * HOUR] * len(others)


def test_completing_a_payment_by_hand_plans_the_chargeback_of_its_card() -> None:
    """Completing it a second time is rejected."""
    world = new_world()
    world.create_payment(order(CHARGED_BACK), turns=())
    world.create_payment(order(), turns=())
    completed, failed = world.complete(0), world.fail(1, "lost_card")
    with pytest.raises(IllegalMove):
        world.complete(0)

    assert (completed.status, failed.status) == (Status.COMPLETED, Status.FAILED)
    assert world.upcoming(5) == [happened(world, 0, DAY, "chargeback.created", None)]


def used() -> tuple[World, Wall]:
    """Return a world in which each part has been used, and its wall clock."""
    wall = Wall()
    desk = InProcessApi(new_world(wall))
    desk.ask("create_payment", documented_create(card_number=FLAKY))
    desk.ask("create_payment", documented_create(card_number=CHARGED_BACK))
    desk.world.limiter.set(limit=5, remaining=1)
    desk.world.clock.resume()
    wall.move(SECOND)
    return desk.world, wall


OF_PARTS = {
    ResetScope.PAYMENTS: ("ledger", "timeline"),
    ResetScope.JOURNAL: ("journal",),
    ResetScope.RULES: ("rules",),
    ResetScope.WEBHOOKS: (),
    ResetScope.CLOCK: ("clock",),
    ResetScope.RATE_LIMIT: ("rate_limit",),
}


@for_each("part", ResetScope)
def test_resetting_one_part_of_a_world_leaves_the_others_unchanged(part: ResetScope) -> None:
    """The part is as in a new world."""
    world, wall = used()
    before = snapshot(world)
    world.reset([part])
    after = snapshot(world)
    fresh = snapshot(new_world(wall)) | {"rate_limit": {**before["rate_limit"], "limit": 1_000}}  # type: ignore[dict-item]  # JSON
    fresh["rate_limit"] = {
        "default": 1_000,
        "limit": 1_000,
        "used": 0,
        "hour": NOON // HOUR,
        "window": HOUR,
    }

    assert {name for name in before if before[name] != after[name]} == set(OF_PARTS[part])
    assert {name: after[name] for name in OF_PARTS[part]} == {
        name: fresh[name] for name in OF_PARTS[part]
    }


def test_a_reset_world_repeats_the_same_replies() -> None:
    """Same seed, same calls, same bytes."""
    runs = []
    world, _ = used()
    for _ in range(2):
        world.reset(ResetScope)
        desk = InProcessApi(world)
        runs.append(
            [
                desk.ask("create_payment", documented_create(card_number=number))
                for number in (FLAKY, VISA, FLAKY, FLAKY)
            ]
        )

    assert runs[0] == runs[1]
    assert [status for status, _ in runs[0]] == [500, 201, 500, 201]


def test_resetting_only_the_clock_would_go_back_before_later_payments() -> None:
    world = new_world()
    seen = [world.would_go_back()]
    world.create_payment(order())
    seen.append(world.would_go_back())
    walked(world, SECOND)
    world.create_payment(order())
    seen.append(world.would_go_back())
    world.reset([ResetScope.PAYMENTS, ResetScope.CLOCK])
    seen.append(world.would_go_back())

    assert seen == [False, False, True, False]


def test_the_repr_of_a_world_shows_only_the_number_of_payments() -> None:
    """Nothing of the key."""
    world = new_world()
    world.create_payment(order())

    assert repr(world) == "<World with 1 payments>"


def test_the_webhook_secret_is_derived_from_the_seed() -> None:
    """32 bytes in base64, as Standard Webhooks requires."""
    assert webhook_secret(7) == webhook_secret(7) != webhook_secret(8)
    assert len(webhook_secret(7)) == len("whsec_") + 44


@pytest.mark.parametrize("has_webhooks", [False, True])
def test_a_planned_attempt_without_its_delivery_raises_lookup_error(*, has_webhooks: bool) -> None:
    world = new_world()
    outbox = world.open_webhooks().outbox if has_webhooks else None
    with pytest.raises(LookupError, match="a planned delivery is missing"):
        upcoming_entry(NOON, AttemptDelivery(0), world.ledger, outbox)


def test_pending_webhooks_are_counted() -> None:
    """A world without endpoints has none."""
    world = new_world()
    before = world.pending_webhooks
    world.open_webhooks().put(world.open_webhooks().new_endpoint("http://localhost:1/"))
    world.create_payment(order())

    assert (before, world.pending_webhooks) == (0, 1)


def test_after_a_reset_of_the_payments_each_new_event_is_sent_once() -> None:
    """Events from before the reset are not sent again."""
    world = new_world()
    world.open_webhooks().put(world.open_webhooks().new_endpoint("http://localhost:1/"))
    world.create_payment(order())
    world.reset([ResetScope.PAYMENTS])
    world.create_payment(order())
    world.create_payment(order())

    assert (world.pending_webhooks, world.open_webhooks().outbox.count) == (2, 2)


def test_upcoming_lists_webhook_attempts_and_rules() -> None:
    """An attempt with its payment, event and delivery; an `at` rule with its name."""
    world = new_world()
    world.open_webhooks().put(world.open_webhooks().new_endpoint("http://localhost:1/"))
    world.create_payment(order())
    FakeDispatcher(world, 500).deliver()
    for after, job in (
        (HOUR, ActOnPayment(0, Complete(), "scene/late")),
        (2 * HOUR, RunTimedRule("scene/at")),
    ):
        world.timeline.plan(Instant(NOON + after), job)
    payment, event = world.ledger.payments.id_of(0), world.ledger.event(0).id
    delivery = world.open_webhooks().outbox.id_of(0)

    assert world.upcoming(9) == [
        TimelineEntry(Instant(NOON + 5 * SECOND), "webhook.attempt", payment, event, delivery),
        TimelineEntry(Instant(NOON + HOUR), "payment.completed", payment),
        TimelineEntry(Instant(NOON + 2 * HOUR), "rule scene/at", None),
    ]
    assert walked(world, 5 * SECOND) == [[]]
    assert world.pending_webhooks == 1


def test_a_payment_settles_at_the_configured_number_of_reads() -> None:
    """Neither later reads nor time change it."""
    world = new_world()
    world.create_payment(order(), turns=(Settlement(Status.COMPLETED, None, 2),))
    seen = []
    for _ in range(3):
        seen.append((world.ledger.payments.get(0).status, told(world)))
        world.count_read(0)

    assert (seen[:2], walked(world, DAY)) == ([(Status.PENDING, [])] * 2, [])
    assert seen[2] == (Status.COMPLETED, [(EventType.PAYMENT_COMPLETED, 0)])


def test_a_settlement_happens_at_once_without_a_delay_and_never_after_the_last_instant() -> None:
    """One at the last instant is planned."""
    world = new_world()
    at_once, never = Settlement(Status.COMPLETED, 0), Settlement(Status.COMPLETED, LAST - NOON + 1)
    last = Settlement(Status.COMPLETED, LAST - NOON)
    for turn in (at_once, never, last):
        world.create_payment(order(), turns=(turn,))

    assert [each.at for each in world.upcoming(9)] == [LAST]
    assert [world.ledger.payments.get(number).status for number in range(3)] == [
        Status.COMPLETED, Status.PENDING, Status.PENDING,
    ]  # fmt: skip


def test_a_settlement_delay_below_a_second_counts_from_the_exact_instant() -> None:
    world = new_world(frozen_at=Instant(NOON + 900))
    world.create_payment(order(), turns=(Settlement(Status.COMPLETED, 300),))

    assert world.ledger.payments.get(0).status is Status.PENDING
    assert [each.at for each in world.upcoming(9)] == [NOON + 1_200]


def test_resetting_webhooks_removes_endpoints_inboxes_and_pending_deliveries() -> None:
    """A delivery that is being sent is cancelled."""
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost:1/"))
    webhooks.inboxes.get_or_create("orders")
    world.create_payment(order())
    [held] = webhooks.outbox.pop()
    world.reset([ResetScope.WEBHOOKS])

    assert (held.is_pending, world.webhooks, world.pending_webhooks) == (False, None, 0)
    assert world.open_webhooks().outbox.endpoints == {}
    assert world.open_webhooks().inboxes.items() == []


def test_completing_failing_and_charging_back_return_the_result() -> None:
    """The payment as it has become, or the chargeback."""
    world = new_world()
    for _ in range(3):
        world.create_payment(order(), turns=())
    completed, failed = world.complete(0), world.fail(1, "lost_card")
    chargeback = world.charge_back(0, None, "fraudulent")

    assert (completed.status, failed.failure) == (Status.COMPLETED, "lost_card")
    assert (chargeback.amount, chargeback.payment_id) == (2_500, completed.id)
