"""Activation of scenarios is atomic, and a reset starts them again."""

import json

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, HOUR, MINUTE, Instant, read_instant, show_instant
from payments_sandbox.core.slices import finish
from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.scenario import Given, GivenPayment, Scenario
from payments_sandbox.scenarios.activation import (
    activating,
    reload,
    remove,
    resetting,
    set_active,
    setting_active,
)
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import (
    NOON,
    InProcessApi,
    Wall,
    new_world,
    restored_world,
    rules_of,
    scenario_of,
    snapshot,
)
from tests.support.values import documented_create

FAILS = rules_of("- {request: create_payment, do: [{respond: {error: internal_error}}]}", name="a")
PASSES = rules_of("- {request: create_payment, do: [pass]}", name="b")
CLOCK = scenario_of("clock: 2031-01-15T09:00:00Z\nexpect: [{audit: clean}]", name="clock")
GIVEN = scenario_of(
    """
    given:
      payments:
        - {id: pay_old, amount: 1200, currency: EUR, customer_id: cust_ada, created: -40d}
        - {amount: 5, currency: USD, status: failed, created: -50d, card: declined,
           description: socks}
        - {amount: 7, currency: USD, status: pending}
        - {amount: 9, currency: USD, created: 2030-01-01}
      rate_limit: {limit: 50, remaining: 3}
    rules:
      - name: mark
        at: 3d
        when: {card: declined, status: failed}
        do: {emit: {type: payment.failed}}
    """,
    name="given",
)


def names(world: World) -> list[str]:
    """Return the names of the active scenarios."""
    return [each.name for each in world.rules.scenarios]


