"""A report as a person reads it."""

import copy
from typing import Final

import pytest
import yaml

from payments_sandbox.client.models import ReportModel
from payments_sandbox.verification.report_text import (
    WorldReport,
    as_one_line,
    as_short_text,
    as_text,
    flow,
)
from tests.support.process import (
    EMPTY_REPORT,
    FAILED_REPORT,
    PASSED_REPORT,
    UNDOCUMENTED_REPORT,
    UNUSED_WORLD,
    only_report,
)

WHOLE: Final = """\
failed: 2 of 3 expectations not met; 1 of 3 rules never fired; 1 rule went wrong; \
1 audit finding

expectations:
  met      {request: create_payment, count: {min: 2, max: 4}}
           expected 2 to 4, saw 2: req_1, req_2
  NOT MET  {payments: {description: "<b> & \\"you\\": on", status: "on"}, count: 1}
           expected 1, saw 2: pay_1, pay_2
  NOT MET  {audit: clean}
           found possible_double_charge

rules:
  fired 1×  lost-reply: lost
  fired 2× of 3  lost-reply: noise
           ran out of steps once (then: fail)
  never fired  burst: rule-1
           no such call was made

audit:
  possible_double_charge
           2500 USD were taken twice for 'a\x00b\ud800'.
           Look before you pay again.
           req_1, req_2
"""


def test_a_report_is_shown_whole() -> None:
    """The outcome in a line, then each part with what was seen."""
    assert as_text(only_report(FAILED_REPORT)) == WHOLE


def test_a_report_that_is_well_is_short() -> None:
    """One line says it."""
    assert (
        as_one_line(only_report(PASSED_REPORT))
        == "passed: 1 expectation met; 1 rule fired; the audit is clean"
    )


def test_a_report_without_scenarios_has_the_audit_alone() -> None:
    """Without scenarios there is the audit alone."""
    assert as_text(only_report(EMPTY_REPORT)) == "passed: the audit is clean\n"


def test_a_rule_that_went_wrong_is_counted() -> None:
    """Where all expectations are met, the line still says why the report has failed."""
    report = copy.deepcopy(PASSED_REPORT)
    report["passed"] = False
    report["rules"][0]["why_not"] = "ran out of steps twice (then: fail)"
    assert as_one_line(only_report(report)) == (
        "failed: 1 expectation met; 1 rule fired; 1 rule went wrong; the audit is clean"
    )


@pytest.mark.parametrize(("width", "columns"), [(None, 88), (200, 88), (61, 50), (12, 20)], ids=str)
def test_what_the_audit_says_is_as_wide_as_is_read_well_or_as_there_is_room(
    width: int | None, columns: int
) -> None:
    """Ids and words stay whole, so that they can be copied."""
    report = copy.deepcopy(FAILED_REPORT)
    finding = report["audit"]["findings"][0]
    finding["message"] = " ".join(["four"] * 40)
    finding["advice"] = "long-" * 20
    text = as_text(only_report(report), width=width)
    message = [line.strip() for line in text.splitlines() if line.startswith(" " * 11 + "four")]

    assert max(map(len, message)) == (columns + 1) // 5 * 5 - 1
    assert f"\n           {'long-' * 20}\n" in text


SEVERAL: Final = """\
failed: 3 worlds; 2 of 5 expectations not met; 1 of 5 rules never fired; 1 rule went wrong; \
1 audit finding

sk_test_1a2b
passed: 1 expectation met; 1 rule fired; the audit is clean

expectations:
  met      {payments: {status: completed}, count: 1}
           expected 1, saw 1: pay_1

rules:
  fired 1×  lost-reply: lost

test_pays (sk_test_3c4d), dropped by DELETE world
"""


