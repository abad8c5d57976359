"""Every outcome of a step does what its entry promises, and has the expected plan."""

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
from tests.support.tables import for_each

Case = tuple[type[Outcome], Any]
CASES: list[Case] = [
    (kind, example.plain if isinstance(example, Example) else example)
    for kind in OUTCOMES
    for example in kind.EXAMPLES
]


def step_of(kind: type[Outcome], value: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has it
    """Return a step with the outcome, and with `commit` if it is required."""
    if kind.needs_commit:
        value = {**value, "commit": True}
    return {kind.name: value}


def named(value: object) -> str:
    """Return the id of a case: the name of an outcome."""
    return value.name if isinstance(value, type) and issubclass(value, Outcome) else str(value)


def problems(step: dict[str, Any], operation: str = "create_payment") -> list[str]:
    """Return the problems that the lint finds in a scenario with this step."""
    rule = {"request": operation, "do": [step]}
    loaded = load_value({"scenario": "s", "rules": [rule]})
    return [each.message for each in loaded.problems]


def test_schemas_of_outcomes_are_in_the_shipped_schema() -> None:
    """`make generate` writes them into the file."""
    shipped = json.loads(data_files("schemas")["scenario.schema.json"])["$defs"]
    beside = shipped["step_mapping"]["properties"]

    for kind in OUTCOMES:
        assert shipped[kind.name] == kind.SCHEMA
        assert {name: beside[name] for name in kind.SIBLING_KEYS} == dict(kind.SIBLING_KEYS)


@for_each(("kind", "value"), CASES)
def test_an_example_passes_schema_and_lint(kind: type[Outcome], value: object) -> None:
    assert problems(step_of(kind, value)) == []


@for_each(("kind", "value"), CASES)
def test_a_written_outcome_parses_to_the_same_outcome(kind: type[Outcome], value: object) -> None:
    outcome = kind.parse_step(step_of(kind, value), is_read=False)
    source = outcome.step_source(is_read=False)
    assert (kind.parse_step(source, is_read=False) if source else Pass()) == outcome


@pytest.mark.parametrize("kind", [each for each in OUTCOMES if each.needs_commit], ids=named)
def test_an_outcome_that_needs_commit_is_rejected_without_it(kind: type[Outcome]) -> None:
    example = kind.EXAMPLES[0]

    assert problems({kind.name: dict(example.plain)}) == [f"'{kind.name}' needs 'commit'"]


@pytest.mark.parametrize("kind", [each for each in OUTCOMES if each.needs_commit], ids=named)
def test_an_outcome_with_commit_false_performs_no_operation(kind: type[Outcome]) -> None:
    value = {**kind.EXAMPLES[0].plain, "commit": False}
    plan = kind.parse_step({kind.name: value}, is_read=False).step_plan("s/r")

    assert plan.options is None


def test_outcome_names_are_unique_and_every_outcome_has_an_example() -> None:
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


@pytest.mark.parametrize(
    ("outcome", "plan"), PLANS, ids=["pass", "settle", "rate_limit", "patch", "hold"]
)
def test_an_outcome_has_the_expected_plan(outcome: Outcome, plan: StepPlan) -> None:
    assert outcome.step_plan("s/r") == plan


@pytest.mark.parametrize(
    ("respond", "options"),
    [
        (Respond("lost_card"), PaymentOptions(decline_code="lost_card")),
        (Respond("lost_card", commit=True), DEFAULT),
        (Respond("internal_error"), None),
        (Respond("internal_error", commit=True), DEFAULT),
    ],
    ids=["decline", "decline with commit", "server error", "server error with commit"],
)
def test_respond_answers_its_error_with_or_without_commit(
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
    ids=["pass", "settle", "rate_limit", "patch", "hold", "respond", "wire fault"],
)
def test_an_outcome_knows_which_answers_it_can_cause(
    outcome: Outcome, answers: set[str | None]
) -> None:
    found = {
        each for each in (None, "lost_card", "internal_error") if outcome.may_have_answered(each)
    }

    assert found == answers


def test_after_of_a_settle_entry_counts_from_the_previous_entry() -> None:
    entries = [
        {"to": "pending"},
        None,  # an entry that the lint removed
        {"to": "completed", "after": "1h"},
        {"to": "failed", "after": "1m"},
    ]
    settle = Settle.parse_step({"settle": entries}, is_read=False)

    assert [turn.after for turn in settle.turns] == [HOUR, HOUR + MINUTE]
    assert settle.step_source(is_read=False)["settle"] == [entries[0], *entries[2:]]


def test_commit_is_written_only_for_operations_that_write() -> None:
    respond = Respond("internal_error", commit=True)

    assert respond.step_source(is_read=False) == {
        "respond": {"error": "internal_error", "commit": True}
    }
    assert respond.step_source(is_read=True) == {"respond": {"error": "internal_error"}}


@pytest.mark.parametrize(
    ("operation", "whose"), [("*", "every operation"), ("list_payments", "list_payments")]
)
def test_an_undocumented_error_is_rejected_naming_the_operation(operation: str, whose: str) -> None:
    """Declines are documented for creating payments only."""
    found = problems({"respond": {"error": "card_declined"}}, operation)

    assert found == [f"'card_declined' is not an error of {whose}"]


def test_a_patch_that_breaks_the_contract_needs_off_contract() -> None:
    """With `off_contract: true` it is accepted."""
    patch = {"patch": {"surprise": True}}

    assert [len(problems(each)) for each in (patch, patch | {"off_contract": True})] == [1, 0]


FIRST = "the first entry is {to: pending}"
BOTH = "an entry has after or after_reads, not both"
SETTLED = "a payment that is completed cannot become failed"


@for_each(
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
         ["a payment that is pending cannot become pending"]),
        ([{"to": "pending"}, {"to": "failed", "after": "1h"}, {"to": "failed", "after": "1h"}],
         ["a payment that is failed cannot become failed"]),
    ],
)  # fmt: skip
def test_settle_entries_must_follow_the_allowed_status_changes(
    turns: list[dict[str, object]], found: list[str]
) -> None:
    """The first entry is pending, and each other entry waits in exactly one way."""
    assert problems({"settle": turns}) == found


def test_settle_is_rejected_for_operations_other_than_create_payment() -> None:
    found = problems({"settle": [{"to": "pending"}]}, "list_payments")

    assert found == ["'settle' needs a payment that is being created"]


def test_a_patch_removes_keys_set_to_null_and_keeps_others() -> None:
    """The original mapping is not modified."""
    target = {"a": 1, "b": {"c": 2, "d": 3}}
    assert merged(target, {"a": None, "b": {"c": None}, "e": 4}) == {"b": {"d": 3}, "e": 4}
    assert target == {"a": 1, "b": {"c": 2, "d": 3}}


def test_only_rate_limit_moves_are_not_replayed_from_the_journal() -> None:
    """The journal shows their effect as errors of the limiter, so they would apply twice."""
    assert [each for each in OUTCOMES if not each.is_replayed] == [MoveRateLimit]


def test_pass_is_written_as_an_empty_source() -> None:
    assert Pass().step_source(is_read=True) == {}


def test_defaults_of_steps_plans_and_outcomes() -> None:
    """By default a step answers one call at once, and the operation happens normally."""
    assert Step() == Step(Pass(), 0, 1)
    assert SelectedStep("r", 1, Step()).delay == 0
    assert StepPlan() == StepPlan(DEFAULT, None, None, None, off_contract=False, hold=0)
    assert MoveRateLimit(remaining=0) == MoveRateLimit(0, None, None)
    assert Patch({}).off_contract is False
    assert Respond("lost_card").commit is False