def payments(world: World) -> list[tuple[str, int, Status, int]]:
    """Return the end of the id, amount, status and age in days of each payment."""
    found = (world.ledger.payments.get(number) for number in range(len(world.ledger.payments)))
    return [
        (each.id[-3:], each.amount, each.status, (NOON - each.created) // DAY) for each in found
    ]


def refused(world: World, *scenarios: Scenario) -> str | None:
    """Return why a world rejects these scenarios, and check that nothing changed."""
    before = json.dumps(snapshot(world))
    with pytest.raises(InvalidRequest) as caught:
        set_active(world, scenarios)
    assert json.dumps(snapshot(world)) == before
    return caught.value.details


def test_scenarios_are_activated_replaced_and_removed() -> None:
    """They are added one by one, removed one by one or all, or set as a list."""
    world = new_world()
    said = [names(world)]
    finish(activating(world, FAILS))
    finish(activating(world, PASSES))
    said.append(names(world))
    remove(world, "a")
    said.append(names(world))
    set_active(world, [PASSES, FAILS])
    said.append(names(world))
    remove(world, None)
    said.append(names(world))

    assert said == [[], ["a", "b"], ["b"], ["b", "a"], []]
    assert world.rules.scenarios == ()


def test_activating_an_active_scenario_again_is_rejected() -> None:
    """The error says how to end it."""
    world = new_world()
    finish(activating(world, FAILS))
    with pytest.raises(InvalidRequest) as caught:
        finish(activating(world, FAILS))

    assert caught.value.details == (
        "/: 'a' is already active; DELETE /_sandbox/scenarios/active?name=a ends it."
    )
    assert refused(world, PASSES, PASSES) == "/: expected each scenario once; 'b' is given twice."


def test_removing_an_inactive_scenario_is_rejected_with_the_active_ones() -> None:
    world = new_world()
    finish(activating(world, FAILS))
    with pytest.raises(InvalidRequest) as caught:
        remove(world, "x")

    assert caught.value.details == (
        "/name: expected an active scenario; active scenarios: a."
        " POST /_sandbox/scenarios/active activates one."
    )


def test_the_clock_of_a_scenario_freezes_the_world_also_after_a_reset() -> None:
    world = new_world(Wall(), frozen_at=None)
    set_active(world, [CLOCK])
    started = (show_instant(world.clock.now()), world.clock.mode)
    world.clock.reach(Instant(world.clock.now() + DAY))
    finish(resetting(world, [ResetScope.CLOCK]))

    assert started == ("2031-01-15T09:00:00Z", Mode.FROZEN)
    assert (show_instant(world.clock.now()), world.clock.mode) == started


def test_a_clock_given_with_the_world_overrides_the_clock_of_a_scenario() -> None:
    world = new_world()
    finish(setting_active(world, [CLOCK], is_clock_given=True))

    assert (world.clock.now(), names(world)) == (NOON, ["clock"])


def test_scenarios_with_different_clocks_are_rejected() -> None:
    """Equal clocks are accepted."""
    other = scenario_of("clock: 2032-01-15\nexpect: [{audit: clean}]", name="other")

    assert refused(new_world(), CLOCK, other) == (
        "/: expected a single clock; the scenarios start at 2031-01-15T09:00:00Z and"
        " 2032-01-15T00:00:00Z."
    )
    set_active(new_world(), [CLOCK, CLOCK._replace(name="same")])


@pytest.mark.parametrize(("scenario", "what"), [(CLOCK, "clock"), (GIVEN, "given")])
def test_a_scenario_with_a_clock_or_given_is_rejected_in_a_used_world(
    scenario: Scenario, what: str
) -> None:
    """A world counts as used after a payment or any request."""
    asked, paid = InProcessApi(new_world()), InProcessApi(new_world())
    asked.ask("list_payments")
    paid.ask("create_payment", documented_create())
    paid.world.journal.clear()

    for desk in (asked, paid):
        assert refused(desk.world, PASSES, scenario) == (
            f"/: expected an unused world, because '{scenario.name}' has '{what}';"
            " POST /_sandbox/worlds creates one and accepts scenarios."
        )
    set_active(asked.world, [PASSES])


def test_given_payments_have_their_dates_events_and_ids() -> None:
    """They are in chronological order."""
    world = new_world()
    set_active(world, [GIVEN])
    ledger = world.ledger
    events = [ledger.event(number) for number in range(ledger.events)]

    assert payments(world) == [
        (payments(world)[0][0], 5, "failed", 50),
        ("old", 1200, "completed", 40),
        (payments(world)[2][0], 9, "completed", 14),
        (payments(world)[3][0], 7, "pending", 0),
    ]
    assert [(each.type, (NOON - each.created) // DAY) for each in events] == [
        ("payment.failed", 50),
        ("payment.completed", 40),
        ("payment.completed", 14),
    ]
    assert ledger.number_of("pay_old") == 1
    assert ledger.payments.get(0).card.fingerprint == fingerprint("4000000000000002")
    assert (ledger.payments.get(0).description, ledger.payments.get(0).failure) == (
        "socks",
        "card_declined",
    )


def test_a_payment_with_a_given_id_can_be_retrieved_listed_and_refunded() -> None:
    """The id that would have been generated does not exist."""
    desk = InProcessApi(new_world())
    generated = desk.world.ledger.payments.id_of(1)
    set_active(desk.world, [GIVEN])
    desk.world.limiter.reset()
    retrieved = desk.ask("retrieve_payment", payment_id="pay_old")
    refund = desk.ask("create_refund", {"amount": 200}, payment_id="pay_old")
    page = desk.ask("list_payments", query="starting_after=pay_old&limit=1")

    assert (retrieved[0], retrieved[1]["id"], retrieved[1]["customer_id"]) == (
        200, "pay_old", "cust_ada",
    )  # fmt: skip
    assert (refund[0], refund[1]["payment_id"]) == (201, "pay_old")
    assert [each["amount"] for each in page[1]["data"]] == [5]
    assert desk.ask("retrieve_payment", payment_id=generated)[0] == 404


def test_a_given_rate_limit_applies_at_once_and_after_a_reset() -> None:
    world = new_world()
    set_active(world, [GIVEN])
    said = [(world.limiter.limit, world.limiter.remaining)]
    world.limiter.take(NOON)
    finish(resetting(world, [ResetScope.RATE_LIMIT]))
    said.append((world.limiter.limit, world.limiter.remaining))

    assert said == [(50, 3), (50, 3)]


def test_a_given_payment_in_the_future_is_rejected() -> None:
    """The clock of another scenario that is activated with it counts."""
    future = scenario_of(
        "given: {payments: [{amount: 5, currency: EUR, created: 2030-06-01}]}", name="future"
    )

    assert refused(new_world(), future) == (
        "/: expected past payments; one is created at 2030-06-01, after the world's current time."
    )
    set_active(new_world(), [CLOCK, future])


def test_two_scenarios_with_the_same_given_payment_id_are_rejected() -> None:
    """Each of them is valid on its own."""
    assert refused(new_world(), GIVEN, GIVEN._replace(name="again")) == (
        "/: expected each payment once; 'pay_old' is given twice."
    )


def test_the_date_of_a_given_payment_is_clamped_to_the_first_instant() -> None:
    old = scenario_of("given: {payments: [{amount: 5, currency: EUR, created: -40000d}]}")
    world = new_world()
    set_active(world, [old])

    assert world.ledger.payments.get(0).created == 0


def test_timed_rules_count_from_activation_and_end_with_their_scenario() -> None:
    world = new_world()
    set_active(world, [GIVEN])
    due = [(each.at - NOON, each.what) for each in world.upcoming(10)]
    remove(world, "given")

    assert due == [(3 * DAY, "rule given/mark")]
    assert world.upcoming(10) == []


def test_a_timed_rule_beyond_the_last_instant_is_never_due() -> None:
    """Time ends in the year 2999."""
    world = new_world()
    world.clock.reach(read_instant("2999-01-01"))
    set_active(world, [rules_of("- {at: 99999d, do: {rate_limit: {remaining: 0}}}")])

    assert world.upcoming(10) == []


def test_actions_planned_by_rules_end_with_their_scenario_but_settlements_stay() -> None:
    """The settlement that a step has planned for a payment stays."""
    desk = InProcessApi(new_world())
    set_active(
        desk.world,
        [
            rules_of("""
                - {request: create_payment,
                   do: [{settle: [{to: pending}, {to: completed, after: 1h}]}, pass]}
                - {event: payment.completed, after: 1d, do: {chargeback: {reason: fraudulent}}}
                """)
        ],
    )
    for _ in range(2):
        desk.ask("create_payment", documented_create())
    before = [each.what for each in desk.world.upcoming(10)]
    remove(desk.world, "scene")

    assert before == ["payment.completed", "chargeback.created"]
    assert [each.what for each in desk.world.upcoming(10)] == ["payment.completed"]


def test_a_timed_rule_at_0s_acts_on_activation() -> None:
    world = new_world()
    set_active(world, [rules_of("- {at: 0s, do: {rate_limit: {remaining: 0}}}")])

    assert world.limiter.remaining == 0


def test_a_reset_restarts_scenarios_with_given_payments_times_and_steps() -> None:
    """Times count from the reset, and steps from the first."""
    desk = InProcessApi(new_world())
    set_active(desk.world, [GIVEN, FAILS])
    fresh = snapshot(desk.world)
    desk.ask("create_payment", documented_create())
    desk.ask("create_payment", documented_create())
    desk.world.clock.reach(Instant(NOON + MINUTE))
    finish(resetting(desk.world, list(ResetScope)))

    assert snapshot(desk.world) == fresh | {"timeline": snapshot(desk.world)["timeline"]}
    assert [each.at - NOON for each in desk.world.upcoming(10)] == [3 * DAY]


def test_a_reset_of_webhooks_restores_only_the_given_endpoints() -> None:
    """An endpoint that was created by hand is gone."""
    world = new_world()
    given = scenario_of("given: {webhook_endpoints: [{url: 'inbox:orders'}]}")
    set_active(world, [given])
    webhooks = world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("inbox:others"))
    finish(resetting(world, [ResetScope.WEBHOOKS]))

    endpoints = world.open_webhooks().outbox.endpoints.values()
    assert [each.url for each in endpoints] == ["inbox:orders"]


def test_a_reset_of_rules_restarts_timed_rules_from_now() -> None:
    """The earlier due date is dropped, so the rule acts once."""
    world = new_world()
    set_active(world, [rules_of("- {at: 3d, do: {rate_limit: {remaining: 0}}}")])
    world.clock.reach(Instant(NOON + DAY))
    finish(resetting(world, [ResetScope.RULES]))

    assert [each.at - NOON for each in world.upcoming(10)] == [4 * DAY]


def test_a_reset_of_the_journal_leaves_scenarios_unchanged() -> None:
    """Planned actions and payments stay."""
    world = new_world()
    set_active(world, [GIVEN])
    before = snapshot(world)
    finish(resetting(world, [ResetScope.JOURNAL]))

    assert snapshot(world) == before


def test_a_restored_snapshot_continues_its_scenarios_identically() -> None:
    """The snapshot has rules, counters, times and given ids."""
    desk = InProcessApi(new_world())
    set_active(desk.world, [GIVEN, rules_of(
        """
        - {request: create_payment, chance: 0.5, per: customer, do: [pass, {drop: {commit: true}}],
           then: cycle}
        - {request: create_payment,
           do: [{settle: [{to: pending}, {to: failed, after_reads: 2}]}], then: repeat_last}
        """,
        seed=7,
    )])  # fmt: skip
    for _ in range(5):
        desk.ask("create_payment", documented_create())
    twin = desk.twin()

    assert snapshot(twin.world) == snapshot(desk.world)
    assert names(twin.world) == ["given", "scene"]
    for each in (desk, twin):
        for _ in range(5):
            each.ask("create_payment", documented_create())
        for number in range(len(each.world.ledger.payments)):
            each.ask("retrieve_payment", payment_id=each.world.ledger.payments.id_of(number))
        list(each.world.advance(Instant(NOON + 4 * DAY)))
    assert json.loads(json.dumps(snapshot(twin.world))) == json.loads(
        json.dumps(snapshot(desk.world))
    )


def test_a_snapshot_with_an_invalid_scenario_or_wrong_counters_is_rejected() -> None:
    world = new_world()
    set_active(world, [FAILS])
    kept = json.loads(json.dumps(snapshot(world)))
    changes: list[dict[str, object]] = [{"scenarios": [{"scenario": "x"}]}, {"tallies": []}]
    for change in changes:
        with pytest.raises(InvalidRequest, match="/rules: expected this part"):
            restored_world(kept | {"rules": kept["rules"] | change})


def test_generated_payments_are_spread_and_equal_for_equal_scenario_seeds() -> None:
    """The scenario's seed decides, not the world's."""
    scene = scenario_of("given: {generate: {payments: 300, customers: 12, over: 30d}}", seed=7)
    worlds = [new_world(seed=1), new_world(seed=2)]
    for world in worlds:
        set_active(world, [scene])
    ledger = worlds[0].ledger
    found = [ledger.payments.get(number) for number in range(300)]

    assert len({each.customer_id for each in found}) == 12
    assert len({each.amount for each in found}) > 20
    assert {each.currency for each in found} == {"USD", "EUR", "GBP"}
    assert 0 < sum(each.status is Status.FAILED for each in found) < 40
    assert all(NOON - 30 * DAY <= each.created <= NOON for each in found)
    assert [each.created for each in found] == sorted(each.created for each in found)
    assert [each.description for each in found] == [
        worlds[1].ledger.payments.get(number).description for number in range(300)
    ]


def test_without_a_scenario_seed_generated_payments_depend_on_the_world_seed() -> None:
    scene = scenario_of("given: {generate: {payments: 3}}")
    said = []
    for seed in (1, 2):
        world = new_world(seed=seed)
        set_active(world, [scene])
        said.append([world.ledger.payments.get(number).description for number in range(3)])

    assert said[0] != said[1]


def test_generated_customers_stay_distinct_in_large_numbers() -> None:
    """There are more customers than first names."""
    world = new_world()
    set_active(world, [scenario_of("given: {generate: {payments: 900, customers: 600}}", seed=7)])
    customers = {world.ledger.payments.get(number).customer_id for number in range(900)}

    assert len(customers) > 400
    assert all(each is not None and each.startswith("cust_") for each in customers)


def test_given_payments_trigger_no_rules() -> None:
    """Rules for events do not react to events of the past."""
    world = new_world()
    set_active(
        world,
        [
            GIVEN,
            rules_of("- {event: payment.*, after: 1h, do: {rate_limit: {remaining: 0}}}"),
        ],
    )
    list(world.advance(Instant(NOON + HOUR)))

    assert world.limiter.remaining == 3


def test_a_reloaded_scenario_keeps_its_place_and_starts_its_counters_again() -> None:
    """Other scenarios keep their counters; what the old version had planned is dropped."""
    first, last = (
        rules_of("- {request: list_payments, do: [{respond: {error: internal_error}}]}", name=name)
        for name in ("first", "last")
    )
    before, after = (
        rules_of(
            f"""\
            - {{at: {at}, do: {{rate_limit: {{remaining: 0}}}}}}
            - {{request: list_payments, do: [{{respond: {{error: rate_limit_exceeded}}}}]}}
            """,
            name="edited",
        )
        for at in ("1h", "2h")
    )
    world = new_world()
    set_active(world, [first, before, last])
    desk = InProcessApi(world)
    statuses = [desk.ask("list_payments")[0] for _ in range(2)]
    reload(world, after)
    statuses += [desk.ask("list_payments")[0] for _ in range(3)]

    assert statuses == [500, 429, 429, 500, 200]
    assert world.rules.scenarios == (first, after, last)
    assert [each.at - world.clock.now() for each in world.upcoming(5)] == [7_200_000]


def test_reloading_an_inactive_scenario_changes_nothing() -> None:
    world = new_world()
    reload(world, rules_of("- {at: 1h, do: {rate_limit: {remaining: 0}}}"))
    assert (world.rules.scenarios, list(world.upcoming(5))) == ((), [])


def test_an_invalid_given_card_number_raises() -> None:
    """The parser rejects it earlier; this covers values that are built in code."""
    scene = Scenario("x", {}, given=Given((GivenPayment(5, "EUR", card="1"),)))
    with pytest.raises(ValueError, match="not a valid card number"):
        set_active(new_world(), [scene])


MANY = scenario_of("given: {generate: {payments: 2000}}", name="many")


def test_generated_payments_appear_all_at_once() -> None:
    """They are generated in slices, between which the server can answer requests."""
    world = new_world()
    counts = [len(world.ledger.payments) for _ in setting_active(world, [MANY])]

    assert (len(counts) > 5, set(counts), len(world.ledger.payments)) == (True, {0}, 2_000)
    counts = [len(world.ledger.payments) for _ in resetting(world, list(ResetScope))]
    assert (len(counts) > 5, set(counts), len(world.ledger.payments)) == (True, {2_000}, 2_000)


def test_activation_is_rejected_if_the_world_is_used_while_payments_are_generated() -> None:
    """What happened in it meanwhile is kept."""
    world = new_world()
    steps = setting_active(world, [MANY])
    next(steps)
    world.make_event("payout.paid", {})
    with pytest.raises(InvalidRequest, match="unused world"):
        list(steps)

    assert (world.rules.scenarios, world.ledger.events) == ((), 1)


def test_a_reset_is_rejected_if_scenarios_change_meanwhile() -> None:
    """Payments generated for the old scenarios are not used for the new ones."""
    world = new_world()
    set_active(world, [MANY])
    steps = resetting(world, list(ResetScope))
    next(steps)
    remove(world, None)
    with pytest.raises(InvalidRequest, match="changed in the meantime") as caught:
        list(steps)

    assert caught.value.is_conflict
    assert len(world.ledger.payments) == 2_000


AT_ONCE = "- {name: now, at: 0s, when: {status: pending}, do: complete}"


def test_a_forbidden_given_endpoint_is_rejected_before_anything_is_created() -> None:
    world = new_world()
    blocked = scenario_of(
        """
        given:
          payments: [{amount: 5, currency: USD}]
          webhook_endpoints: [{url: "http://93.184.216.34/hooks"}]
        """,
        name="blocked",
    )
    with pytest.raises(InvalidRequest):
        set_active(world, [blocked])

    assert (names(world), payments(world), world.webhooks) == ([], [], None)


def test_rules_at_0s_act_on_activation_reload_and_reset() -> None:
    desk = InProcessApi(new_world())
    world, statuses = desk.world, []

    def pay() -> None:
        desk.ask("create_payment", documented_create(card_number="4000009900000038"))

    def look() -> None:
        statuses.append(world.ledger.payments.status(len(world.ledger.payments) - 1))

    pay()
    set_active(world, [rules_of(AT_ONCE)])
    look()
    pay()
    reload(world, rules_of(AT_ONCE))
    look()
    pay()
    finish(resetting(world, [ResetScope.RULES]))
    look()

    assert statuses == [Status.COMPLETED] * 3
