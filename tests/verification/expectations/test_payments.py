"""The expectation `payments`: a count and a total."""

from payments_sandbox.core.slices import SLICE
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.verification.audit import auditing
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationResult,
)
from tests.support.in_process import History, scenario_of

CARD = {card.name: card.number for card in MAGIC_CARDS}


def test_payments_are_counted_and_summed_by_their_current_state() -> None:
    history = History()
    history.pay(customer_id="ann")
    history.pay(customer_id="ann", card_number=CARD["declined"])
    history.pay(customer_id="ben", amount=5)
    completed = {"status": "completed"}

    assert history.result_of(payments=completed, count=2, total=2505) == ExpectationResult(
        met=True,
        observed=(
            f"expected 2 and a total of 2505, saw 2: {history.payment()}, {history.payment(2)};"
            " their total is 2505"
        ),
    )
    assert history.meets(payments={"customer_id": "ann", "brand": "visa"}, count=2)
    assert history.meets(payments={"card": "declined"}, count=0)  # no scenario names it
    assert not history.meets(payments=completed, total={"max": 5})
    assert not history.meets(payments=completed, count=3, total=2505)


def test_a_card_named_by_an_expectation_of_an_active_scenario_is_matched() -> None:
    history = History(scenario_of("expect: [{payments: {card: visa_2}, count: 1}]"))
    history.pay(card_number=CARD["visa_2"])
    history.pay(card_number=CARD["visa"])

    assert history.meets(payments={"card": "visa_2"}, count=1)


def test_payments_are_counted_in_slices() -> None:
    """The server can answer requests between slices."""
    history = History(
        scenario_of(f"given: {{generate: {{payments: {2 * SLICE + 1}}}}}", seed=7),
    )
    expectations, _ = load_expectations([{"payments": {}, "count": 2 * SLICE + 1}])
    work = expectations[0].check.evaluate(
        EvaluationContext(history.observed(), (), lambda: auditing(history.observed()))
    )

    assert len(list(work)) == 3
