"""Reports as text."""

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
from tests.support.tables import for_each

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


def test_the_text_of_a_failed_report_has_all_parts() -> None:
    """The summary comes first, then each part with its observations."""
    assert as_text(only_report(FAILED_REPORT)) == WHOLE


def test_a_passed_report_fits_one_line() -> None:
    assert (
        as_one_line(only_report(PASSED_REPORT))
        == "passed: 1 expectation met; 1 rule fired; the audit is clean"
    )


def test_a_report_without_scenarios_shows_only_the_audit() -> None:
    assert as_text(only_report(EMPTY_REPORT)) == "passed: the audit is clean\n"


def test_a_rule_that_went_wrong_is_counted_in_the_summary() -> None:
    """All expectations are met, but the line still says why the report failed."""
    report = copy.deepcopy(PASSED_REPORT)
    report["passed"] = False
    report["rules"][0]["why_not"] = "ran out of steps twice (then: fail)"
    assert as_one_line(only_report(report)) == (
        "failed: 1 expectation met; 1 rule fired; 1 rule went wrong; the audit is clean"
    )


@pytest.mark.parametrize(("width", "columns"), [(None, 88), (200, 88), (61, 50), (12, 20)], ids=str)
def test_audit_texts_are_wrapped_to_the_width_without_breaking_words(
    width: int | None, columns: int
) -> None:
    """Ids stay complete, so that they can be copied."""
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


def test_several_worlds_are_shown_below_a_common_summary() -> None:
    """Each has its name, key, and why its report was made early."""
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
def test_the_short_text_is_empty_one_line_or_the_whole_report(
    reports: list[ReportModel], said: str
) -> None:
    assert as_short_text([WorldReport("sk_test_a", report) for report in reports]) == said


def test_reports_of_ended_scenarios_do_not_count_as_worlds() -> None:
    """Their expectations count; audit and undocumented calls come from the report of the world."""
    world = WorldReport("sk_test_a", {**UNDOCUMENTED_REPORT, "expectations": [], "rules": []})
    part = WorldReport("sk_test_a", FAILED_REPORT, "when lost-reply ended", is_part=True)
    alone = as_one_line([part])

    assert as_one_line([part, world]).startswith("failed: ")
    assert "world" not in as_one_line([part, world])
    assert "1 undocumented call" in as_one_line([part, world])
    assert "audit finding" not in as_one_line([part, world])
    assert "audit finding" in alone


def test_an_unused_world_has_not_passed_unless_an_expectation_is_met() -> None:
    """An expectation can be met without a request."""
    idle: ReportModel = {**EMPTY_REPORT, "rules": FAILED_REPORT["rules"][2:]}
    passed = WorldReport("sk_test_a", PASSED_REPORT, was_used=False)

    assert as_one_line([UNUSED_WORLD]) == "nothing happened: no requests received"
    assert as_one_line([WorldReport("sk_test_a", idle, was_used=False)]) == (
        "nothing happened: no requests received; 1 of 1 rule never fired"
    )
    assert as_one_line([UNUSED_WORLD, *only_report(EMPTY_REPORT)]).startswith("passed: 2 worlds;")
    assert as_one_line([passed]).startswith("passed: 1 expectation met;")


@pytest.mark.parametrize(("is_strict", "outcome"), [(False, "passed"), (True, "failed")])
def test_undocumented_calls_are_shown_and_fail_a_strict_report(
    *, is_strict: bool, outcome: str
) -> None:
    report = WorldReport("sk_test_a", UNDOCUMENTED_REPORT, is_strict=is_strict)
    said = (
        f"{outcome}: 1 undocumented call; the audit is clean\n\ntest_pays (sk_test_a)\n"
        "\nundocumented calls:\n"
        "  POST /v3/payment: the API has no such call; did you mean POST /v3/payments?\n"
        "           req_1\n"
    )

    assert (as_short_text([report]), report.passed) == (said, not is_strict)


@for_each(
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
def test_a_value_is_shown_in_yaml_flow_style(value: object, shown: str) -> None:
    """Texts that YAML would read as another type are quoted."""
    assert flow(value) == shown
    assert yaml.safe_load(shown) == value
