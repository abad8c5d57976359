"""The rule engine: which step answers a call, by order, counters, chance and `then`."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.rules.active_rule import COUNTERS_KEPT
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import Pass, Respond
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_search import SelectedStep
from tests.support.in_process import GivenFields, RuleEngineFixture, rules_of

MATCHES_KEPT = 1_000

FAILS = "respond: {error: internal_error}"


def test_a_call_without_a_matching_rule_gets_no_step() -> None:
    """Without a step, the call behaves normally."""
    engine = RuleEngineFixture(rules_of(f"- {{request: create_refund, do: [{{{FAILS}}}]}}"))

    assert engine.answer() is None


def test_a_selected_step_has_scenario_rule_and_position() -> None:
    """The journal and the headers of the answer show them."""
    engine = RuleEngineFixture(
        rules_of(f"- {{name: lost, request: create_payment, do: [pass, {{{FAILS}}}]}}")
    )

    assert [engine.selected(), engine.selected(), engine.selected()] == [
        SelectedStep("lost", 1, Step(Pass()), 0, "scene"),
        SelectedStep("lost", 2, Step(Respond("internal_error")), 0, "scene"),
        None,
    ]


def test_the_first_matching_rule_answers_until_its_steps_are_used_up() -> None:
    """After that, the next rule answers."""
    engine = RuleEngineFixture(
        rules_of(f"""
            - {{name: once, request: create_payment, do: [{{{FAILS}}}]}}
            - {{name: all, request: "*", do: [pass], then: repeat_last}}
            """)
    )

    assert [engine.answer(), engine.answer(), engine.answer("list_payments")] == [
        ("once", 1),
        ("all", 1),
        ("all", 1),
    ]


def test_scenarios_apply_in_the_order_of_activation() -> None:
    """Both have a rule with the same default name."""
    first = rules_of(f"- {{request: create_payment, do: [{{{FAILS}}}]}}", name="first")
    second = rules_of("- {request: create_payment, do: [pass]}", name="second")
    engine = RuleEngineFixture(first, second)
    said = [engine.selected(), engine.selected(), engine.selected()]

    assert [each and (each.scenario, each.rule) for each in said] == [
        ("first", "rule-1"),
        ("second", "rule-1"),
        None,
    ]


@pytest.mark.parametrize(
    ("then", "after"),
    [
        ("pass", [None, None, None]),
        ("repeat_last", [("r", 2)] * 3),
        ("cycle", [("r", 1), ("r", 1), ("r", 2)]),
        ("fail", [("r", 3)] * 3),
    ],
)
def test_then_decides_what_follows_the_last_step(
    then: str, after: list[tuple[str, int] | None]
) -> None:
    """The first step answers two calls, the second one."""
    engine = RuleEngineFixture(
        rules_of(f"""
            - name: r
              request: create_payment
              do: [{{{FAILS}, times: 2}}, pass]
              then: {then}
            """)
    )

    assert [engine.answer() for _ in range(6)] == [("r", 1), ("r", 1), ("r", 2), *after]


def test_then_fail_answers_internal_error_and_counts_as_failed() -> None:
    """It makes the report fail."""
    engine = RuleEngineFixture(
        rules_of("- {name: r, request: create_payment, do: [pass], then: fail}")
    )
    engine.answer()
    selected = engine.selected()
    [active_rule] = engine.rules.rule_set.all

    assert selected is not None
    assert selected.step == Step(
        Respond("internal_error", details="The rule r has no steps left (then: fail).")
    )
    assert (active_rule.matched, active_rule.fired, active_rule.failed) == (2, 2, 1)


@pytest.mark.parametrize(
    ("per", "key"), [("customer", "customer_id"), ("payment", "payment_id"), ("card", "card")]
)
def test_steps_are_counted_per_key_and_calls_without_a_key_share_one(per: str, key: str) -> None:
    """Calls with one key do not use the steps of another."""
    operation = "create_refund" if per == "payment" else "create_payment"
    engine = RuleEngineFixture(
        rules_of(f"- {{name: r, request: {operation}, per: {per}, do: [pass]}}")
    )
    one, two = "4242424242424242", "4111111111111111"
    calls = [{key: one}, {key: two}, {key: one}, {}, {}, {key: two}]

    assert [engine.answer(operation, **call) for call in calls] == [
        ("r", 1), ("r", 1), None, ("r", 1), None, None,
    ]  # fmt: skip


def test_steps_are_counted_per_world_by_default() -> None:
    engine = RuleEngineFixture(rules_of("- {name: r, request: create_payment, do: [pass]}"))

    assert [engine.answer(customer_id=each) for each in ("anna", "ben")] == [("r", 1), None]


def test_snapshots_of_counters_contain_no_card_numbers() -> None:
    """Not even if a customer id contains a card number."""
    card = "4242424242424242"
    engine = RuleEngineFixture(
        rules_of("""
            - {request: create_payment, per: card, do: [pass]}
            - {request: create_payment, per: customer, do: [pass]}
            """)
    )
    engine.answer(card=card)
    engine.answer(card=card, customer_id=f"cust {card}")

    assert card not in str(engine.rules.snapshot())
    assert len(engine.rules.snapshot()["counters"]) == 2  # type: ignore[arg-type]  # JSON


CALLS = f"""
- {{name: second, request: create_payment, when: {{call: 2}}, do: [{{{FAILS}}}]}}
- {{name: third, request: create_payment, when: {{call: 3}}, do: [{{{FAILS}}}]}}
- {{name: others, request: create_payment, do: [pass], then: repeat_last}}
"""


def test_the_call_number_includes_calls_answered_by_other_rules() -> None:
    """`call: 3` is the third call, not the third without an answer of another rule."""
    engine = RuleEngineFixture(rules_of(CALLS))

    assert [engine.answer() for _ in range(4)] == [
        ("others", 1), ("second", 1), ("third", 1), ("others", 1),
    ]  # fmt: skip


def test_the_call_number_counts_only_calls_that_match_the_other_conditions() -> None:
    engine = RuleEngineFixture(
        rules_of(f"""
            - {{name: r, request: create_payment, when: {{amount: 5, call: 2}}, do: [{{{FAILS}}}]}}
            """)
    )

    assert [engine.answer(amount=amount) for amount in (5, 1, 1, 5)] == [None, None, None, ("r", 1)]


def test_the_call_number_is_counted_per_key() -> None:
    """With `per: customer`, `call: 2` is the second call of each customer."""
    engine = RuleEngineFixture(
        rules_of(f"""
            - name: r
              request: create_payment
              when: {{call: 2}}
              per: customer
              do: [{{{FAILS}}}]
            """)
    )
    said = [engine.answer(customer_id=each) for each in ("anna", "ben", "anna", "ben", "anna")]

    assert said == [None, None, ("r", 1), ("r", 1), None]


def test_every_matches_each_nth_call() -> None:
    engine = RuleEngineFixture(
        rules_of(f"""
            - name: r
              request: create_payment
              when: {{call: {{every: 3}}}}
              do: [{{{FAILS}}}]
              then: repeat_last
            """)
    )
    said = [number for number in range(1, 10) if engine.answer()]

    assert said == [3, 6, 9]


NOISE = f"""
- name: noise
  request: create_payment
  per: customer
  chance: 0.2
  do: [{{{FAILS}}}]
  then: repeat_last
