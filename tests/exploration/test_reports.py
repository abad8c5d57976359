"""Reports of an exploration: text, JSON, page, annotations, and lists of calls."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from payments_sandbox.cli.exploration.reports import annotations
from payments_sandbox.exploration.exploration import ExplorationOptions, ExplorationResult, explore
from payments_sandbox.exploration.page import as_page
from payments_sandbox.exploration.report import (
    ExploredFlow,
    as_json,
    new_findings,
    read_baseline,
    scenario_of,
)
from payments_sandbox.exploration.report_text import as_text, cells, legend, matrix
from payments_sandbox.exploration.run_record import FlowEnd, RunRecord, call_by_call
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.yaml_writer import text_of
from payments_sandbox.testing.sandbox import Sandbox
from tests.support.flows import flow_of, order
from tests.support.values import broken_markup

FLOW = ExploredFlow("shop <test>", "payments-sandbox run --scenario FILE -- shop", 1, 7)


def pays_again(api: httpx.Client, _: Sandbox) -> int:
    """Tries twice, and stops at an answer."""
    for _attempt in range(2):
        try:
            reply = api.post("/payments", json=order())
        except httpx.HTTPError:
            continue
        return 0 if reply.json()["status"] == "completed" else 1
    return 1


@pytest.fixture(scope="module")
def result() -> ExplorationResult:
    """Return the exploration of a client with three runs, and no time for the last one."""
    among = frozenset({"drop", "card_declined", "malform_after_commit"})
    times = iter([True] * 3)
    return explore(
        flow_of(pays_again), ExplorationOptions(among=among), has_time=lambda: next(times, False)
    )


def test_the_text_lists_findings_worst_first_with_their_calls(result: ExplorationResult) -> None:
    text = as_text(FLOW, result)

    assert text.splitlines()[:2] == [
        (
            "2 findings in 3 runs (double_charge 1, crash 1, survived 1); 1 left out, since time"
            " was up"
        ),
        "",
    ]
    assert "drop_after_commit                   D\n" in text
    assert "card_declined                       .\n" in text
    assert text.index("01 double_charge: ") < text.index("02 crash: ")
    assert "1. create_payment of 4200 USD for cust_ada: no reply (drop), it took effect\n" in text
    assert "→ cust_ada paid 8400 USD, but 4200 without the failure.\n" in text
    assert f"run --scenario {result.found[0].name}.yaml -- shop\n" in text
    assert "where 01-" not in text


def test_the_text_includes_scenarios_if_no_files_are_kept(result: ExplorationResult) -> None:
    text = as_text(FLOW._replace(keeps_files=False), result)

    assert f"     with {result.found[0].name}.yaml:\n" in text
    assert f"          scenario: {result.found[0].name}\n" in text


def test_accepted_findings_are_shown_but_do_not_count(result: ExplorationResult) -> None:
    first, second = result.found
    flow = FLOW._replace(accepted=frozenset({first.identity, "crash"}))

    assert new_findings(flow, result) == []
    assert as_text(flow, result).startswith("nothing found, 2 accepted in 3 runs")
    assert "01 double_charge (accepted): " in as_text(flow, result)
    assert list(annotations(flow, result)) == []
    assert as_json(flow, result)["is_well"] is True
    assert [each.verdict for each in (first, second)] == ["double_charge", "crash"]


def test_the_json_lists_every_run_with_its_verdict(result: ExplorationResult) -> None:
    report: dict[str, Any] = json.loads(json.dumps(as_json(FLOW, result)))

    assert [(run["number"], run["verdict"], run["exit_code"]) for run in report["runs"]] == [
        (1, "double_charge", 0),
        (2, "crash", 1),
        (3, "survived", 0),
    ]
    assert report["verdicts"] == {"double_charge": 1, "crash": 1, "survived": 1}
    assert report["left"][0][0]["failure"] == "card_declined"
    assert report["findings"][0]["failures"][0] == {
        "call": "create_payment of cust_ada, 1st",
        "operation": "create_payment",
        "customer": "cust_ada",
        "nth": 1,
        "failure": "drop_after_commit",
        "about": "the connection breaks and no reply comes, although the operation took effect",
    }
    assert (report["is_well"], report["seed"], report["depth"]) == (False, 7, 1)


def test_the_scenario_of_a_finding_loads_and_expects_the_baseline_money(
    result: ExplorationResult,
) -> None:
    double, crash = (scenario_of(each, result) for each in result.found)

    assert load(text_of(double), name=double["scenario"]).problems == ()
    assert double["expect"] == [
        {
            "payments": {
                "customer_id": "cust_ada",
                "currency": "USD",
                "status": ["completed", "pending"],
            },
            "total": 4200,
        }
    ]
    assert "expect" not in crash


def test_the_page_is_one_well_formed_file_without_external_resources(
    result: ExplorationResult,
) -> None:
    page = as_page(FLOW, result)

    assert "<title>Explored: shop &lt;test&gt;</title>" in page
    assert '<td class="unwell">double_charge</td>' in page
    assert '<td class="well">survived</td>' in page
    assert result.found[0].name in page
    assert not any(each in page for each in ("<script", "src=", "href=", "http:", "https:"))
    assert broken_markup(page) == []


def test_github_annotations_are_one_escaped_line_each(result: ExplorationResult) -> None:
    first, _ = annotations(FLOW, result)

    assert first.startswith(
        "::error title=double_charge%3A a customer has paid more than without the failure::create_"
    )
    assert "%0Acust_ada paid 8400 USD, but 4200 without the failure.%0A" in first


def test_a_matrix_wider_than_the_terminal_is_split(result: ExplorationResult) -> None:
    names = [result.names[0], *(result.names[0]._replace(nth=nth) for nth in range(2, 5))]
    marks = {(name, "drop"): "D" for name in names}

    assert matrix(names, marks, width=42) == [
        f"{'':34}  1  2",
        f"{'drop':34}  D  D",
        f"{'':34}  3  4",
        f"{'drop':34}  D  D",
    ]


def test_the_legend_explains_only_the_marks_in_use(result: ExplorationResult) -> None:
    marks = cells(result._replace(left=()))

    assert legend(result.names, marks.values())[-1] == "D double charge  C crash  · survived"


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (FlowEnd(-1, timed_out=True), "the command was ended at its timeout"),
        (FlowEnd(139, crash="ended by SIGSEGV"), "the command: ended by SIGSEGV"),
        (FlowEnd(3), "the command: exit status 3"),
    ],
)
def test_the_call_list_ends_with_the_exit_of_the_command(end: FlowEnd, last: str) -> None:
    assert call_by_call(RunRecord(end, ())) == (last,)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"respond": {"error": "card_declined"}}, "400 card_declined"),
        (
            {"respond": {"error": "internal_error", "commit": True}},
            ("500 internal_error, it took effect"),
        ),
        (
            {"malform": {"commit": False, "as": "html"}},
            ("a damaged reply (malform), nothing happened"),
        ),
        ({"hang": {"commit": True, "for": "100ms"}}, "no reply (hang), it took effect"),
    ],
    ids=["error", "error after commit", "damaged reply", "no reply after commit"],
)
def test_a_call_is_described_by_the_result_it_met(step: dict[str, Any], told: str) -> None:
    def body(api: httpx.Client, _: Sandbox) -> int:
        try:
            api.post("/payments", json=order())
        except httpx.HTTPError:
            return 1
        return 0

    scenario = {"scenario": "one", "rules": [{"request": "create_payment", "do": [step]}]}
    first, *_ = call_by_call(flow_of(body)(scenario))

    assert first.startswith(f"create_payment of 4200 USD for cust_ada: {told}")


def test_differences_and_pruned_failures_are_at_the_end_of_the_text(
    result: ExplorationResult,
) -> None:
    text = as_text(
        FLOW, result._replace(differences=("Two runs differ.",), pruned={"too many": 1_200})
    )

    assert text.endswith("\nTwo runs differ.\n\nfailures left out:\n   1200  too many\n")


def test_a_finding_that_was_not_reproduced_is_marked(result: ExplorationResult) -> None:
    first = result.found[0]
    again = first._replace(witnesses=(first.run, first.run), is_repeatable=False)
    text = as_text(FLOW, result._replace(found=(again,)))

    assert "     the same after: drop_after_commit\n" in text
    assert "     another run of it had another outcome\n" in text


def test_a_run_whose_failure_was_not_met_is_neither_good_nor_a_finding(
    result: ExplorationResult,
) -> None:
    run = result.runs[2]._replace(is_met=False)
    without = result._replace(runs=(run,), found=(), left=())

    assert as_text(FLOW, without).startswith("nothing found in 1 run (not_met 1)\n")
    assert "- not met" in as_text(FLOW, without)
    assert "<td>-</td>" in as_page(FLOW, without)
    assert as_json(FLOW, without)["is_well"] is False


def test_a_finding_counts_although_its_failure_was_not_met(
    result: ExplorationResult,
) -> None:
    """A client that goes wrong without the failure is still a finding in every report."""
    first = result.found[0]
    run = first.run._replace(is_met=False)
    found = first._replace(run=run, witnesses=(run,))
    one = result._replace(runs=(run,), found=(found,), left=())

    assert as_text(FLOW, one).startswith("1 finding in 1 run (double_charge 1)\n")
    assert "drop_after_commit                   D\n" in as_text(FLOW, one)
    assert as_json(FLOW, one)["verdicts"] == {"double_charge": 1}


def test_the_call_list_shows_the_last_line_of_a_crash() -> None:
    end = FlowEnd(1, output="paying\nKeyError: 1", crash="a trace of Python")

    assert call_by_call(RunRecord(end, ())) == (
        "the command: a trace of Python",
        "its last line: KeyError: 1",
    )


def test_the_call_list_shows_webhooks_after_calls() -> None:
    def body(api: httpx.Client, world: Sandbox) -> int:
        world.control.create_webhook_endpoint("inbox:shop")
        return api.post("/payments", json=order()).status_code - 201

    assert call_by_call(flow_of(body)(None)) == (
        "create_payment of 4200 USD for cust_ada: 201",
        "webhook payment.completed for cust_ada",
        "the command: exit status 0",
    )


def test_the_baseline_is_the_identities_of_an_earlier_report(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"format": 1, "findings": [{"identity": "a"}, {"identity": "b"}]}))

    assert read_baseline(file) == {"a", "b"}


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "findings": []}'])
def test_an_invalid_baseline_file_is_rejected(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)

    with pytest.raises(ValueError, match="expected a report written by `explore --json FILE`"):
        read_baseline(file)


def test_a_missing_baseline_file_is_reported_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*x\.json: No such file"):
        read_baseline(tmp_path / "x.json")
