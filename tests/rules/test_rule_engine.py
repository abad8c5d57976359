"""Holds a play to who answers a call: order, counters, chance, and what comes after the steps."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.rules.model import Pass, Respond, Settle, Step, StepsExhausted
from payments_sandbox.rules.selected_step import SelectedStep
from tests.support.scenes import Known, Stage, rules_of

FAILS = "respond: {error: internal_error}"


def test_a_call_that_no_rule_is_about_behaves_normally() -> None:
    """A scenario is an overlay."""
    stage = Stage(rules_of(f"- {{request: create_refund, do: [{{{FAILS}}}]}}"))

    assert stage.answer() is None


def test_a_verdict_names_scenario_rule_and_step() -> None:
    """The journal and the headers of the answer repeat it."""
    stage = Stage(rules_of(f"- {{name: lost, request: create_payment, do: [pass, {{{FAILS}}}]}}"))

    assert [stage.selected(), stage.selected(), stage.selected()] == [
        SelectedStep("lost", 1, Step(Pass()), 0, "scene"),
        SelectedStep("lost", 2, Step(Respond("internal_error")), 0, "scene"),
        None,
    ]


def test_the_first_rule_of_the_file_answers() -> None:
    """A rule that is used up lets the next one try."""
    stage = Stage(
        rules_of(f"""
            - {{name: once, request: create_payment, do: [{{{FAILS}}}]}}
            - {{name: all, request: "*", do: [pass], then: repeat_last}}
            """)
    )

    assert [stage.answer(), stage.answer(), stage.answer("list_payments")] == [
        ("once", 1),
        ("all", 1),
        ("all", 1),
    ]


def test_scenarios_apply_in_the_order_of_activation() -> None:
    """Each with its own rule-1."""
    first = rules_of(f"- {{request: create_payment, do: [{{{FAILS}}}]}}", name="first")
    second = rules_of("- {request: create_payment, do: [pass]}", name="second")
    stage = Stage(first, second)
    said = [stage.selected(), stage.selected(), stage.selected()]

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
def test_what_comes_after_the_last_step(then: str, after: list[tuple[str, int] | None]) -> None:
    """Two calls of the first step, one of the second, and then."""
    stage = Stage(
        rules_of(f"""
            - name: r
              request: create_payment
              do: [{{{FAILS}, times: 2}}, pass]
              then: {then}
            """)
    )

    assert [stage.answer() for _ in range(6)] == [("r", 1), ("r", 1), ("r", 2), *after]


def test_a_rule_that_fails_is_counted_as_failed() -> None:
    """The report fails by it."""
    stage = Stage(rules_of("- {name: r, request: create_payment, do: [pass], then: fail}"))
    stage.answer()
    selected = stage.selected()
    [active_rule] = stage.play.rule_set.all

    assert selected is not None
    assert selected.step.outcome == StepsExhausted()
    assert (active_rule.matched, active_rule.fired, active_rule.failed) == (2, 2, 1)


@pytest.mark.parametrize(
    ("per", "key"), [("customer", "customer_id"), ("payment", "payment_id"), ("card", "card")]
)
def test_steps_are_counted_per_key(per: str, key: str) -> None:
    """One's calls do not use up another's; those of nobody are counted together."""
    operation = "create_refund" if per == "payment" else "create_payment"
    stage = Stage(rules_of(f"- {{name: r, request: {operation}, per: {per}, do: [pass]}}"))
    one, two = "4242424242424242", "4111111111111111"
    calls = [{key: one}, {key: two}, {key: one}, {}, {}, {key: two}]

    assert [stage.answer(operation, **call) for call in calls] == [
        ("r", 1), ("r", 1), None, ("r", 1), None, None,
    ]  # fmt: skip


def test_steps_are_counted_for_the_world() -> None:
    """Unless told otherwise."""
    stage = Stage(rules_of("- {name: r, request: create_payment, do: [pass]}"))

    assert [stage.answer(customer_id=each) for each in ("anna", "ben")] == [("r", 1), None]


def test_a_counted_card_is_hashed_and_never_kept() -> None:
    """Nor is a card number that somebody has put into a customer's id."""
    card = "4242424242424242"
    stage = Stage(
        rules_of("""
            - {request: create_payment, per: card, do: [pass]}
            - {request: create_payment, per: customer, do: [pass]}
            """)
    )
    stage.answer(card=card)
    stage.answer(card=card, customer_id=f"cust {card}")

    assert card not in str(stage.play.snapshot())
    assert len(stage.play.snapshot()["counters"]) == 2  # type: ignore[arg-type]  # JSON