"""


def test_lost_draws_count_as_matched_and_use_no_step() -> None:
    """A rule with one step answers once, at the first draw that wins."""
    engine = RuleEngineFixture(rules_of(NOISE.replace("then: repeat_last", "then: pass"), seed=7))
    said = [engine.answer(customer_id="anna") for _ in range(100)]
    always = RuleEngineFixture(rules_of(NOISE, seed=7))
    first = [always.answer(customer_id="anna") for _ in range(100)].index(("noise", 1))

    assert [number for number, each in enumerate(said) if each] == [first]
    [active_rule] = engine.rules.rule_set.all
    assert active_rule.matched == 100


def decisions(order: list[int]) -> dict[tuple[int, int], bool]:
    """Return for each customer's nth call whether it fails, given the order of customers."""
    engine = RuleEngineFixture(rules_of(NOISE, seed=7))
    counts: dict[int, int] = {}
    found = {}
    for customer in order:
        counts[customer] = counts.get(customer, 0) + 1
        answer = engine.answer(customer_id=f"cust_{customer}")
        found[customer, counts[customer]] = answer is not None
    return found


def test_decisions_do_not_depend_on_interleaving() -> None:
    """400 decisions are the same for sequential and for interleaved customers."""
    one_by_one = [customer for customer in range(16) for _ in range(25)]
    in_turn = [customer for _ in range(25) for customer in range(16)]
    alone, together = decisions(one_by_one), decisions(in_turn)

    assert len(alone) == 400
    assert alone == together
    assert 0.1 < sum(alone.values()) / 400 < 0.3


