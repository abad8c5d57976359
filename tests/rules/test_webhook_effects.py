"""Webhook rules: which deliveries they match, and their combined effects."""

from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.rules.webhook_effects import (
    NO_EFFECTS,
    BodyFault,
    DeliveryOrder,
    Signature,
    WebhookEffects,
)
from tests.support.in_process import GivenFields, RuleEngineFixture, rules_of

COMPLETED = "payment.completed"


def treated(
    engine: RuleEngineFixture, event: str = COMPLETED, *, attempt: int = 1, **facts: object
) -> WebhookEffects:
    """Return the effects on an attempt of a delivery that is queued now."""
    return engine.rules.effects(
        engine.rules.select_webhook_rules(event, GivenFields(facts)), attempt
    )


def test_a_delivery_without_a_matching_rule_has_no_effects() -> None:
    engine = RuleEngineFixture(rules_of("- {webhook: refund.*, do: drop}"))

    assert treated(engine) == NO_EFFECTS
    assert WebhookEffects(
        dropped_by=(), delay=0, drop=False, copies=1, gap=0, window=None,
        order=DeliveryOrder.REVERSE, before_reply=False, signature=None, timestamp=0,
        malform=None, patches=(), unknown_type=False,
    ) == NO_EFFECTS  # fmt: skip


def test_a_webhook_rule_matches_an_event_a_family_or_all() -> None:
    engine = RuleEngineFixture(
        rules_of("""
            - {name: one, webhook: payment.completed, do: drop}
            - {name: family, webhook: payment.*, do: drop}
            - {name: all, webhook: "*", do: drop}
            """)
    )

    assert treated(engine).dropped_by == ("one", "family", "all")
    assert treated(engine, "payment.failed").dropped_by == ("family", "all")
    assert treated(engine, "refund.created").dropped_by == ("all",)


EVERYTHING = """
- name: first
  webhook: payment.*
  do:
    delay: 10s
    duplicate: {copies: 2, gap: 1s}
    reorder: {window: 10s}
    signature: wrong_secret
    timestamp: -10m
    malform: truncated
    patch: {data: {amount: 1}}
- name: second
  webhook: payment.*
  do:
    delay: 5s
    drop: true
    duplicate: {copies: 3}
    reorder: {window: 1s, order: shuffle}
    before_reply: true
    signature: missing
    timestamp: +1m
    malform: invalid_json
    patch: {type: null}
    unknown_type: true
"""


def test_effects_of_all_matching_rules_are_combined() -> None:
    """Delays add up, the highest number of copies counts, and a later rule wins a conflict."""
    assert treated(RuleEngineFixture(rules_of(EVERYTHING))) == WebhookEffects(
        dropped_by=("second",),
        delay=15_000,
        drop=True,
        copies=3,
        gap=1_000,
        window=1_000,
        order=DeliveryOrder.SHUFFLE,
        before_reply=True,
        signature=Signature.MISSING,
        timestamp=60_000,
        malform=BodyFault.INVALID_JSON,
        patches=({"data": {"amount": 1}}, {"type": None}),
        unknown_type=True,
    )


def test_a_later_rule_overrides_only_the_effects_it_sets() -> None:
    """Window, signature and timestamp of an earlier rule stay."""
    engine = RuleEngineFixture(
        rules_of(EVERYTHING.replace("- name: second", "- name: x\n  chance: 0.000001"), seed=7)
    )
    alone = treated(engine)
    both = treated(
        RuleEngineFixture(rules_of(EVERYTHING + "- {name: third, webhook: '*', do: before_reply}"))
    )

    assert (alone.window, alone.order, alone.timestamp) == (10_000, DeliveryOrder.REVERSE, -600_000)
    assert both == treated(RuleEngineFixture(rules_of(EVERYTHING)))


def test_a_rule_can_match_single_attempts() -> None:
    """Only the first attempt is forged here."""
    engine = RuleEngineFixture(
        rules_of("""
            - {webhook: payment.*, when: {attempt: 1}, do: {signature: missing}}
            - {webhook: payment.*, when: {attempt: {gte: 2}}, do: {delay: 1s}}
            """)
    )
    applied = engine.rules.select_webhook_rules(COMPLETED, GivenFields({}))
    attempts = [engine.rules.effects(applied, attempt) for attempt in (1, 2)]

    assert [(each.signature, each.delay) for each in attempts] == [("missing", 0), (None, 1_000)]


def test_a_delivery_is_counted_once_when_it_is_queued() -> None:
    """`call: 2` is the second delivery, for any number of attempts."""
    engine = RuleEngineFixture(
        rules_of("- {webhook: payment.*, when: {call: 2, amount: 5}, do: drop}")
    )
    said = [
        [treated(engine, attempt=attempt, amount=amount).drop for attempt in (1,)]
        for amount in (5, 1, 5, 5)
    ]

    assert said == [[False], [False], [True], [False]]


@given(st.integers(1, 5))
def test_a_sampled_delay_is_the_same_for_all_attempts_of_a_delivery(attempt: int) -> None:
    """It depends on the number of the delivery when it was queued."""
    engine = RuleEngineFixture(
        rules_of("- {webhook: payment.*, do: {delay: {uniform: [1s, 9s]}}}", seed=7)
    )
    first, second = (
        engine.rules.select_webhook_rules(COMPLETED, GivenFields({})) for _ in range(2)
    )
    delays = [engine.rules.effects(each, attempt).delay for each in (first, second)]

    assert delays == [engine.rules.effects(each, 1).delay for each in (first, second)]
    assert delays[0] != delays[1]


def test_a_chance_is_drawn_once_per_delivery() -> None:
    """About half of the deliveries are dropped."""
    engine = RuleEngineFixture(rules_of("- {webhook: payment.*, chance: 0.5, do: drop}", seed=7))
    said = [treated(engine).drop for _ in range(100)]

    assert 35 < sum(said) < 65
    [active_rule] = engine.rules.rule_set.all
    assert (active_rule.matched, active_rule.fired) == (100, sum(said))


def test_removed_rules_no_longer_affect_queued_deliveries() -> None:
    """A delivery may outlive the scenario in which it was queued."""
    engine = RuleEngineFixture(rules_of("- {webhook: payment.*, do: drop}"))
    applied = engine.rules.select_webhook_rules(COMPLETED, GivenFields({}))

    assert RuleEngineFixture().rules.effects(applied, 1) == NO_EFFECTS
