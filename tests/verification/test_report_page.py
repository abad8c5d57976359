"""Reports as an HTML page, with user texts escaped."""

import re
from html import unescape
from typing import Final

from payments_sandbox.verification.report_page import as_page
from payments_sandbox.verification.report_text import WorldReport
from tests.support.process import (
    EMPTY_REPORT,
    FAILED_REPORT,
    PASSED_REPORT,
    UNDOCUMENTED_REPORT,
    only_report,
)
from tests.support.values import broken_markup

SEEN: Final = """\
failed: 2 of 3 expectations not met; 1 of 3 rules never fired; 1 rule went wrong; 1 audit finding
sk_test_sandbox
failed: 2 of 3 expectations not met; 1 of 3 rules never fired; 1 rule went wrong; 1 audit finding
Expectations
met
{request: create_payment, count: {min: 2, max: 4}}
expected 2 to 4, saw 2: req_1, req_2
not met
{payments: {description: "<b> & \\"you\\": on", status: "on"}, count: 1}
expected 1, saw 2: pay_1, pay_2
not met
{audit: clean}
found possible_double_charge
Rules
fired 1 of 1
lost-reply: lost
fired 2 of 3
lost-reply: noise
ran out of steps once (then: fail)
fired 0 of 0
burst: rule-1
no such call was made
Audit
possible_double_charge
2500 USD were taken twice for 'a\x00b\ud800'.
Look before you pay again.
req_1, req_2"""


def seen(page: str) -> str:
    """Return the text of a page, one line for each piece."""
    body = page.partition("<body>")[2]
    pieces = re.split(r"(?:<[^>]*>|\n)+", body)
    return "\n".join(unescape(each) for each in pieces if each)


def test_the_page_shows_the_whole_report_with_markup_escaped() -> None:
    page = as_page(only_report(FAILED_REPORT))
    assert seen(page) == SEEN
    assert "<b>" not in page


def test_the_page_marks_good_and_bad_results() -> None:
    """A rule that fired and then went wrong is bad."""
    page = as_page(only_report(FAILED_REPORT))
    marks = re.findall(r'<span class="(\w+)">([^<]*)', page)
    assert marks == [
        ("good", "met"),
        ("bad", "not met"),
        ("bad", "not met"),
        ("good", "fired 1 of 1"),
        ("bad", "fired 2 of 3"),
        ("bad", "fired 0 of 0"),
        ("bad", "possible_double_charge"),
    ]


def test_the_page_omits_headings_of_empty_sections() -> None:
    page = as_page([WorldReport("sk_test_unused", EMPTY_REPORT, was_used=False)])
    assert "<h3>" not in page
    assert "nothing happened: no requests received" in page


def test_the_page_shows_each_world_and_its_undocumented_calls() -> None:
    page = as_page([*only_report(PASSED_REPORT), *only_report(UNDOCUMENTED_REPORT)])
    assert page.count("<h2>") == 2
    assert "the API has no such call; did you mean" in page
    assert "<h1>passed: 2 worlds; " in page


def test_the_page_is_well_formed_html() -> None:
    reports = [*only_report(FAILED_REPORT), *only_report(UNDOCUMENTED_REPORT)]
    assert broken_markup(as_page(reports)) == []