@given(st.permutations([customer for customer in range(4) for _ in range(5)]))
def test_draws_do_not_depend_on_the_order_of_calls(order: list[int]) -> None:
    assert decisions(order) == decisions(sorted(order))


def test_draws_use_the_scenario_seed_and_ignore_the_world_seed() -> None:
    """Another scenario seed gives other draws."""
    text = NOISE.replace("  chance: 0.2\n", "  chance: 0.5\n")

    def sample_delay(seed: int | None, world: int) -> list[bool]:
        engine = RuleEngineFixture(rules_of(text, seed=seed), seed=world)
        return [engine.answer() is not None for _ in range(50)]

    assert sample_delay(7, world=1) == sample_delay(7, world=2)
    assert sample_delay(7, world=1) != sample_delay(8, world=1)


def test_sampled_delays_are_the_same_in_every_run() -> None:
    """They differ from call to call."""
    scene = rules_of(
        """
        - request: create_payment
          do: [{delay: {uniform: [100ms, 2s]}}]
          then: repeat_last
        """,
        seed=7,
    )
    one, two = RuleEngineFixture(scene), RuleEngineFixture(scene)
    delays = [[each.selected() for _ in range(20)] for each in (one, two)]
    shown = [[selected.delay for selected in each if selected is not None] for each in delays]

    assert shown[0] == shown[1]
    assert len(set(shown[0])) > 10
    assert all(100 <= delay <= 2_000 for delay in shown[0])


def test_a_selected_settle_step_has_its_settlement() -> None:
    engine = RuleEngineFixture(
        rules_of("""
            - request: create_payment
              do: [{settle: [{to: pending}, {to: completed, after: 2h}]}]
            """)
    )
    selected = engine.selected()

    assert selected is not None
    assert isinstance(selected.step.outcome, Settle)
    [turn] = selected.step.outcome.turns
    assert (turn.to, turn.after, turn.reads) == ("completed", 7_200_000, None)


REASONS = f"""
- {{name: big, request: create_payment, when: {{amount: {{gte: 5000}}}}, do: [{{{FAILS}}}]}}
- {{name: eur, request: create_payment, when: {{currency: [EUR, GBP]}}, do: [{{{FAILS}}}]}}
- {{name: told, request: create_payment, when: {{description: {{exists: false}}}}, do: [pass]}}
- {{name: paid, request: create_payment, when: {{card: declined}}, do: [pass]}}
- {{name: hush, request: create_payment, when: {{header.Authorization: x}}, do: [pass]}}
- {{name: other, request: create_refund, do: [pass]}}
- {{name: late, request: create_payment, when: {{call: {{gte: 9}}}}, do: [pass]}}
- {{name: noise, request: create_payment, chance: 0.000001, do: [pass]}}
- {{name: who, request: create_payment, when: {{customer_id: anna}}, do: [pass]}}
- {{name: used, request: create_payment, do: [pass]}}
- {{name: last, request: create_payment, do: [{{times: 100}}]}}
- {{name: after, request: create_payment, when: {{amount: {{gt: 1}}}}, do: [pass]}}
"""
FACTS: dict[str, Any] = {
    "amount": 4200,
    "currency": "USD",
    "description": "socks",
    "card": "4242424242424242",
    "header.authorization": "Bearer sk_test_secret",
}


def test_each_rule_explains_why_it_did_not_answer() -> None:
    """The explanations name its conditions."""
    engine = RuleEngineFixture(rules_of(REASONS, seed=7))
    engine.answer(**FACTS)
    said = engine.why_not(**FACTS)

    assert re.fullmatch(r"noise: draw 0\.\d\d ≥ chance 1e-06", said[7])
    assert [*said[:7], *said[8:]] == [
        "big: amount 4200 is not gte 5000",
        "eur: currency USD is not one of EUR, GBP",
        "told: description is present",
        "paid: card ************4242 is not declined",
        "hush: header.authorization does not match",
        "other: it is for create_refund",
        "late: call 2 is not gte 9",
        "who: customer_id is missing",
        "used: its steps are used up after 1 answer",
        "after: 'last' answered before it",
    ]