def test_several_worlds_are_shown_one_after_the_other() -> None:
    """Below the outcome of all, each by its name and its key, and why it was judged early."""
    named: ReportModel = {**FAILED_REPORT, "name": "test_pays"}
    reports = [
        WorldReport("sk_test_1a2b", PASSED_REPORT),
        WorldReport("sk_test_3c4d", named, "dropped by DELETE world"),
        WorldReport("sk_test_5e6f", PASSED_REPORT),
    ]
    text = as_text(reports)
    first, second, third = text.partition(WHOLE)

    assert first == SEVERAL
    assert second == WHOLE
    assert third.startswith("\nsk_test_5e6f\npassed: ")
    assert as_short_text(reports) == (
        f"{SEVERAL.splitlines()[0]}\n\n{SEVERAL.splitlines()[-1]}\n{WHOLE}"
    )


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([EMPTY_REPORT], ""),
        ([EMPTY_REPORT, EMPTY_REPORT], ""),
        ([PASSED_REPORT], "passed: 1 expectation met; 1 rule fired; the audit is clean\n"),
        (
            [PASSED_REPORT, PASSED_REPORT, EMPTY_REPORT],
            "passed: 3 worlds; 2 expectations met; 2 rules fired; the audit is clean\n",
        ),
        ([FAILED_REPORT], WHOLE),
    ],
    ids=["nothing", "nothing in two", "well", "well in three", "bad"],
)
def test_what_is_well_is_said_in_short(reports: list[ReportModel], said: str) -> None:
    """Nothing, a line, or all there is to say."""
    assert as_short_text([WorldReport("sk_test_a", report) for report in reports]) == said


def test_scenarios_that_have_ended_are_no_world_of_their_own() -> None:
    """What they expected counts; the audit and the calls are those of their world's report."""
    world = WorldReport("sk_test_a", {**UNDOCUMENTED_REPORT, "expectations": [], "rules": []})
    part = WorldReport("sk_test_a", FAILED_REPORT, "when lost-reply ended", is_part=True)
    alone = as_one_line([part])

    assert as_one_line([part, world]).startswith("failed: ")
    assert "world" not in as_one_line([part, world])
    assert "1 undocumented call" in as_one_line([part, world])
    assert "audit finding" not in as_one_line([part, world])
    assert "audit finding" in alone


def test_nothing_that_happened_has_not_passed() -> None:
    """Where nothing was expected; an expectation that is met without a request has passed."""
    idle: ReportModel = {**EMPTY_REPORT, "rules": FAILED_REPORT["rules"][2:]}
    passed = WorldReport("sk_test_a", PASSED_REPORT, was_used=False)

    assert as_one_line([UNUSED_WORLD]) == "nothing happened: no request has come"
    assert as_one_line([WorldReport("sk_test_a", idle, was_used=False)]) == (
        "nothing happened: no request has come; 1 of 1 rule never fired"
    )
    assert as_one_line([UNUSED_WORLD, *only_report(EMPTY_REPORT)]).startswith("passed: 2 worlds;")
    assert as_one_line([passed]).startswith("passed: 1 expectation met;")


@pytest.mark.parametrize(("is_strict", "outcome"), [(False, "passed"), (True, "failed")])
def test_undocumented_calls_are_told_and_fail_where_it_is_strict(
    *, is_strict: bool, outcome: str
) -> None:
    """With what they may have been meant for."""
    report = WorldReport("sk_test_a", UNDOCUMENTED_REPORT, is_strict=is_strict)
    said = (
        f"{outcome}: 1 undocumented call; the audit is clean\n\ntest_pays (sk_test_a)\n"
        "\nundocumented calls:\n"
        "  POST /v3/payment: the API has no such call; did you mean POST /v3/payments?\n"
        "           req_1\n"
    )

    assert (as_short_text([report]), report.passed) == (said, not is_strict)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("payment.*", "payment.*"),
        ("*", '"*"'),
        ("a b-c", "a b-c"),
        ("a: b", '"a: b"'),
        ("", '""'),
        ("NO", '"NO"'),
        ("null", '"null"'),
        ("300ms", "300ms"),
        ("012", '"012"'),
        ("2030-01-15", '"2030-01-15"'),
        ("Zoë", "Zoë"),
        (1200, "1200"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({"in": ["visa", 1]}, "{in: [visa, 1]}"),
    ],
)
def test_a_value_is_shown_as_a_scenario_has_it(value: object, shown: str) -> None:
    """Words are bare, and what YAML would take for something else is quoted."""
    assert flow(value) == shown
    assert yaml.safe_load(shown) == value
