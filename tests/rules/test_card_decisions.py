"""The rules of magic cards in the rule engine: counters, and which step answers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.ids import EventId, PaymentId
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.cards import Card, fingerprint
from payments_sandbox.payments.events import Event, EventType
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.rules.actions import ChargeBack
from payments_sandbox.rules.magic_cards import card_is
from payments_sandbox.rules.model import CardRule, EventRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.outcomes import Pass, Respond
from payments_sandbox.rules.rule_engine import Reaction, RuleEngine, index_card_rules
from payments_sandbox.rules.step_search import SelectedStep
from tests.support.in_process import GivenFields, rules_of

COUNTERS_KEPT = 10_000

NUMBER, OTHER = "4111111111111111", "4242424242424242"
FIRST, SECOND = Step(Respond("internal_error"), times=2), Step(Pass(), delay=5)


class Paid(NamedTuple):
    """The fields of a payment that card rules use."""

    customer_id: str | None
    id: str | None = None
    number: str = NUMBER

    @property
    def card(self) -> Card:
        """Its card."""
        return Card(Brand.VISA, self.number[-4:], fingerprint(self.number))


ANNA = Paid("anna", "pay_1")


def engine_with(*rules: CardRule) -> RuleEngine:
    """Return an engine with these rules as its only card rules."""
    return RuleEngine(7, index_card_rules(rules))


def engine_of(*, per: Per = Per.WORLD, then: Then = Then.PASS) -> RuleEngine:
    """Return an engine with one rule: a step for two calls, and a step for one."""
    steps = (FIRST, SECOND)
    return engine_with(RequestRule("rule", "create_payment", card_is(NUMBER), steps, per, then))


def counters_of(engine: RuleEngine) -> dict[str, int]:
    """Return all counters, the least recently used first."""
    counters = engine.snapshot()["counters"]
    assert isinstance(counters, dict)
    return counters


def positions(engine: RuleEngine, *payments: Paid) -> list[int | None]:
    """Return which step answers each call."""
    found = [engine.decide_by_card("create_payment", each) for each in payments]
    return [None if each is None else each.position for each in found]


def test_a_step_of_a_card_rule_has_no_scenario() -> None:
    assert engine_of().decide_by_card("create_payment", ANNA) == SelectedStep(
        "rule", 1, FIRST, delay=0, scenario=None
    )


@pytest.mark.parametrize(
    ("then", "after"),
    [
        (Then.PASS, [None, None]),
        (Then.REPEAT_LAST, [2, 2]),
        (Then.CYCLE, [1, 1]),
    ],
)
def test_steps_answer_times_calls_and_then_decides_what_follows(
    then: Then, after: list[int | None]
) -> None:
    assert positions(engine_of(then=then), *[ANNA] * 5) == [1, 1, 2, *after]


SAME = {
    Per.WORLD: Paid("ben", "pay_2"),
    Per.CUSTOMER: Paid("anna", "pay_2"),
    Per.PAYMENT: Paid("ben", "pay_1"),
    Per.CARD: Paid("ben", "pay_2"),
}
ANOTHER = {Per.CUSTOMER: Paid("ben", "pay_1"), Per.PAYMENT: Paid("anna", "pay_2")}


@pytest.mark.parametrize("per", Per)
def test_calls_with_the_same_per_key_share_a_counter(per: Per) -> None:
    assert positions(engine_of(per=per), ANNA, SAME[per], ANNA, SAME[per]) == [1, 1, 2, None]


@pytest.mark.parametrize("per", ANOTHER)
def test_calls_with_different_per_keys_have_separate_counters(per: Per) -> None:
    other = ANOTHER[per]

    assert positions(engine_of(per=per), ANNA, other, ANNA, other, ANNA) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("per", [Per.CUSTOMER, Per.PAYMENT])
def test_calls_without_the_per_field_share_a_counter(per: Per) -> None:
    nobody = Paid(None, None)

    assert positions(engine_of(per=per), nobody, nobody, ANNA, nobody) == [1, 1, 1, 2]


def test_other_cards_and_operations_are_neither_answered_nor_counted() -> None:
    engine = engine_of()

    assert engine.decide_by_card("create_payment", Paid("anna", number=OTHER)) is None
    assert engine.decide_by_card("create_refund", ANNA) is None
    assert counters_of(engine) == {}


def paid(number: str, type_: EventType) -> tuple[Event, Payment]:
    """Return an event of a payment with a card."""
    payment = Payment(
        id=PaymentId("pay_1"),
        amount=5,
        currency="EUR",
        card=Card(Brand.VISA, number[-4:], fingerprint(number)),
        created=Instant(0),
        status=Status.COMPLETED,
    )
    return Event(EventId("evt_1"), type_, Instant(0), payment.id, 5, "EUR"), payment


def test_an_event_rule_of_a_card_reacts_only_to_its_card_and_event() -> None:
    action = ChargeBack("fraudulent")
    rule = EventRule("rule", "payment.completed", card_is(NUMBER), 5, action)
    engine = engine_with(rule)
    seen = [
        list(engine.reactions(*paid(number, type_)))
        for number in (NUMBER, OTHER)
        for type_ in (EventType.PAYMENT_COMPLETED, EventType.PAYMENT_FAILED)
    ]

    assert seen == [[Reaction("rule", 5, action)], [], [], []]
    assert [engine.may_react(fingerprint(each)) for each in (NUMBER, OTHER)] == [True, False]


def test_named_cards_include_the_cards_of_card_rules() -> None:
    engine = engine_of()

    assert [fingerprint(each) in engine.named_cards for each in (NUMBER, OTHER)] == [True, False]
    assert engine.number_of(fingerprint(NUMBER)) is None  # numbers are known for scenarios only


def test_card_rules_are_in_no_rule_set_and_no_explanation() -> None:
    engine = engine_of()
    engine.set_scenarios([rules_of("- {name: mine, request: create_payment, do: [pass]}")])
    positions(engine, ANNA)
    decision = engine.decide("create_payment", GivenFields({"card": NUMBER}))

    assert [rule.name for rule in engine.rule_set.all] == ["scene/mine"]
    assert decision.selected is not None
    assert decision.selected.scenario == "scene"
    assert list(decision.explanations) == []


def test_counters_are_bounded_and_the_least_recently_used_is_dropped() -> None:
    engine = engine_of(per=Per.CUSTOMER)
    ben = Paid("ben")
    positions(engine, ANNA, ben)
    positions(engine, *(Paid(f"cust_{number}") for number in range(COUNTERS_KEPT - 2)))
    positions(engine, ANNA)
    before = len(counters_of(engine))
    positions(engine, Paid("one too many"))

    assert (before, len(counters_of(engine))) == (COUNTERS_KEPT, COUNTERS_KEPT)
    assert positions(engine, ANNA, ben) == [2, 1]


def test_a_reset_restarts_card_rules() -> None:
    engine = engine_of()
    positions(engine, ANNA, ANNA)
    engine.reset()

    assert positions(engine, ANNA) == [1]


def test_changing_scenarios_keeps_the_counters_of_card_rules() -> None:
    engine = engine_of()
    positions(engine, ANNA, ANNA)
    engine.set_scenarios([rules_of("- {request: create_payment, do: [pass]}")])
    engine.set_scenarios([])

    assert positions(engine, ANNA) == [2]


def restored(engine: RuleEngine, twin: RuleEngine) -> RuleEngine:
    """Restore the counters of the engine in the twin, and return it."""
    kept: dict[str, Any] = engine.snapshot()
    twin.restore(**kept)
    return twin


@given(
    st.sampled_from(Per),
    st.sampled_from([Then.PASS, Then.REPEAT_LAST, Then.CYCLE]),
    st.lists(
        st.builds(
            Paid,
            st.sampled_from(["anna", "ben", None]),
            st.sampled_from(["pay_1", "pay_2", None]),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_a_restored_engine_continues_counting_from_any_point(
    per: Per, then: Then, payments: Sequence[Paid], cut: int
) -> None:
    engine = engine_of(per=per, then=then)
    positions(engine, *payments[:cut])
    twin = restored(engine, engine_of(per=per, then=then))

    assert positions(twin, *payments[cut:]) == positions(engine, *payments[cut:])
    assert list(counters_of(twin).items()) == list(counters_of(engine).items())


def test_a_constant_answer_needs_no_counter() -> None:
    steps = (Step(),)
    engine = engine_with(
        RequestRule("r", "create_payment", card_is(NUMBER), steps, then=Then.REPEAT_LAST)
    )
    positions(engine, *(Paid(f"cust_{number}") for number in range(3)))

    assert counters_of(engine) == {}