def test_explanations_contain_no_card_numbers() -> None:
    """This holds for every field that may contain one."""
    card = "4242424242424242"
    facts: dict[str, Any] = {"card": card, "description": f"paid with {card}", "amount": [card]}
    engine = RuleEngineFixture(rules_of(REASONS, seed=7))

    assert card not in str(engine.why_not(**facts))


def test_at_most_a_hundred_rules_are_explained() -> None:
    text = "\n".join(
        f"- {{request: create_payment, when: {{amount: {n}}}, do: [pass]}}" for n in range(1, 151)
    )

    assert len(RuleEngineFixture(rules_of(text)).why_not(amount=200)) == 100


class Counting(GivenFields):
    """Fields that count how often they are read."""

    looks = 0

    def get(self, name: str, /) -> object:
        """Return the value of a field."""
        self.looks += 1
        return super().get(name)


def test_a_field_is_read_once_for_any_number_of_rules() -> None:
    """Reading a field may require looking up a payment."""
    text = "\n".join(
        f"- {{request: create_payment, when: {{amount: {amount}}}, do: [pass]}}"
        for amount in range(1, 101)
    )
    values = Counting({"amount": 50})
    selected = RuleEngineFixture(rules_of(text)).rules.decide("create_payment", values).selected

    assert selected is not None
    assert selected.rule == "rule-50"
    assert values.looks == 1


def test_rules_with_bounds_answer_in_order() -> None:
    """Values at the bound are included; a text matches no bound."""
    engine = RuleEngineFixture(
        rules_of("""
            - {name: more, request: create_payment, when: {amount: {gte: 5}}, do: [pass]}
            - {name: less, request: create_payment, when: {amount: {lte: 7}}, do: [pass]}
            - {name: most, request: create_payment, when: {amount: {gt: 1}}, do: [pass]}
            """)
    )

    assert engine.answer(amount="6") is None
    assert [engine.answer(amount=amount) for amount in (7, 7, 7, 7, 5)] == [
        ("more", 1), ("less", 1), ("most", 1), None, None,
    ]  # fmt: skip


def test_used_up_rules_are_still_explained() -> None:
    text = "\n".join(
        f"- {{request: create_payment, when: {{{when}}}, do: [pass]}}"
        for _ in range(50)
        for when in ("", "amount: 5", "amount: {gte: 5}", "currency: {ne: EUR}")
    ).replace("when: {}, ", "")
    engine = RuleEngineFixture(rules_of(text))
    for _ in range(200):
        assert engine.answer(amount=5) is not None
    selected, explanations = engine.decide(amount=5)

    assert selected is None
    assert [why for _, _, why in explanations] == ["its steps are used up after 1 answer"] * 100
    assert [scenario for scenario, _, _ in explanations] == ["scene"] * 100


def test_calls_after_the_last_step_of_a_rule_are_not_in_its_tally() -> None:
    """A rule that counts per world leaves later calls to the next rule: the report shows 2 of 2."""
    engine = RuleEngineFixture(rules_of("- {request: create_payment, do: [pass, pass]}"))
    found = []
    for _ in range(4):
        engine.answer()
        found.append(engine.rules.rule_set.requests[0].tally()[:2])

    assert found == [(1, 1), (2, 2), (2, 2), (2, 2)]


def test_a_used_up_rule_stays_so_for_any_number_of_keys_of_other_rules() -> None:
    """Its tally is kept, although counters of calls may be dropped."""
    engine = RuleEngineFixture(
        rules_of("""
            - {name: once, request: create_payment, do: [pass]}
            - {name: each, request: create_payment, per: customer, do: [pass]}
            """)
    )
    first = engine.answer(customer_id="first")
    others = {engine.answer(customer_id=f"c{number}") for number in range(COUNTERS_KEPT + 1)}

    assert (first, others) == (("once", 1), {("each", 1)})


def test_later_rules_count_the_last_answer_of_an_earlier_rule() -> None:
    """They count every call that another rule answers."""
    engine = RuleEngineFixture(
        rules_of("""
            - {name: once, request: create_payment, do: [pass]}
            - {name: second, request: create_payment, when: {call: 2}, do: [pass]}
            """)
    )

    assert [engine.answer() for _ in range(3)] == [("once", 1), ("second", 1), None]


