"""Holds the script to its counters: whose calls they count, which step answers, what is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.payments.cards import fingerprint
from payments_sandbox.payments.events import EventType
from payments_sandbox.rules.card_rules import Rules, Script, Subject
from payments_sandbox.rules.counters import COUNTERS_KEPT
from payments_sandbox.rules.magic_cards import paid_with
from payments_sandbox.rules.model import (
    ChargeBack,
    EventRule,
    Pass,
    Per,
    RequestRule,
    Respond,
    Step,
    Then,
)
from payments_sandbox.rules.selected_step import SelectedStep

CARD, OTHER = "4111111111111111", "4242424242424242"
FIRST, SECOND = Step(Respond("internal_error"), times=2), Step(Pass(), delay=5)
ANNA = Subject(fingerprint(CARD), "anna", "pay_1")


def script_of(*, per: Per = Per.WORLD, then: Then = Then.PASS) -> Script:
    """A script of one rule: a step that serves twice, and one that serves once."""
    rule = RequestRule("rule", "create_payment", paid_with(CARD), (FIRST, SECOND), per, then)
    return Script(Rules([rule]))


def counters_of(script: Script) -> dict[str, int]:
    """Every counter, the longest unused one first."""
    counters = script.snapshot()["counters"]
    assert isinstance(counters, dict)
    return counters


def positions(script: Script, *subjects: Subject) -> list[int | None]:
    """Which step answers each call."""
    selected_steps = [script.selected("create_payment", subject) for subject in subjects]
    return [None if selected is None else selected.position for selected in selected_steps]


def test_a_verdict_names_rule_position_and_step() -> None:
    """The journal and the headers of an answer repeat it."""
    assert script_of().selected("create_payment", ANNA) == SelectedStep(
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
def test_steps_serve_so_many_times_and_then(then: Then, after: list[int | None]) -> None:
    """After the last step the rule stands aside, repeats it, or begins again."""
    assert positions(script_of(then=then), *[ANNA] * 5) == [1, 1, 2, *after]


SUBJECTS = {
    Per.WORLD: Subject(fingerprint(CARD), "ben", "pay_2"),
    Per.CUSTOMER: Subject(fingerprint(CARD), "anna", "pay_2"),
    Per.PAYMENT: Subject(fingerprint(CARD), "ben", "pay_1"),
    Per.CARD: Subject(fingerprint(CARD), "ben", "pay_2"),
}
STRANGERS = {
    Per.CUSTOMER: Subject(fingerprint(CARD), "ben", "pay_1"),
    Per.PAYMENT: Subject(fingerprint(CARD), "anna", "pay_2"),
}


@pytest.mark.parametrize("per", Per)
def test_calls_are_counted_together(per: Per) -> None:
    """Of the world, the customer, the payment or the card."""
    same = SUBJECTS[per]

    assert positions(script_of(per=per), ANNA, same, ANNA, same) == [1, 1, 2, None]


@pytest.mark.parametrize("per", STRANGERS)
def test_calls_of_others_are_counted_apart(per: Per) -> None:
    """One customer's calls, or one payment's, do not use up another's."""
    other = STRANGERS[per]

    assert positions(script_of(per=per), ANNA, other, ANNA, other, ANNA) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("per", [Per.CUSTOMER, Per.PAYMENT])
def test_calls_of_nobody_are_counted_together(per: Per) -> None:
    """Without a customer, or a payment, there is one counter for all of those."""
    nobody = Subject(fingerprint(CARD), None, None)

    assert positions(script_of(per=per), nobody, nobody, ANNA, nobody) == [1, 1, 1, 2]


def test_other_calls_behave_normally() -> None:
    """Another card or another operation is answered by no step and is not counted."""
    script = script_of()
    other = Subject(fingerprint(OTHER), "anna", None)

    assert script.selected("create_payment", other) is None
    assert script.selected("create_refund", ANNA) is None
    assert counters_of(script) == {}


def test_an_event_has_a_reaction() -> None:
    """By the event's type and the card."""
    rule = EventRule("rule", "payment.completed", paid_with(CARD), 5, ChargeBack("fraudulent"))
    script = Script(Rules([rule]))

    assert script.reaction(EventType.PAYMENT_COMPLETED, fingerprint(CARD)) is rule
    assert script.reaction(EventType.PAYMENT_FAILED, fingerprint(CARD)) is None
    assert script.reaction(EventType.PAYMENT_COMPLETED, fingerprint(OTHER)) is None


def test_counters_are_bounded() -> None:
    """The longest unused one starts again; one that is used stays."""
    script = script_of(per=Per.CUSTOMER)
    positions(script, ANNA)
    ben = Subject(fingerprint(CARD), "ben", None)
    positions(script, ben)
    for number in range(COUNTERS_KEPT - 2):
        positions(script, Subject(fingerprint(CARD), f"cust_{number}", None))
    positions(script, ANNA)
    before = len(counters_of(script))
    positions(script, Subject(fingerprint(CARD), "one too many", None))

    assert (before, len(counters_of(script))) == (COUNTERS_KEPT, COUNTERS_KEPT)
    assert positions(script, ANNA, ben) == [2, 1]


def test_reset_starts_again() -> None:
    """Every counter."""
    script = script_of()
    positions(script, ANNA, ANNA)
    script.reset()

    assert positions(script, ANNA) == [1]


@given(
    st.sampled_from(Per),
    st.sampled_from([Then.PASS, Then.REPEAT_LAST, Then.CYCLE]),
    st.lists(
        st.builds(
            Subject,
            st.just(fingerprint(CARD)),
            st.sampled_from(["anna", "ben", None]),
            st.sampled_from(["pay_1", "pay_2", None]),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_a_snapshot_goes_on_counting(
    per: Per, then: Then, subjects: list[Subject], cut: int
) -> None:
    """Wherever it is taken."""
    script, other = script_of(per=per, then=then), script_of(per=per, then=then)
    positions(script, *subjects[:cut])
    other.restore(script.snapshot())

    assert positions(other, *subjects[cut:]) == positions(script, *subjects[cut:])
    assert list(counters_of(other).items()) == list(counters_of(script).items())


def test_an_answer_that_never_changes_is_not_counted() -> None:
    """Thousands of declines do not push out the counters that matter."""
    script = Script(
        Rules(
            [RequestRule("r", "create_payment", paid_with(CARD), (Step(),), then=Then.REPEAT_LAST)]
        )
    )
    for number in range(3):
        script.selected("create_payment", Subject(fingerprint(CARD), f"cust_{number}", None))
    assert counters_of(script) == {}


def test_a_rule_cannot_answer_what_its_operation_does_not_document() -> None:
    """A decline of a refund would make it and say that it failed."""
    rule = RequestRule("r", "create_refund", paid_with(CARD), (Step(Respond("card_declined")),))
    with pytest.raises(ValueError, match="r: card_declined is not an error of create_refund"):
        Rules([rule])