CALLS = f"""
- {{name: second, request: create_payment, when: {{call: 2}}, do: [{{{FAILS}}}]}}
- {{name: third, request: create_payment, when: {{call: 3}}, do: [{{{FAILS}}}]}}
- {{name: others, request: create_payment, do: [pass], then: repeat_last}}
"""


def test_the_call_number_counts_whichever_rule_answers() -> None:
    """`call: 3` is the third call, not the third that no other rule has answered."""
    stage = Stage(rules_of(CALLS))

    assert [stage.answer() for _ in range(4)] == [
        ("others", 1), ("second", 1), ("third", 1), ("others", 1),
    ]  # fmt: skip


def test_the_call_number_counts_the_calls_that_meet_the_other_matchers() -> None:
    """And no others."""
    stage = Stage(
        rules_of(f"""
            - {{name: r, request: create_payment, when: {{amount: 5, call: 2}}, do: [{{{FAILS}}}]}}
            """)
    )

    assert [stage.answer(amount=amount) for amount in (5, 1, 1, 5)] == [None, None, None, ("r", 1)]


def test_the_call_number_is_counted_per_key() -> None:
    """Each customer's second call."""
    stage = Stage(
        rules_of(f"""
            - name: r
              request: create_payment
              when: {{call: 2}}
              per: customer
              do: [{{{FAILS}}}]
            """)
    )
    said = [stage.answer(customer_id=each) for each in ("anna", "ben", "anna", "ben", "anna")]

    assert said == [None, None, ("r", 1), ("r", 1), None]


def test_every_nth_call() -> None:
    """Until the steps are used up."""
    stage = Stage(
        rules_of(f"""
            - name: r
              request: create_payment
              when: {{call: {{every: 3}}}}
              do: [{{{FAILS}}}]
              then: repeat_last
            """)
    )
    said = [number for number in range(1, 10) if stage.answer()]

    assert said == [3, 6, 9]


NOISE = f"""
- name: noise
  request: create_payment
  per: customer
  chance: 0.2
  do: [{{{FAILS}}}]
  then: repeat_last
"""


def test_lost_draws_are_counted_and_use_up_no_step() -> None:
    """A rule of one step answers once, at the first draw that it wins."""
    stage = Stage(rules_of(NOISE.replace("then: repeat_last", "then: pass"), seed=7))
    said = [stage.answer(customer_id="anna") for _ in range(100)]
    always = Stage(rules_of(NOISE, seed=7))
    first = [always.answer(customer_id="anna") for _ in range(100)].index(("noise", 1))

    assert [number for number, each in enumerate(said) if each] == [first]
    [active_rule] = stage.play.rule_set.all
    assert active_rule.matched == 100


def decisions(order: list[int]) -> dict[tuple[int, int], bool]:
    """Whether each customer's nth call fails, when customers call in this order."""
    stage = Stage(rules_of(NOISE, seed=7))
    counts: dict[int, int] = {}
    found = {}
    for customer in order:
        counts[customer] = counts.get(customer, 0) + 1
        answer = stage.answer(customer_id=f"cust_{customer}")
        found[customer, counts[customer]] = answer is not None
    return found


def test_decisions_do_not_depend_on_interleaving() -> None:
    """400 of them with one client after the other, and with sixteen at once: all the same."""
    one_by_one = [customer for customer in range(16) for _ in range(25)]
    in_turn = [customer for _ in range(25) for customer in range(16)]
    alone, together = decisions(one_by_one), decisions(in_turn)

    assert len(alone) == 400
    assert alone == together
    assert 0.1 < sum(alone.values()) / 400 < 0.3


