"""Steps that reproduce a call of the journal."""

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
    """Return the step of a call, after changing values of its entry."""
    entry = history.world.journal.find(request_id)
    assert entry is not None
    for name, value in changes.items():
        setattr(entry, name, value)
    return journal_step(history.world, ObservedCall(history.world, entry))


def test_a_call_gets_the_step_that_answered_it_unless_the_journal_differs() -> None:
    """If the journal shows another fault, the rule must have been different at that time."""
    history = History(LOST)
    calls = [history.pay(), history.pay(), history.pay()]

    assert [step_of(history, each) for each in calls] == [
        Step(Pass()),
        Step(Drop(commit=True, how="reset")),
        Step(Pass()),
    ]
    assert step_of(history, calls[1], fault="hang") == Step(Hang(commit=True))


def test_the_step_comes_from_the_matching_rule_among_equal_names() -> None:
    """Rules of three scenarios have the same name; one is for refunds, and one does not match."""
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


def test_a_magic_cards_answer_becomes_the_step_of_the_card() -> None:
    """The rule of a card always exists."""
    history = History()

    assert step_of(history, history.pay(card_number=DECLINED)) == Step(Respond("card_declined"))


def test_a_call_after_the_last_step_becomes_steps_exhausted() -> None:
    """At a position further behind, the rule must have been different."""
    history = History(ENDS)
    history.pay()
    over = history.pay()

    assert step_of(history, over) == STEPS_EXHAUSTED
    assert step_of(history, over, step=3) == Step(Respond("internal_error"))
    assert step_of(history, over, step=3, status=201, error_code=None) == Step(Pass())


def test_without_its_rule_an_error_becomes_a_respond_step_from_the_journal() -> None:
    """The step has the error code, the message and whether the call happened."""
    history = History(
        rules_of(
            "- {name: busy, request: create_payment,"
            " do: [{respond: {error: internal_error, message: Busy., commit: true}}]}"
        )
    )
    busy = history.pay()
    set_active(history.world, [])

    assert step_of(history, busy) == Step(Respond("internal_error", commit=True, message="Busy."))


def test_without_its_rule_a_fault_has_default_parts_and_the_known_commit() -> None:
    """The duration of a hang longer than the timeout is not kept."""
    history = History(LOST)
    history.pay()
    lost = history.pay()
    set_active(history.world, [])

    assert step_of(history, lost) == Step(Drop(commit=True))
    silent = step_of(history, lost, fault="hang", committed=None, duration_ms=1_500.0)
    assert silent == Step(Hang(commit=False))


@pytest.mark.parametrize("code", ["invalid_request", "invalid_card", "expired_card", "invalid_cvc"])
def test_an_error_caused_by_the_call_itself_needs_no_step(code: str) -> None:
    """It happens in any world."""
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


def test_an_undocumented_error_of_the_operation_becomes_pass() -> None:
    """No scenario can contain such a step."""
    history = History()
    call = history.look("limit=0")

    assert step_of(history, call, error_code="card_declined") == Step(Pass())


def test_an_abandoned_reply_becomes_hang_only_if_its_rule_is_unknown() -> None:
    """If the rule is known, its delay becomes the step."""
    slow = rules_of("- {name: slow, request: create_payment, do: [{delay: 2s}]}")
    history = History(slow)
    left = history.pay()
    entry = history.world.journal.find(left)
    assert entry is not None
    entry.abandon()

    assert step_of(history, left) == Step(Pass(), 2_000)
    set_active(history.world, [])
    assert isinstance(step_of(history, left).outcome, Hang)


def test_a_random_delay_becomes_the_measured_duration() -> None:
    """A distribution would give another delay."""
    noisy = rules_of(
        "- {name: noise, request: create_payment, do: [{delay: {uniform: [100ms, 2s]}}]}", seed=7
    )
    history = History(noisy)
    call = history.pay()

    assert step_of(history, call, duration_ms=250.6) == Step(Pass(), 251)
    assert step_of(history, call, duration_ms=None) == Step(Pass(), 0)
