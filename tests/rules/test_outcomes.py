"""Holds every outcome of a step to what its entry promises, and each to its own plan."""

import json
from typing import Any

import pytest

from payments_sandbox.core.instants import HOUR, MINUTE
from payments_sandbox.core.resources import data_files
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.fault import Example
from payments_sandbox.rules.model import Step
from payments_sandbox.rules.outcomes import (
    OUTCOMES,
    Hold,
    MoveRateLimit,
    Pass,
    Patch,
    Respond,
)
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import (
    DEFAULT,
    LimitMove,
    Outcome,
    PaymentOptions,
    Settlement,
    StepPlan,
    merged,
)
from payments_sandbox.rules.step_search import SelectedStep
from payments_sandbox.scenarios.loader import load_value

Case = tuple[type[Outcome], Any]
CASES: list[Case] = [
    (kind, example.plain if isinstance(example, Example) else example)
    for kind in OUTCOMES
    for example in kind.EXAMPLES
]


def step_of(kind: type[Outcome], value: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has it
    """A step with the outcome, which says `commit` where it has to."""
    if kind.needs_commit:
        value = {**value, "commit": True}
    return {kind.name: value}


def named(value: object) -> str:
    """A case by the outcome's name."""
    return value.name if isinstance(value, type) and issubclass(value, Outcome) else str(value)


def problems(step: dict[str, Any], operation: str = "create_payment") -> list[str]:
    """What the lint says of a scenario with this step."""
    rule = {"request": operation, "do": [step]}
    loaded = load_value({"scenario": "s", "rules": [rule]})
    return [each.message for each in loaded.problems]


def test_schemas_are_those_that_editors_have() -> None:
    """`make generate` writes them into the file that is shipped."""
    shipped = json.loads(data_files("schemas")["scenario.schema.json"])["$defs"]
    beside = shipped["step_mapping"]["properties"]

    for kind in OUTCOMES:
        assert shipped[kind.name] == kind.SCHEMA
        assert {name: beside[name] for name in kind.BESIDE} == dict(kind.BESIDE)


@pytest.mark.parametrize(("kind", "value"), CASES, ids=named)
def test_an_example_is_taken_by_schema_and_lint(kind: type[Outcome], value: object) -> None:
    assert problems(step_of(kind, value)) == []


@pytest.mark.parametrize(("kind", "value"), CASES, ids=named)
def test_what_is_written_is_read_as_the_same_outcome(kind: type[Outcome], value: object) -> None:
    outcome = kind.parse_step(step_of(kind, value), is_read=False)
    source = outcome.step_source(is_read=False)

    assert Pass() if not source else kind.parse_step(source, is_read=False) == outcome


@pytest.mark.parametrize("kind", [each for each in OUTCOMES if each.needs_commit], ids=named)
def test_an_outcome_that_needs_commit_is_refused_without_it(kind: type[Outcome]) -> None:
    example = kind.EXAMPLES[0]

    assert problems({kind.name: dict(example.plain)}) == [f"'{kind.name}' needs 'commit'"]


@pytest.mark.parametrize("kind", [each for each in OUTCOMES if each.needs_commit], ids=named)
def test_an_outcome_that_does_not_commit_performs_nothing(kind: type[Outcome]) -> None:
    value = {**kind.EXAMPLES[0].plain, "commit": False}
    plan = kind.parse_step({kind.name: value}, is_read=False).step_plan("s/r")

    assert plan.options is None


def test_names_are_told_apart_and_every_entry_has_an_example() -> None:
    assert len({kind.name for kind in OUTCOMES}) == len(OUTCOMES)
    assert [kind.name for kind in OUTCOMES if not kind.EXAMPLES] == []


TURN = Settlement(Status.COMPLETED, HOUR)
PLANS: list[tuple[Outcome, StepPlan]] = [
    (Pass(), StepPlan()),
    (Settle((TURN,)), StepPlan(PaymentOptions(turns=(TURN,), rule="s/r"))),
    (MoveRateLimit(0), StepPlan(limit=LimitMove(remaining=0))),
    (Patch({"a": 1}, off_contract=True), StepPlan(patch={"a": 1}, off_contract=True)),
    (Hold(MINUTE), StepPlan(None, hold=MINUTE)),
]


@pytest.mark.parametrize(("outcome", "plan"), PLANS, ids=str)
def test_an_outcome_makes_its_plan(outcome: Outcome, plan: StepPlan) -> None:
    assert outcome.step_plan("s/r") == plan


@pytest.mark.parametrize(
    ("respond", "options"),
    [
        (Respond("lost_card"), PaymentOptions(decline_code="lost_card")),
        (Respond("lost_card", commit=True), DEFAULT),
        (Respond("internal_error"), None),
        (Respond("internal_error", commit=True), DEFAULT),
    ],
    ids=str,
)
def test_an_error_is_answered_whatever_happens_before(
    respond: Respond, options: PaymentOptions | None
) -> None:
    plan = respond.step_plan("s/r")

    assert plan.options == options
    assert plan.answer is not None
    assert plan.answer.code == respond.error


@pytest.mark.parametrize(
    ("outcome", "answers"),
    [
        (Pass(), {None}),
        (Settle(()), {None}),
        (MoveRateLimit(1), {None}),
        (Patch({}), {None}),
        (Hold(MINUTE), {None}),
        (Respond("lost_card"), {"lost_card"}),
        (FAULTS[0].parse(FAULTS[0].EXAMPLES[0].plain, is_read=True), set()),
    ],
    ids=str,
)
def test_an_outcome_knows_which_replies_can_have_come_of_it(
    outcome: Outcome, answers: set[str | None]
) -> None:
    found = {
        each for each in (None, "lost_card", "internal_error") if outcome.may_have_answered(each)
    }

    assert found == answers


def test_turns_count_from_the_entry_before_when_read_and_when_written() -> None:
    entries = [
        {"to": "pending"},
        None,  # an entry that the lint has taken out
        {"to": "completed", "after": "1h"},
        {"to": "failed", "after": "1m"},
    ]
    settle = Settle.parse_step({"settle": entries}, is_read=False)

    assert [turn.after for turn in settle.turns] == [HOUR, HOUR + MINUTE]
    assert settle.step_source(is_read=False)["settle"] == [entries[0], *entries[2:]]


def test_commit_is_written_only_where_it_has_an_effect() -> None:
    respond = Respond("internal_error", commit=True)

    assert respond.step_source(is_read=False) == {
        "respond": {"error": "internal_error", "commit": True}
    }
    assert respond.step_source(is_read=True) == {"respond": {"error": "internal_error"}}


@pytest.mark.parametrize(
    ("operation", "whose"), [("*", "every operation"), ("list_payments", "list_payments")]
)
def test_an_error_that_is_not_documented_says_whose_it_would_be(operation: str, whose: str) -> None:
    """A card is declined when a payment is made, and never else."""
    found = problems({"respond": {"error": "card_declined"}}, operation)

    assert found == [f"'card_declined' is no error of {whose}"]


def test_a_patch_that_breaks_the_contract_has_to_say_so() -> None:
    """With `off_contract: true` beside it, it is what is wanted."""
    patch = {"patch": {"surprise": True}}

    assert [len(problems(each)) for each in (patch, patch | {"off_contract": True})] == [1, 0]


FIRST = "the first entry is {to: pending}"
BOTH = "an entry has after or after_reads, and not both"
SETTLED = "a payment that is completed does not become failed"


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([{"to": "pending"}], []),
        ([{"to": "pending"}, {"to": "completed", "after": "1h"}], []),
        ([{"to": "pending"}, {"to": "failed", "after_reads": 1}], []),
        ([{"to": "completed"}], [FIRST]),
        ([{"to": "pending", "after": "1h"}], [FIRST]),
        ([{"to": "pending"}, {"to": "completed"}], [BOTH]),
        ([{"to": "pending"}, {"to": "completed", "after": "1h", "after_reads": 1}], [BOTH]),
        ([{"to": "pending"}, {"to": "completed", "after": "1h"}, {"to": "failed", "after": "1h"}],
         [SETTLED]),
        ([{"to": "pending"}, {"to": "pending", "after": "1h"}],
         ["a payment that is pending does not become pending"]),
        ([{"to": "pending"}, {"to": "failed", "after": "1h"}, {"to": "failed", "after": "1h"}],
         ["a payment that is failed does not become failed"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_payment_settles_as_its_table_of_moves_has_it(
    turns: list[dict[str, object]], found: list[str]
) -> None:
    """Once, from pending, each turn after a wait of one kind."""
    assert problems({"settle": turns}) == found


def test_only_a_payment_that_is_being_made_settles() -> None:
    """Nothing else is pending."""
    found = problems({"settle": [{"to": "pending"}]}, "list_payments")

    assert found == ["'settle' is about a payment that is being made"]


def test_a_patch_takes_away_what_it_says_is_nothing() -> None:
    """And leaves what it does not speak of; neither is changed."""
    target = {"a": 1, "b": {"c": 2, "d": 3}}
    assert merged(target, {"a": None, "b": {"c": None}, "e": 4}) == {"b": {"d": 3}, "e": 4}
    assert target == {"a": 1, "b": {"c": 2, "d": 3}}


def test_a_scenario_of_the_journal_repeats_what_a_step_has_done_but_for_moves_of_the_limit() -> (
    None
):
    """Those it would make twice: what the journal shows of them is the limiter's own doing."""
    assert [each for each in OUTCOMES if not each.is_replayed] == [MoveRateLimit]


def test_a_step_that_passes_writes_nothing() -> None:
    assert Pass().step_source(is_read=True) == {}


def test_what_a_step_does_not_say_it_does_not_do() -> None:
    """It serves one call, at once, and lets the operation happen as ever."""
    assert Step() == Step(Pass(), 0, 1)
    assert SelectedStep("r", 1, Step()).delay == 0
    assert StepPlan() == StepPlan(DEFAULT, None, None, None, off_contract=False, hold=0)
    assert MoveRateLimit(remaining=0) == MoveRateLimit(0, None, None)
    assert Patch({}).off_contract is False
    assert Respond("lost_card").commit is False