@given(st.permutations([customer for customer in range(4) for _ in range(5)]))
def test_no_order_of_arrival_moves_a_draw(order: list[int]) -> None:
    """Whatever it is."""
    assert decisions(order) == decisions(sorted(order))


def test_another_seed_draws_otherwise() -> None:
    """The scenario's, or where it has none the world's."""
    text = NOISE.replace("  chance: 0.2\n", "  chance: 0.5\n")

    def sample_delay(seed: int | None, world: int) -> list[bool]:
        stage = Stage(rules_of(text, seed=seed), seed=world)
        return [stage.answer() is not None for _ in range(50)]

    assert sample_delay(7, world=1) == sample_delay(7, world=2)
    assert sample_delay(7, world=1) != sample_delay(8, world=1)


def test_a_drawn_delay_is_the_same_in_every_run() -> None:
    """And differs from call to call."""
    scene = rules_of(
        """
        - request: create_payment
          do: [{delay: {uniform: [100ms, 2s]}}]
          then: repeat_last
        """,
        seed=7,
    )
    one, two = Stage(scene), Stage(scene)
    delays = [[each.selected() for _ in range(20)] for each in (one, two)]
    shown = [[selected.delay for selected in each if selected is not None] for each in delays]

    assert shown[0] == shown[1]
    assert len(set(shown[0])) > 10
    assert all(100 <= delay <= 2_000 for delay in shown[0])


def test_a_settlement_is_read_from_entry_to_entry() -> None:
    """Each `after` counts from the one before."""
    stage = Stage(
        rules_of("""
            - request: create_payment
              do: [{settle: [{to: pending}, {to: completed, after: 2h}]}]
            """)
    )
    selected = stage.selected()

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


def test_each_rule_says_why_it_did_not_answer() -> None:
    """In the words of its own conditions."""
    stage = Stage(rules_of(REASONS, seed=7))
    stage.answer(**FACTS)
    said = stage.why_not(**FACTS)

    assert re.fullmatch(r"noise: draw 0\.\d\d ≥ chance 1e-06", said[7])
    assert [*said[:7], *said[8:]] == [
        "big: amount 4200 is not gte 5000",
        "eur: currency USD is not one of EUR, GBP",
        "told: description is there",
        "paid: card ************4242 is not declined",
        "hush: header.authorization … is not another",
        "other: it is about create_refund",
        "late: call 2 is not gte 9",
        "who: customer_id is not there",
        "used: its steps are used up after 1 answer",
        "after: 'last' answered before it",
    ]


def test_what_is_kept_to_explain_holds_no_card_number() -> None:
    """Wherever it stood."""
    card = "4242424242424242"
    facts: dict[str, Any] = {"card": card, "description": f"paid with {card}", "amount": [card]}
    stage = Stage(rules_of(REASONS, seed=7))

    assert card not in str(stage.why_not(**facts))


def test_at_most_a_hundred_rules_are_explained() -> None:
    """A thousand reasons help nobody."""
    text = "\n".join(
        f"- {{request: create_payment, when: {{amount: {n}}}, do: [pass]}}" for n in range(1, 151)
    )

    assert len(Stage(rules_of(text)).why_not(amount=200)) == 100


class Counting(Known):
    """Fields that count how often they are looked at."""

    looks = 0

    def get(self, field: str) -> object:
        """The value of a field."""
        self.looks += 1
        return super().get(field)