def test_a_used_up_rule_stays_so_with_other_scenarios_and_in_snapshots() -> None:
    one = rules_of("- {request: create_payment, do: [pass]}", name="one")
    other = rules_of("- {request: create_refund, do: [pass]}", name="other")
    engine = RuleEngineFixture(one)
    engine.answer()
    engine.rules.set_scenarios([other, one])
    twin = engine.twin()

    assert [engine.answer(), twin.answer()] == [None, None]
    assert twin.rules.snapshot() == engine.rules.snapshot()
    engine.rules.reset()
    assert engine.answer() == ("rule-1", 1)


LISTS = """
- {name: one, request: create_payment, when: {amount: [1, 2], currency: USD}, do: [pass]}
- {name: any, request: create_payment, when: {amount: {gt: 0}}, do: [{times: 100}]}
- {name: two, request: create_payment, when: {customer_id: anna, amount: 2}, do: [pass]}
"""


def test_indexed_and_other_rules_answer_in_order() -> None:
    """Rules with equality conditions are indexed, others are not."""
    engine = RuleEngineFixture(rules_of(LISTS))
    facts = {"currency": "USD", "customer_id": "anna"}

    assert [engine.answer(amount=amount, **facts) for amount in (2, 2, 2)] == [
        ("one", 1),
        ("any", 1),
        ("any", 1),
    ]


def test_a_value_of_another_type_matches_no_rule() -> None:
    """A body may have a list or a boolean as amount."""
    engine = RuleEngineFixture(
        rules_of("- {request: create_payment, when: {amount: 1}, do: [pass]}")
    )

    values: list[object] = [[1], {}, True, None, "1"]

    assert [engine.answer(amount=each) for each in values] == [None] * 5


@given(
    st.lists(st.sampled_from(["anna", "ben", None]), max_size=12),
    st.integers(0, 12),
    st.sampled_from(["pass", "repeat_last", "cycle", "fail"]),
)
def test_a_restored_engine_continues_where_it_was(
    callers: list[str | None], cut: int, then: str
) -> None:
    """Steps, call numbers, draws and tallies are restored."""
    engine = RuleEngineFixture(
        rules_of(
            f"""
            - {{request: create_payment, when: {{call: {{every: 2}}}}, chance: 0.5,
               per: customer, do: [pass, {{{FAILS}}}], then: {then}}}
            - {{request: create_payment, do: [pass, {{{FAILS}}}]}}
            """,
            seed=7,
        )
    )
    for customer in callers[:cut]:
        engine.answer(customer_id=customer)
    twin = engine.twin()
    rest = callers[cut:]

    assert [twin.answer(customer_id=each) for each in rest] == [
        engine.answer(customer_id=each) for each in rest
    ]
    assert twin.rules.snapshot() == engine.rules.snapshot()


def test_a_reset_restarts_every_rule() -> None:
    engine = RuleEngineFixture(rules_of("- {name: r, request: create_payment, do: [pass]}"))
    engine.answer()
    engine.rules.reset()

    assert engine.rules.snapshot() == RuleEngineFixture(*engine.rules.scenarios).rules.snapshot()
    assert engine.answer() == ("r", 1)


def test_remaining_scenarios_keep_their_counters_when_others_change() -> None:
    one, two, three = (
        rules_of("- {request: create_payment, do: [pass]}", name=name)
        for name in ("one", "two", "three")
    )
    engine = RuleEngineFixture(one, two)
    engine.answer()
    engine.rules.set_scenarios([three, one])
    said = [engine.selected(), engine.selected()]
    engine.rules.set_scenarios([one, two])

    assert [each and each.scenario for each in said] == ["three", None]
    assert [each and each.scenario for each in (engine.selected(), engine.selected())] == [
        "two",
        None,
    ]
    assert [active_rule.fired for active_rule in engine.rules.rule_set.all] == [1, 1]


def test_a_scenario_that_is_removed_and_activated_again_counts_its_keys_from_the_start() -> None:
    per_customer = rules_of(
        "- {request: create_payment, per: customer, do: [pass]}", name="per-customer"
    )
    engine = RuleEngineFixture(per_customer)
    answers = [engine.answer(customer_id="cust_a") for _ in range(2)]
    engine.rules.set_scenarios([])
    engine.rules.set_scenarios([per_customer])
    answers += [engine.answer(customer_id="cust_a") for _ in range(2)]

    assert [each is not None for each in answers] == [True, False, True, False]


