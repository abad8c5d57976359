"""A rule of an active scenario: what it counts, and by which key."""

import pytest

from payments_sandbox.rules.active_rule import AnyActiveRule, RuleSet
from payments_sandbox.rules.delays import draw
from tests.support.in_process import GivenFields, rules_of
from tests.support.tables import for_each


def active(rule: str) -> AnyActiveRule:
    """Return the active rule of a scenario with one rule."""
    [found] = rules_of(f"- {rule}", seed=7).rules
    return RuleSet([("scene", found, 7)]).all[0]


@pytest.mark.parametrize(
    ("per", "key"),
    [
        ("world", ""),
        ("customer", "anna"),
        ("payment", "pay_1"),
        ("card", "0502f9a4f00be402"),
    ],
)
def test_the_counter_key_of_a_call_follows_per(per: str, key: str) -> None:
    """A card is counted by 64 bits of a hash; calls without the field share a key."""
    rule = active(f"{{request: create_refund, per: {per}, do: [pass]}}")
    call = {"customer_id": "anna", "payment_id": "pay_1", "card": "4242424242424242"}

    assert rule.key(GivenFields(call)) == key
    assert rule.key(GivenFields({})) == ""


@for_each(
    ("rule", "counts"),
    [
        ("{request: create_payment, do: [pass]}", False),
        ("{request: create_payment, do: [{delay: 1s}]}", False),
        ("{request: create_payment, chance: 1, do: [pass]}", False),
        ("{request: create_payment, chance: 0.5, do: [pass]}", True),
        ("{request: create_payment, when: {call: {every: 2}}, do: [pass]}", True),
        ("{request: create_payment, do: [pass, {delay: {uniform: [1s, 2s]}}]}", True),
        ("{event: payment.completed, do: {refund: {}}}", False),
        ("{event: payment.completed, chance: 0.5, do: {refund: {}}}", True),
        ("{at: 1h, when: {status: pending}, do: complete}", False),
        ("{webhook: '*', do: {delay: 1s}}", False),
        ("{webhook: '*', do: {delay: {uniform: [1s, 2s]}}}", True),
    ],
)
def test_calls_are_counted_only_if_a_condition_chance_or_delay_needs_it(
    rule: str, *, counts: bool
) -> None:
    """Only these depend on the number of the call."""
    assert active(rule).counts_calls is counts


def test_a_draw_equal_to_the_chance_loses() -> None:
    """Draws begin at 0, so a chance of 0 never wins."""
    [found] = rules_of("- {request: create_payment, chance: 0.5, do: [pass]}", seed=7).rules
    drawn = draw(7, "scene/rule-1", "", 1)
    [rule] = RuleSet([("scene", found._replace(chance=drawn), 7)]).all

    assert rule.missed_draw("", 1) == drawn
