"""Which step would make a journalled call happen again."""

from typing import Any

import pytest

from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import Pass, Respond
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.verification.journal_steps import STEPS_EXHAUSTED, journal_step
from payments_sandbox.verification.observed import ObservedCall
from tests.support.in_process import History, rules_of

LOST = rules_of(
    "- {name: lost, request: create_payment, do: [pass, {drop: {commit: true, how: reset}}]}"
)
ENDS = rules_of("- {name: ends, request: create_payment, then: fail, do: [pass]}")
DECLINED = "4000000000000002"


def step_of(history: History, request_id: str, **changes: Any) -> Step:  # noqa: ANN401 - fields of an entry
    """The step of a call, whose entry has other values if need be."""
    entry = history.world.journal.find(request_id)
    assert entry is not None
    for name, value in changes.items():
        setattr(entry, name, value)
    return journal_step(history.world, ObservedCall(history.world, entry))


def test_a_call_meets_the_step_again_that_answered_it() -> None:
    """Each by its position in the rule, unless the journal shows that it was another one then."""
    history = History(LOST)
    calls = [history.pay(), history.pay(), history.pay()]

    assert [step_of(history, each) for each in calls] == [
        Step(Pass()),
        Step(Drop(commit=True, how="reset")),
        Step(Pass()),
    ]
    assert step_of(history, calls[1], fault="hang") == Step(Hang(commit=True))


def test_the_rule_is_the_one_of_the_operation_that_did_not_decline_to_answer() -> None:
    """Of two scenarios with rules of one name, the first may have let the call pass."""
    first = rules_of(
        "- {name: rule, request: create_payment, when: {amount: 1}, do: [{drop: {commit: true}}]}",
        name="first",
    )
    second = rules_of("- {name: rule, request: create_payment, do: [{hang: {commit: false}}]}")
    refunds = rules_of(
        "- {name: rule, request: create_refund, do: [{drop: {commit: true}}]}", name="refunds"
    )
    history = History(refunds, first, second)

    assert step_of(history, history.pay()) == Step(Hang(commit=False))


def test_a_card_answers_again_as_the_card_does() -> None:
    """Its rule is always there."""
    history = History()

    assert step_of(history, history.pay(card_number=DECLINED)) == Step(Respond("card_declined"))


def test_steps_that_ran_out_answer_with_an_internal_error() -> None:
    """One position behind the last step; further behind, the rule was another one then."""
    history = History(ENDS)
    history.pay()
    over = history.pay()

    assert step_of(history, over) == STEPS_EXHAUSTED
    assert step_of(history, over, step=3) == Step(Respond("internal_error"))
    assert step_of(history, over, step=3, status=201, error_code=None) == Step(Pass())


def test_without_its_rule_a_call_met_what_the_journal_shows() -> None:
    """The rule may have ended: the code is told, its own words with it, and whether it happened."""
    history = History(
        rules_of(
            "- {name: busy, request: create_payment,"
            " do: [{respond: {error: internal_error, message: Busy., commit: true}}]}"
        )
    )
    busy = history.pay()
    set_active(history.world, [])

    assert step_of(history, busy) == Step(Respond("internal_error", commit=True, message="Busy."))


def test_a_fault_without_its_rule_is_one_with_its_usual_parts() -> None:
    """Whether the payment was made is known, and how long a silence lasted."""
    history = History(LOST)
    history.pay()
    lost = history.pay()
    set_active(history.world, [])

    assert step_of(history, lost) == Step(Drop(commit=True))
    silent = step_of(history, lost, fault="hang", committed=None, duration_ms=1_500.0)
    assert silent == Step(Hang(commit=False))


@pytest.mark.parametrize("code", ["invalid_request", "invalid_card", "expired_card", "invalid_cvc"])
def test_what_a_call_brings_upon_itself_needs_no_step(code: str) -> None:
    """It happens again in any world."""
    history = History()
    wrong: dict[str, dict[str, Any]] = {
        "invalid_request": {"amount": 0},
        "invalid_card": {"card_number": "4111111111111112"},
        "expired_card": {"exp_year": 2029},
        "invalid_cvc": {"cvc": "1234"},
    }
    call = history.pay(**wrong[code])

    assert step_of(history, call) == Step(Pass())
    assert step_of(history, call, rule="gone", step=1) == Step(Respond(code))


def test_an_error_that_the_operation_does_not_have_is_no_step() -> None:
    """No scenario could say it."""
    history = History()
    call = history.look("limit=0")

    assert step_of(history, call, error_code="card_declined") == Step(Pass())


def test_a_reply_that_nobody_waited_for_is_told_by_silence_only_where_no_rule_is_known() -> None:
    """A client that leaves met silence; a rule that held the reply is told as it is."""
    slow = rules_of("- {name: slow, request: create_payment, do: [{delay: 2s}]}")
    history = History(slow)
    left = history.pay()
    entry = history.world.journal.find(left)
    assert entry is not None
    entry.abandon()

    assert step_of(history, left) == Step(Pass(), 2_000)
    set_active(history.world, [])
    assert isinstance(step_of(history, left).outcome, Hang)


def test_a_drawn_delay_is_the_time_that_the_call_took() -> None:
    """A distribution would draw another one."""
    noisy = rules_of(
        "- {name: noise, request: create_payment, do: [{delay: {uniform: [100ms, 2s]}}]}", seed=7
    )
    history = History(noisy)
    call = history.pay()

    assert step_of(history, call, duration_ms=250.6) == Step(Pass(), 251)
    assert step_of(history, call, duration_ms=None) == Step(Pass(), 0)
