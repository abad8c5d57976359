"""The family of failures: each has a valid scenario, and they are selected by names."""

from pathlib import Path

import pytest

from payments_sandbox.contract.error_codes import documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.exploration.failures import (
    EVENTS,
    LATE,
    SETS,
    UNREADABLE,
    WAITING,
    WIRE_FAULTS,
    CallFailure,
    Failure,
    all_failures,
    call_failures,
    read_failures,
    scenario_of,
    webhook_failures,
)
from payments_sandbox.rules.faults import FAULT_NAMED
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.yaml_writer import text_of
from tests.support.tables import for_each


def _name(failure: Failure) -> str:
    return str(scenario_of(failure)["scenario"])


@for_each("failure", all_failures(), show=_name)
def test_the_scenario_of_each_failure_loads_without_problems(failure: Failure) -> None:
    loaded = load(text_of(scenario_of(failure)), name=None)

    assert loaded.problems == ()
    assert loaded.scenario is not None


def test_scenario_names_of_failures_are_unique() -> None:
    names = [_name(each) for each in all_failures()]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", BY_NAME)
def test_an_operation_has_its_documented_errors_and_all_wire_faults(operation: str) -> None:
    errors = {each.name for each in call_failures(operation) if not each.is_on_wire}
    faults = {each.name for each in call_failures(operation) if each.is_on_wire}

    assert errors == set(documented_for(operation))
    assert faults == {each.name for each in WIRE_FAULTS}


def test_every_wire_fault_except_respond_raw_is_explored() -> None:
    """`respond_raw` has arbitrary content; `slow` is listed too, although it is only a delay."""
    assert {each.name for each in WIRE_FAULTS} == {*FAULT_NAMED, "slow"} - {"respond_raw"}


def test_wire_faults_are_classified_as_late_waiting_or_unreadable() -> None:
    assert {"drip", "slow"} <= LATE
    assert {"drip", "slow", "hang"} <= WAITING
    assert {"malform", "truncate"} <= UNREADABLE
    assert UNREADABLE.isdisjoint({*LATE, "drop", "hang"})


def test_failures_that_hide_the_reply_of_a_write_exist_with_and_without_commit() -> None:
    with_choice = {each.name for each in call_failures("create_payment") if each.commit}
    without = {each.name for each in call_failures("create_payment") if each.commit is False}

    assert with_choice == without >= {"internal_error", "drop", "hang", "truncate", "malform"}
    assert not [each for each in call_failures("list_payments") if each.commit is not None]


def test_a_failure_rule_can_target_one_call_of_one_customer() -> None:
    [failure] = [each for each in call_failures("create_refund") if each.id == "drop_after_commit"]

    assert failure.rule({"call": 2, "customer_id": "cust_ada"}) == {
        "name": "drop-after-commit",
        "request": "create_refund",
        "when": {"call": 2, "customer_id": "cust_ada"},
        "do": [{"drop": {"commit": True, "how": "reset"}}],
    }


def test_a_forged_webhook_replaces_only_the_first_attempt() -> None:
    [failure] = [each for each in webhook_failures("refund.created") if each.name == "forged"]

    assert failure.rule({"call": 3})["when"] == {"call": 3, "attempt": 1}
    assert failure.rule()["when"] == {"attempt": 1}


def test_all_operations_and_events_have_failures() -> None:
    found = all_failures()
    calls = {each.subject for each in found if isinstance(each, CallFailure)}
    events = {each.subject for each in found if not isinstance(each, CallFailure)}

    assert calls == set(BY_NAME)
    assert events == set(EVENTS)


def test_the_named_sets_are_consistent() -> None:
    assert SETS["all"] == {each.id for each in all_failures()}
    assert SETS["calls"] == SETS["errors"] | SETS["wire"]
    assert SETS["all"] == SETS["calls"] | SETS["webhooks"]
    assert SETS["quick"] < SETS["all"]


def test_names_and_sets_of_failures_can_be_combined() -> None:
    assert read_failures("webhooks, drop") == SETS["webhooks"] | {"drop"}


def test_failures_are_read_from_a_file_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "failures.txt"
    file.write_text("drop  # the worst\n\n# nothing\nhang_after_commit\n", encoding="utf-8")

    assert read_failures(str(file)) == {"drop", "hang_after_commit"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dorp", "there is no failure, set or file 'dorp'; did you mean drop?"),
        ("x.yaml", "there is no failure, set or file 'x.yaml'; the sets are all, calls,"),
        (",", "expected a failure or a set: all, calls, errors, wire, webhooks, quick"),
    ],
)
def test_an_unknown_or_missing_failure_is_rejected_with_a_hint(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="^" + why.replace("?", r"\?")):
        read_failures(text)
