"""Reports as JUnit XML for CI servers."""

import copy
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from payments_sandbox.client.models import ReportModel
from payments_sandbox.verification.report_junit import as_junit
from payments_sandbox.verification.report_text import WorldReport
from tests.support.process import (
    EMPTY_REPORT,
    FAILED_REPORT,
    PASSED_REPORT,
    UNDOCUMENTED_REPORT,
    UNUSED_WORLD,
    only_report,
)

SCHEMA: Final = Path(__file__).parents[1] / "cli" / "junit.xsd"

WHOLE: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="payments-sandbox">
  <testsuite name="payments-sandbox: sk_test_sandbox" tests="3" failures="0" skipped="1" errors="0">
    <testcase classname="payments-sandbox.sk_test_sandbox" \
name="{payments: {status: completed}, count: 1}" />
    <testcase classname="payments-sandbox.sk_test_sandbox" name="lost-reply: noise">
      <skipped message="no such call was made" />
    </testcase>
    <testcase classname="payments-sandbox.sk_test_sandbox" name="audit" />
    <system-out>sk_test_sandbox
passed: 1 expectation met; 1 of 2 rules never fired; the audit is clean

expectations:
  met      {payments: {status: completed}, count: 1}
           expected 1, saw 1: pay_1

rules:
  fired 1×  lost-reply: lost
  never fired  lost-reply: noise
           no such call was made
</system-out>
  </testsuite>
</testsuites>
"""


def outcomes(report: ReportModel) -> list[list[str | None]]:
    """Return the name of each case, with outcome and message if it did not pass."""
    root = ET.fromstring(as_junit(only_report(report)))  # noqa: S314 - it is our own
    return [
        [case.get("name"), *(part for each in case for part in (each.tag, each.get("message")))]
        for case in root.iter("testcase")
    ]


def test_a_report_becomes_one_test_suite() -> None:
    """It has a case for each expectation and each rule with a problem, and the whole text."""
    report = copy.deepcopy(PASSED_REPORT)
    report["rules"].append(
        {
            "scenario": "lost-reply",
            "rule": "noise",
            "matched": 0,
            "fired": 0,
            "why_not": "no such call was made",
        }
    )
    assert as_junit(only_report(report)) == WHOLE


def test_each_world_has_its_own_test_suite() -> None:
    """It has the world's name or key, its counts, and a number if the world has several reports."""
    named: ReportModel = {**FAILED_REPORT, "name": "test_pays"}
    reports = [
        WorldReport("sk_test_a", PASSED_REPORT),
        WorldReport("sk_test_b", named),
        WorldReport("sk_test_a", PASSED_REPORT, "reset"),
    ]
    root = ET.fromstring(as_junit(reports))  # noqa: S314 - it is our own

    assert [(suite.get("name"), suite.get("failures")) for suite in root] == [
        ("payments-sandbox: sk_test_a", "0"),
        ("payments-sandbox: test_pays", "3"),
        ("payments-sandbox: sk_test_a #2", "0"),
    ]
    assert {case.get("classname") for case in root[1].iter("testcase")} == {
        "payments-sandbox.test_pays"
    }


def test_an_unused_world_becomes_a_skipped_test_case() -> None:
    """An empty file would look like a success."""
    [suite] = ET.fromstring(as_junit([UNUSED_WORLD]))  # noqa: S314 - it is our own

    assert [suite.get(each) for each in ("tests", "failures", "skipped")] == ["1", "0", "1"]
    [skipped] = suite.iter("skipped")
    assert skipped.get("message") == "nothing happened: no requests received"


@pytest.mark.parametrize(("is_strict", "outcome"), [(False, "skipped"), (True, "failure")])
def test_undocumented_calls_are_a_skipped_or_failed_test_case(
    *, is_strict: bool, outcome: str
) -> None:
    report = WorldReport("sk_test_a", UNDOCUMENTED_REPORT, is_strict=is_strict)
    root = ET.fromstring(as_junit([report]))  # noqa: S314 - it is our own

    assert [each.get("message") for each in root.iter(outcome)] == [
        "POST /v3/payment: the API has no such call; did you mean POST /v3/payments?"
    ]


def test_failed_cases_have_the_observation_as_message() -> None:
    """Rules that never fired are skipped cases."""
    assert outcomes(FAILED_REPORT) == [
        ["{request: create_payment, count: {min: 2, max: 4}}"],
        [
            '{payments: {description: "<b> & \\"you\\": on", status: "on"}, count: 1}',
            "failure",
            "expected 1, saw 2: pay_1, pay_2",
        ],
        ["{audit: clean}", "failure", "found possible_double_charge"],
        ["lost-reply: noise", "failure", "ran out of steps once (then: fail)"],
        ["burst: rule-1", "skipped", "no such call was made"],
        ["audit", "skipped", "found possible_double_charge"],
    ]


def test_a_skipped_status_change_is_a_skipped_test_case() -> None:
    """A passed report therefore has no failed case."""
    report = copy.deepcopy(PASSED_REPORT)
    report["rules"][0]["why_not"] = "skipped once: it is failed"
    assert outcomes(report)[1:-1] == [["lost-reply: lost", "skipped", "skipped once: it is failed"]]


@pytest.mark.parametrize(
    "report", [FAILED_REPORT, EMPTY_REPORT, PASSED_REPORT], ids=["bad", "empty", "well"]
)
def test_the_file_is_valid_junit_xml(report: ReportModel) -> None:
    """It is validated by the usual schema, with special characters in the report."""
    xmlschema.XMLSchema(SCHEMA).validate(as_junit(only_report(report)))


def test_characters_that_xml_cannot_contain_are_escaped() -> None:
    """Control characters and lone surrogates would make the file unreadable."""
    root = ET.fromstring(as_junit(only_report(FAILED_REPORT)))  # noqa: S314 - it is our own
    assert "2500 USD were taken twice for 'a\\x00b\\ud800'." in str(root.findtext(".//system-out"))


def test_the_junit_schema_rejects_invalid_files() -> None:
    """This shows that the validation above can fail."""
    schema = xmlschema.XMLSchema(SCHEMA)
    good = as_junit(only_report(PASSED_REPORT))
    for old, new in ((' name="{pay', ' title="{pay'), ('tests="2"', 'tests="one"')):
        assert old in good
        assert not schema.is_valid(good.replace(old, new))
