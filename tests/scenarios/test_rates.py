"""The effective rates of consecutive rules with a chance."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_sandbox.scenarios.rates import rates_of
from tests.support.in_process import RuleEngineFixture, rules_of

FAILS = "do: [{respond: {error: internal_error}}], then: cycle"
CALLS: Final = 1_000


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("- {request: '*', do: [pass]}", []),
        ("- {event: payment.completed, chance: 0.5, do: {chargeback: {reason: x}}}", []),
        (
            f"- {{name: alone, request: list_payments, chance: 0.05, {FAILS}}}",
            ["list_payments: alone 5 %"],
        ),
        (
            f"""\
            - {{name: lost, request: "*", chance: 0.05, {FAILS}}}
            - {{name: late, request: create_payment, chance: 0.1, {FAILS}}}
            """,
            [
                "create_payment: lost 5 %, then late 9.5 %; 14.5 % in all",
                "retrieve_payment, list_payments, create_refund: lost 5 %",
            ],
        ),
        (
            f"- {{name: noise, request: '*', chance: 0.333333, {FAILS}}}",
            ["every operation: noise 33.3 %"],
        ),
        (
            f"""\
            - {{name: ada, request: create_payment, when: {{customer_id: a}}, chance: 0.5, {FAILS}}}
            - {{name: all, request: create_payment, chance: 0.5, {FAILS}}}
            - {{name: usd, request: create_payment, when: {{currency: USD}}, chance: 0.5, {FAILS}}}
            """,
            ["create_payment: ada 50 %, then all 50 %, then usd 25 %"],
        ),
    ],
    ids=["without", "event", "one", "two", "everywhere", "conditions"],
)
def test_rates_of_rules_with_a_chance_are_described(rules: str, told: list[str]) -> None:
    """Operations with equal rates are grouped; a sum is added if the rules match the same calls."""
    assert [str(each) for each in rates_of(rules_of(rules, seed=7))] == told


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.9]), min_size=2, max_size=4))
def test_the_described_rates_match_a_simulation(chances: list[float]) -> None:
    """A thousand calls are simulated."""
    rules = "".join(
        f"- {{name: r{n}, request: create_payment, chance: {chance}, {FAILS}}}\n"
        for n, chance in enumerate(chances)
    )
    scenario = rules_of(rules, seed=7)
    [rates] = rates_of(scenario)
    engine = RuleEngineFixture(scenario)
    answers = [engine.answer() for _ in range(CALLS)]
    for name, rate in rates.rules:
        assert abs(answers.count((name, 1)) / CALLS - rate) < 0.05
    assert rates.together is not None
    assert abs(1 - answers.count(None) / CALLS - rates.together) < 0.05
