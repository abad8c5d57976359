"""A proof: the conclusion from the runs on two trees, and how both are shown."""

import json
from pathlib import Path

import pytest

from payments_sandbox.exploration.proof import (
    ProvedRun,
    ProvedTree,
    conclude,
    judge_run,
    read_earlier,
    side_by_side,
)
from payments_sandbox.exploration.run_record import FlowEnd, RunRecord, WorldRecord

FAILS = ProvedRun("an expectation is not met: expected 1, saw 2")
PASSES = ProvedRun("exit status 0", passes=True)


def tree(
    name: str, run: ProvedRun, without: ProvedRun | None = PASSES, *, has_fired: bool = True
) -> ProvedTree:
    return ProvedTree(name, run, without, has_fired)


def sentence(old: ProvedTree, new: ProvedTree) -> str:
    found = conclude(old, new)
    assert found.is_proved is found.sentence.startswith("Proved: ")
    return found.sentence


def record(end: FlowEnd, *unmet: str) -> RunRecord:
    return RunRecord(end, (WorldRecord((), (), {}, (), unmet, frozenset()),))


def test_failing_on_the_old_and_passing_on_the_new_tree_is_a_proof() -> None:
    assert sentence(tree("HEAD", FAILS), tree("here", PASSES)) == (
        "Proved: it fails on HEAD, and passes on here."
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (PASSES, PASSES, "it passes on both: the scenario does not reproduce the bug."),
        (FAILS, FAILS, "it fails on both: on here an expectation is not met: expected 1, saw 2."),
        (PASSES, FAILS, "it passes on HEAD and fails on here: the bug is new."),
    ],
    ids=["passes on both", "fails on both", "fails here alone"],
)
def test_any_other_pair_of_results_proves_nothing(
    old: ProvedRun, new: ProvedRun, told: str
) -> None:
    assert sentence(tree("HEAD", old), tree("here", new)) == f"Not proved: {told}"


def test_a_failed_exit_on_the_new_tree_gets_a_hint_to_told_by() -> None:
    word = judge_run(record(FlowEnd(3)), None)

    assert sentence(tree("HEAD", FAILS), tree("here", word)) == (
        "Not proved: it fails on both: on here exit status 3. If the command reports this on"
        " purpose, name the sign with --told-by."
    )


def test_an_old_tree_that_fails_without_the_scenario_proves_nothing() -> None:
    """Its dependencies may be missing, which says nothing about the code."""
    broken = ProvedRun("exit status 1")

    assert sentence(tree("HEAD", FAILS, broken), tree("here", PASSES)) == (
        "Not proved: on HEAD it fails even without a failure: exit status 1. Files that git does"
        " not track are missing there."
    )


def test_a_new_tree_that_fails_without_the_scenario_proves_nothing() -> None:
    broken = ProvedRun("exit status 1")

    assert sentence(tree("HEAD", FAILS), tree("here", FAILS, broken)) == (
        "Not proved: on here it fails even without a failure: exit status 1."
    )


def test_a_command_that_needs_the_scenario_on_both_trees_can_be_proved() -> None:
    """For example a test that expects the failure: without it, the test fails on both trees."""
    needs = ProvedRun("exit status 1")

    assert conclude(tree("HEAD", FAILS, needs), tree("here", PASSES, needs)).is_proved


def test_a_scenario_without_fired_rules_on_the_old_tree_proves_nothing() -> None:
    """On the new tree no rule has to fire: the repair may have removed the call."""
    silent = tree("HEAD", FAILS, has_fired=False)

    assert sentence(silent, tree("here", PASSES)) == (
        "Not proved: on HEAD no rule of the scenario has fired (an expectation is not met:"
        " expected 1, saw 2)."
    )
    assert conclude(tree("HEAD", FAILS), tree("here", PASSES, has_fired=False)).is_proved


@pytest.mark.parametrize(
    ("end", "unmet", "passes", "why"),
    [
        (FlowEnd(0), (), True, "exit status 0"),
        (FlowEnd(0), ("saw 2",), False, "an expectation is not met: saw 2"),
        (FlowEnd(4), (), True, "it reports what happened (exit 4)"),
        (FlowEnd(4), ("saw 2",), False, "an expectation is not met: saw 2"),
        (FlowEnd(1, "no"), (), False, "exit status 1"),
        (FlowEnd(1, crash="a traceback"), (), False, "a traceback"),
        (FlowEnd(-1, timed_out=True), (), False, "it did not finish in time"),
    ],
    ids=["success", "success but unmet", "told", "told but unmet", "failure", "crash", "timeout"],
)
def test_a_run_passes_or_fails_by_expectations_exit_and_told_by(
    end: FlowEnd, unmet: tuple[str, ...], why: str, *, passes: bool
) -> None:
    found = judge_run(record(end, *unmet), "exit 4")

    assert (found.passes, found.why) == (passes, why)


def test_a_failed_command_is_shown_with_its_last_lines() -> None:
    found = judge_run(record(FlowEnd(1, "one\ntwo\nthree\nfour")), None)

    assert found.happened == ("the command: exit status 1", "  two", "  three", "  four")


def test_both_runs_are_shown_side_by_side() -> None:
    old = tree("HEAD", ProvedRun("exit status 1", ("create_payment: 201", "create_payment: 201")))
    new = tree(
        "here", ProvedRun("exit status 0", ("create_payment: 201 " + "x" * 50,), passes=True)
    )

    assert side_by_side(old, new).splitlines() == [
        "HEAD                                              here",
        "fails: exit status 1                              passes: exit status 0",
        "",
        f"create_payment: 201                               create_payment: 201 {'x' * 28}",
        f"create_payment: 201                                 {'x' * 22}",
    ]


def report(tmp_path: Path, **changes: object) -> Path:
    finding = {"name": "01-it", "verdict": "double_charge", "happened": ["create_payment: 201"]}
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"format": 1, "seed": 0, "findings": [finding]} | changes))
    return file


def test_a_finding_of_an_earlier_report_replaces_the_old_tree(tmp_path: Path) -> None:
    old = read_earlier(report(tmp_path), "01-it", seed=0, command="python pay.py")

    assert old.run == ProvedRun("double_charge", ("create_payment: 201",))
    assert conclude(old, tree("here", PASSES)).is_proved


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"findings": []}, "has no finding '01-it'; it has none at all"),
        ({"seed": 3}, "was made with seed 3: add --seed 3"),
        ({"format": 2}, "expected a report written by `explore --json FILE`"),
    ],
)
def test_an_unsuitable_report_is_rejected(
    changes: dict[str, object], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=why):
        read_earlier(report(tmp_path, **changes), "01-it", seed=0, command="python pay.py")