def test_cards_named_by_rules_are_known_by_fingerprint() -> None:
    """Only cards in equality conditions have a known fingerprint."""
    engine = RuleEngineFixture(
        rules_of("""
            - {request: create_payment, when: {card: declined}, do: [pass]}
            - {request: create_payment, when: {card: {not_in: [4242424242424242]}}, do: [pass]}
            - {request: create_payment, when: {card: {prefix: "41"}}, do: [pass]}
            """)
    )
    numbers = ["4000000000000002", "4242424242424242", "4111111111111111"]

    assert [fingerprint(number) in engine.rules.named_cards for number in numbers] == [
        True,
        True,
        False,
    ]
    assert engine.rules.number_of(fingerprint(numbers[0])) == numbers[0]
    assert engine.rules.number_of(fingerprint(numbers[2])) is None


def test_an_explanation_with_masked_values_says_that_they_are_masked() -> None:
    """Otherwise two different cards with the same mask would seem to match."""
    card = "4242424242424242"
    engine = RuleEngineFixture(rules_of(f"""
        - {{name: r, request: create_payment, when: {{card: {{ne: {card}}}}}, do: [pass]}}
        """))  # fmt: skip

    assert engine.why_not(card=card) == ["r: a value that is masked here does not match"]


def test_a_lost_draw_is_never_rounded_below_its_chance() -> None:
    """It has two digits, or as many as needed to show that it lost."""
    engine = RuleEngineFixture(
        rules_of(
            "- {name: r, request: create_payment, chance: 0.1234, do: [pass], then: cycle}", seed=7
        )
    )
    lost = [each for each in (engine.why_not() for _ in range(40)) if each]
    assert lost
    assert all(float(each[0].split()[2]) >= 0.1234 for each in lost)


def test_equal_values_of_different_types_are_distinguished() -> None:
    """Python treats 1 and True as equal; a condition must not."""
    engine = RuleEngineFixture(
        rules_of("""
            - {request: create_payment, when: {amount: 1}, do: [pass], then: repeat_last}
            """)
    )
    values: list[object] = [1, True, 1, [1], "1", True]

    assert [engine.answer(amount=each) is not None for each in values] == [
        True, False, True, False, False, False,
    ]  # fmt: skip


def test_the_cache_of_matches_is_bounded_and_does_not_change_answers() -> None:
    engine = RuleEngineFixture(
        rules_of("""
            - {request: create_payment, when: {amount: {gte: 5}}, do: [pass], then: repeat_last}
            """)
    )
    said = [engine.answer(amount=amount) is not None for amount in range(MATCHES_KEPT)]
    assert len(engine.rules._matches) == MATCHES_KEPT  # noqa: SLF001 - its size is tested
    said += [engine.answer(amount=MATCHES_KEPT + each) is not None for each in range(10)]
    assert len(engine.rules._matches) == 10  # noqa: SLF001 - as above

    assert said == [amount >= 5 for amount in range(MATCHES_KEPT + 10)]
    assert engine.answer(amount=7) is not None


def test_a_timed_rule_acts_on_payments_that_match_its_condition() -> None:
    """A rule of a scenario that is not active is unknown."""
    engine = RuleEngineFixture(
        rules_of("- {name: late, at: 1h, when: {status: pending}, do: complete}")
    )
    rules, name = engine.rules, "scene/late"

    assert rules.count_and_draw(name, GivenFields({"status": "pending"}))
    assert not rules.count_and_draw(name, GivenFields({"status": "failed"}))
    assert rules.timed_rule(name) is not None
    assert rules.timed_rule("other/late") is None


def test_the_counter_key_of_a_card_is_the_same_in_every_version() -> None:
    """A snapshot may be restored in another version, where counters and draws must continue."""
    engine = RuleEngineFixture(rules_of("- {request: create_payment, per: card, do: [pass]}"))
    engine.answer(card="4242424242424242")

    assert "0502f9a4f00be402" in str(engine.rules.snapshot()["counters"])


def test_explanations_mask_card_fields_and_keep_other_digits() -> None:
    """A short number in a card field is masked completely."""
    engine = RuleEngineFixture(
        rules_of("""
            - {request: create_payment, when: {customer_id: ada}, do: [pass]}
            - {request: create_payment, when: {card: "4242424242424242"}, do: [pass]}
            """)
    )
    _, explanations = engine.decide(customer_id="cust_12", card="411111")

    assert [why for _, _, why in explanations] == [
        "customer_id cust_12 is not ada", "card ****** is not visa_2",
    ]  # fmt: skip
