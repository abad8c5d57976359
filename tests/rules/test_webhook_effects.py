"""Holds webhook rules to the deliveries that they change, and to what they come to together."""

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
    """What is done to an attempt of a delivery that is queued now."""
    return engine.rules.effects(
        engine.rules.select_webhook_rules(event, GivenFields(facts)), attempt
    )


def test_a_delivery_that_no_rule_is_about_is_left_as_it_is() -> None:
    """It is as it would be without."""
    engine = RuleEngineFixture(rules_of("- {webhook: refund.*, do: drop}"))

    assert treated(engine) == NO_EFFECTS
    assert WebhookEffects(
        rules=(), delay=0, drop=False, copies=1, gap=0, window=None, order=DeliveryOrder.REVERSE,
        before_reply=False, signature=None, timestamp=0, malform=None, patches=(),
        unknown_type=False,
    ) == NO_EFFECTS  # fmt: skip


def test_a_rule_may_be_about_a_family_of_events() -> None:
    """Or all of them."""
    engine = RuleEngineFixture(
        rules_of("""
            - {name: one, webhook: payment.completed, do: drop}
            - {name: family, webhook: payment.*, do: drop}
            - {name: all, webhook: "*", do: drop}
            """)
    )

    assert treated(engine).rules == ("one", "family", "all")
    assert treated(engine, "payment.failed").rules == ("family", "all")
    assert treated(engine, "refund.created").rules == ("all",)


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


def test_all_rules_that_match_a_delivery_combine() -> None:
    """Delays add up, the most copies count, the later of two that contradict wins."""
    assert treated(RuleEngineFixture(rules_of(EVERYTHING))) == WebhookEffects(
        rules=("first", "second"),
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


def test_what_a_later_rule_does_not_say_stays() -> None:
    """An earlier rule's window, signature and shift."""
    engine = RuleEngineFixture(
        rules_of(EVERYTHING.replace("- name: second", "- name: x\n  chance: 0.000001"), seed=7)
    )
    alone = treated(engine)
    both = treated(
        RuleEngineFixture(rules_of(EVERYTHING + "- {name: third, webhook: '*', do: before_reply}"))
    )

    assert (alone.window, alone.order, alone.timestamp) == (10_000, DeliveryOrder.REVERSE, -600_000)
    assert both == treated(RuleEngineFixture(rules_of(EVERYTHING)))._replace(
        rules=("first", "second", "third")
    )


def test_a_rule_may_be_about_one_attempt_alone() -> None:
    """Only the first is forged."""
    engine = RuleEngineFixture(
        rules_of("""
            - {webhook: payment.*, when: {attempt: 1}, do: {signature: missing}}
            - {webhook: payment.*, when: {attempt: {gte: 2}}, do: {delay: 1s}}
            """)
    )
    applied = engine.rules.select_webhook_rules(COMPLETED, GivenFields({}))
    attempts = [engine.rules.effects(applied, attempt) for attempt in (1, 2)]

    assert [(each.signature, each.delay) for each in attempts] == [("missing", 0), (None, 1_000)]


def test_a_delivery_is_counted_when_it_is_queued() -> None:
    """However often its attempts are asked about; `call: 2` is the second delivery."""
    engine = RuleEngineFixture(
        rules_of("- {webhook: payment.*, when: {call: 2, amount: 5}, do: drop}")
    )
    said = [
        [treated(engine, attempt=attempt, amount=amount).drop for attempt in (1,)]
        for amount in (5, 1, 5, 5)
    ]

    assert said == [[False], [False], [True], [False]]


@given(st.integers(1, 5))
def test_a_drawn_delay_stays_the_delays_of_its_delivery(attempt: int) -> None:
    """It is drawn from what was counted when the delivery was queued."""
    engine = RuleEngineFixture(
        rules_of("- {webhook: payment.*, do: {delay: {uniform: [1s, 9s]}}}", seed=7)
    )
    first, second = (
        engine.rules.select_webhook_rules(COMPLETED, GivenFields({})) for _ in range(2)
    )
    delays = [engine.rules.effects(each, attempt).delay for each in (first, second)]

    assert delays == [engine.rules.effects(each, 1).delay for each in (first, second)]
    assert delays[0] != delays[1]


def test_a_chance_is_drawn_once_for_a_delivery() -> None:
    """Half of them are dropped, and stay so."""
    engine = RuleEngineFixture(rules_of("- {webhook: payment.*, chance: 0.5, do: drop}", seed=7))
    said = [treated(engine).drop for _ in range(100)]

    assert 35 < sum(said) < 65
    [active_rule] = engine.rules.rule_set.all
    assert (active_rule.matched, active_rule.fired) == (100, sum(said))


def test_rules_that_are_gone_do_nothing_any_more() -> None:
    """A delivery may outlive the scenario that it was queued in."""
    engine = RuleEngineFixture(rules_of("- {webhook: payment.*, do: drop}"))
    applied = engine.rules.select_webhook_rules(COMPLETED, GivenFields({}))

    assert RuleEngineFixture().rules.effects(applied, 1) == NO_EFFECTS