@pytest.mark.parametrize("rules", [10, 1_000])
def test_a_call_looks_at_its_own_rules_only(rules: int) -> None:
    """A thousand rules for other amounts, customers and cards cost a call nothing."""
    text = "\n".join(
        f"- {{request: create_payment, when: {{{field}: {value}}}, do: [pass]}}"
        for number in range(rules // 2)
        for field, value in (("amount", number + 1), ("customer_id", f"cust_{number}"))
    )
    facts = Counting({"amount": 1, "customer_id": "cust_1"})
    selected = Stage(rules_of(text)).play.decide("create_payment", facts)[0]

    assert selected is not None
    assert selected.rule == "rule-1"
    assert facts.looks < 10


@pytest.mark.parametrize("bound", ["{gte: 5000}", "{gt: 5000, lt: 9000}", "{lt: 4}", "{lte: 4}"])
def test_a_call_looks_at_no_rule_beyond_its_bounds(bound: str) -> None:
    """A thousand rules for larger or smaller amounts cost it nothing."""
    text = "\n".join(
        f"- {{request: create_payment, when: {{amount: {bound}}}, do: [pass]}}" for _ in range(100)
    )
    stage = Stage(rules_of(text))
    facts = Counting({"amount": 5000 if "5000" not in bound else 4})

    assert stage.play.decide("create_payment", facts)[0] is None
    assert facts.looks < 5


def test_rules_found_by_their_bounds_stay_in_order() -> None:
    """At the bound and beyond it; what is no number is within none."""
    stage = Stage(
        rules_of("""
            - {name: more, request: create_payment, when: {amount: {gte: 5}}, do: [pass]}
            - {name: less, request: create_payment, when: {amount: {lte: 7}}, do: [pass]}
            - {name: most, request: create_payment, when: {amount: {gt: 1}}, do: [pass]}
            """)
    )

    assert stage.answer(amount="6") is None
    assert [stage.answer(amount=amount) for amount in (7, 7, 7, 7, 5)] == [
        ("more", 1), ("less", 1), ("most", 1), None, None,
    ]  # fmt: skip


def test_a_rule_that_is_used_up_for_good_is_not_looked_at_any_more() -> None:
    """However many there are; it says so all the same."""
    text = "\n".join(
        f"- {{request: create_payment, when: {{{when}}}, do: [pass]}}"
        for _ in range(50)
        for when in ("", "amount: 5", "amount: {gte: 5}", "currency: {ne: EUR}")
    ).replace("when: {}, ", "")
    stage = Stage(rules_of(text))
    for _ in range(200):
        assert stage.answer(amount=5) is not None
    facts = Counting({"amount": 5})
    selected, considered = stage.play.decide("create_payment", facts)

    assert selected is None
    assert facts.looks < 10
    assert [why for _, _, why in considered] == ["its steps are used up after 1 answer"] * 100


def test_the_last_answer_of_a_rule_is_a_call_to_those_after_it() -> None:
    """They count it, as they count every call that another rule answers."""
    stage = Stage(
        rules_of("""
            - {name: once, request: create_payment, do: [pass]}
            - {name: second, request: create_payment, when: {call: 2}, do: [pass]}
            """)
    )

    assert [stage.answer() for _ in range(3)] == [("once", 1), ("second", 1), None]


def test_a_rule_that_is_used_up_stays_so_beside_others_and_in_a_snapshot() -> None:
    """Until everything is reset."""
    one = rules_of("- {request: create_payment, do: [pass]}", name="one")
    other = rules_of("- {request: create_refund, do: [pass]}", name="other")
    stage = Stage(one)
    stage.answer()
    stage.play = stage.play.changed([other, one])
    twin = stage.twin()

    assert [stage.answer(), twin.answer()] == [None, None]
    assert twin.play.snapshot() == stage.play.snapshot()
    stage.play.reset()
    assert stage.answer() == ("rule-1", 1)


def test_a_rule_that_is_used_up_and_none_is_refused() -> None:
    """A snapshot may say anything."""
    stage = Stage(rules_of("- {request: create_payment, do: [pass]}"))
    with pytest.raises(ValueError, match="is none"):
        stage.play.restore({}, [stage.play.rule_set.all[0].tally()], [[1, 1]])


LISTS = """
- {name: one, request: create_payment, when: {amount: [1, 2], currency: USD}, do: [pass]}
- {name: any, request: create_payment, when: {amount: {gt: 0}}, do: [{times: 100}]}
- {name: two, request: create_payment, when: {customer_id: anna, amount: 2}, do: [pass]}
"""


def test_rules_found_by_their_values_stay_in_order() -> None:
    """Those with an equality and those without."""
    stage = Stage(rules_of(LISTS))
    facts = {"currency": "USD", "customer_id": "anna"}

    assert [stage.answer(amount=amount, **facts) for amount in (2, 2, 2)] == [
        ("one", 1),
        ("any", 1),
        ("any", 1),
    ]


def test_what_cannot_be_a_value_finds_no_rule() -> None:
    """A body may have a list where an amount belongs, or true."""
    stage = Stage(rules_of("- {request: create_payment, when: {amount: 1}, do: [pass]}"))

    values: list[object] = [[1], {}, True, None, "1"]

    assert [stage.answer(amount=each) for each in values] == [None] * 5


@given(
    st.lists(st.sampled_from(["anna", "ben", None]), max_size=12),
    st.integers(0, 12),
    st.sampled_from(["pass", "repeat_last", "cycle", "fail"]),
)
def test_a_snapshot_goes_on_where_it_was_taken(
    callers: list[str | None], cut: int, then: str
) -> None:
    """Steps, call numbers, draws and the tally."""
    stage = Stage(
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
        stage.answer(customer_id=customer)
    twin = stage.twin()
    rest = callers[cut:]

    assert [twin.answer(customer_id=each) for each in rest] == [
        stage.answer(customer_id=each) for each in rest
    ]
    assert twin.play.snapshot() == stage.play.snapshot()


def test_reset_starts_every_rule_again() -> None:
    """Steps and tally."""
    stage = Stage(rules_of("- {name: r, request: create_payment, do: [pass]}"))
    stage.answer()
    stage.play.reset()

    assert stage.play.snapshot() == Stage(*stage.play.scenarios).play.snapshot()
    assert stage.answer() == ("r", 1)


def test_scenarios_that_stay_go_on_where_they_are() -> None:
    """One comes, one goes, the counters of the others are as they were."""
    one, two, three = (
        rules_of("- {request: create_payment, do: [pass]}", name=name)
        for name in ("one", "two", "three")
    )
    stage = Stage(one, two)
    stage.answer()
    stage.play = stage.play.changed([three, one])
    said = [stage.selected(), stage.selected()]
    stage.play = stage.play.changed([one, two])

    assert [each and each.scenario for each in said] == ["three", None]
    assert [each and each.scenario for each in (stage.selected(), stage.selected())] == [
        "two",
        None,
    ]
    assert [active_rule.fired for active_rule in stage.play.rule_set.all] == [1, 1]


def test_a_card_that_a_rule_names_is_known_again() -> None:
    """By its fingerprint, which is kept of no other."""
    stage = Stage(
        rules_of("""
            - {request: create_payment, when: {card: declined}, do: [pass]}
            - {request: create_payment, when: {card: {not_in: [4242424242424242]}}, do: [pass]}
            - {request: create_payment, when: {card: {prefix: "41"}}, do: [pass]}
            """)
    )
    numbers = ["4000000000000002", "4242424242424242", "4111111111111111"]

    assert [stage.play.names(fingerprint(number)) for number in numbers] == [True, True, False]
    assert stage.play.number_of(fingerprint(numbers[0])) == numbers[0]
    assert stage.play.number_of(fingerprint(numbers[2])) is None


def test_a_masked_value_does_not_explain_itself() -> None:
    """It is said that it is masked, and not that it fits."""
    card = "4242424242424242"
    stage = Stage(rules_of(f"""
        - {{name: r, request: create_payment, when: {{card: {{ne: {card}}}}}, do: [pass]}}
        """))  # fmt: skip

    assert stage.why_not(card=card) == ["r: a value that is masked here does not fit"]


def test_a_draw_is_shown_as_exactly_as_it_has_to_be() -> None:
    """Two digits, or as many as show that it lost."""
    stage = Stage(
        rules_of(
            "- {name: r, request: create_payment, chance: 0.1234, do: [pass], then: cycle}", seed=7
        )
    )
    said = [stage.why_not() for _ in range(40)]

    assert all(float(each[0].split()[2]) >= 0.1234 for each in said if each)
