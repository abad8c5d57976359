"""Coverage of failure: counts of servers compared with the family of failures; text and files."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.exploration.coverage import (
    FailureCoverage,
    OtherRow,
    as_page,
    as_text,
    coverage_files,
    coverage_of,
    headline,
    table,
    why_too_low,
)
from payments_sandbox.exploration.failures import EVENTS, CallFailure, all_failures
from payments_sandbox.scenarios.loader import load
from tests.support.values import MetCall, broken_markup, tally

ALL: Final = len(all_failures())


def met(coverage: FailureCoverage) -> dict[str, int]:
    """Return the count of each failure that was met."""
    return {
        f"{row.failure.subject} {row.failure.id}": row.times for row in coverage.rows if row.times
    }


def test_failures_of_a_write_are_counted_by_commit() -> None:
    found = coverage_of(
        [tally(("create_payment", "drop", True, 2), ("create_payment", "drop", False, 1))]
    )

    assert met(found) == {"create_payment drop_after_commit": 2, "create_payment drop": 1}


def test_commit_is_ignored_for_failures_without_that_choice() -> None:
    found = coverage_of(
        [tally(("create_payment", "card_declined", False, 1), ("create_payment", "slow", True, 3))]
    )

    assert met(found) == {"create_payment card_declined": 1, "create_payment slow": 3}


def test_counts_of_several_servers_are_added() -> None:
    one = tally(("list_payments", "hang", None, 2), webhooks=(("refund.created", "lost", 1),))
    other = tally(("list_payments", "hang", None, 5), webhooks=(("refund.created", "twice", 1),))

    assert met(coverage_of([one, other])) == {
        "list_payments hang": 7, "refund.created lost": 1, "refund.created twice": 1,
    }  # fmt: skip


def test_counts_from_before_are_subtracted() -> None:
    before = tally(("list_payments", "hang", None, 2), ("list_payments", "drop", None, 1))
    now = tally(("list_payments", "hang", None, 3), ("list_payments", "drop", None, 1))

    found = coverage_of([now], before)

    assert met(found) == {"list_payments hang": 1}


def test_successful_calls_count_as_used_but_meet_no_failure() -> None:
    found = coverage_of([tally(("create_payment", None, None, 40))])

    assert (found.met, found.percent, list(found.used)) == (0, 0, ["create_payment"])


def test_failures_outside_the_family_are_listed_as_others() -> None:
    found = coverage_of(
        [
            tally(
                ("create_payment", "respond_raw", False, 2), ("list_payments", "not_found", None, 1)
            )
        ]
    )

    assert met(found) == {}
    assert found.others == (
        OtherRow("create_payment", "respond_raw", 2),
        OtherRow("list_payments", "not_found", 1),
    )


def test_an_error_code_counts_as_seen_after_one_operation_answered_it() -> None:
    found = coverage_of([tally(("create_refund", "internal_error", True, 1))])

    assert found.errors_seen == ["internal_error"]
    assert "invalid_request" in found.errors_unseen
    assert "drop" not in found.errors_unseen


def test_the_percentage_is_rounded_down() -> None:
    every: list[MetCall] = [
        (each.subject, each.name, each.commit, 1)
        for each in all_failures()
        if isinstance(each, CallFailure)
    ]
    webhooks = [
        (each.subject, each.name, 1) for each in all_failures() if not isinstance(each, CallFailure)
    ]

    assert coverage_of([tally(*every, webhooks=tuple(webhooks))]).percent == 100
    assert coverage_of([tally(*every, webhooks=tuple(webhooks[1:]))]).percent == 98
    assert coverage_of([tally(*every[1:], webhooks=tuple(webhooks))]).met == ALL - 1


def test_missing_failures_list_used_operations_that_move_money_first() -> None:
    found = coverage_of([tally(("create_refund", None, None, 1))])

    first, *_ = found.missing
    assert (first.subject, first.id) == ("create_refund", "internal_error_after_commit")
    assert found.missing[-1].subject != "create_refund"


def test_a_missing_failure_has_a_scenario_in_the_json() -> None:
    found = coverage_of([tally(("create_payment", "drop", True, 1))]).as_json()

    [hit] = [each for each in found["failures"] if each["count"]]
    assert hit == {
        "operation": "create_payment", "failure": "drop", "commit": True, "count": 1,
        "about": "the connection breaks and no reply comes, although the operation took effect",
    }  # fmt: skip
    [missing] = [
        each
        for each in found["failures"]
        if (each.get("event"), each["failure"]) == (EVENTS[0], "lost")
    ]
    assert missing["scenario"]["rules"] == [
        {"name": "lost", "webhook": "payment.completed", "do": {"drop": True}}
    ]
    assert (found["met"], found["total"]) == (1, ALL)


def test_the_table_has_none_for_failures_that_an_operation_cannot_have() -> None:
    found = coverage_of([tally(("create_payment", "drop", True, 1))])

    rows = dict(table(found.rows, ("create_payment", "list_payments")))

    assert rows["drop_after_commit"] == [1, None]
    assert rows["drop"] == [0, 0]
    assert [*rows].index("internal_error") < [*rows].index("drop_after_commit")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [(0, None), (1, None), (1.5, "1 % of the failures were met, but 1.5 % are required")],
)
def test_coverage_below_the_required_percentage_is_reported(wanted: float, why: str | None) -> None:
    found = coverage_of([tally(("create_payment", "drop", True, 1))])

    assert why_too_low(found, wanted) == why


def test_a_suite_without_calls_fails_any_required_percentage() -> None:
    found = coverage_of([])

    assert why_too_low(found, 0) == (
        "no calls reached a sandbox that counts failures, so none is covered"
    )


LOST = tally(
    ("create_payment", "drop", True, 2),
    ("list_payments", None, None, 9),
    ("list_payments", "respond_raw", None, 1),
    webhooks=(("payment.completed", "forged", 1),),
)


def test_the_text_begins_with_the_totals() -> None:
    first, *_ = as_text(coverage_of([LOST]), "--coverage-json").splitlines()

    assert first == (
        f"coverage of failure: 2 of {len(all_failures())} met (2 %); API errors seen: 0 of 19"
    )


def test_the_text_table_shows_counts_missing_and_impossible_failures() -> None:
    lines = as_text(coverage_of([LOST]), "--coverage-json").splitlines()
    heads = next(line for line in lines if "create_payment" in line)
    [drop] = [line for line in lines if line.startswith("drop_after_commit")]
    [forged] = [line for line in lines if line.startswith("forged")]

    assert heads.split() == ["create_payment", "retrieve_payment", "list_payments", "create_refund"]
    assert drop.split() == ["drop_after_commit", "2", "-"]
    assert len(drop) == len(heads)
    assert forged.split() == ["forged", "1", "-", "-", "-"]


def test_the_text_shows_some_missing_failures_with_rules_and_counts_the_rest() -> None:
    text = as_text(coverage_of([LOST]), "--coverage-json")

    assert (
        "  create_payment hang_after_commit: no reply comes, the connection stays open,"
        " although the operation took effect\n"
        "    {name: hang-after-commit, request: create_payment,"
        " do: [{hang: {commit: true, for: 2500ms}}]}\n"
    ) in text
    assert text.endswith(
        f"  and {len(all_failures()) - 7} more; --coverage-json FILE lists them all\n"
    )


def test_the_text_lists_failures_outside_the_family() -> None:
    assert "\nalso met: list_payments respond_raw (1)\n" in as_text(coverage_of([LOST]), "")


def test_the_text_lists_all_missing_failures_if_there_are_few() -> None:
    calls = [
        (each.subject, each.name, each.commit, 1)
        for each in all_failures()
        if isinstance(each, CallFailure)
    ]
    webhooks = [
        (each.subject, each.name, 1) for each in all_failures() if not isinstance(each, CallFailure)
    ]
    one_left = coverage_of([tally(*calls, webhooks=tuple(webhooks[1:]))])
    none_left = coverage_of([tally(*calls, webhooks=tuple(webhooks))])

    assert as_text(one_left, "").endswith("do: {drop: true}}\n")
    assert "never met" not in as_text(none_left, "")


def test_the_text_for_a_server_without_calls_has_no_table() -> None:
    """A table or a number would look like a result."""
    assert as_text(coverage_of([tally()]), "") == (
        "coverage of failure: nothing is covered, because no calls reached a sandbox that counts"
        " failures.\n"
    )


def test_the_text_without_any_server_is_the_headline_alone() -> None:
    unused = coverage_of([])

    assert as_text(unused, "--coverage-json") == f"{headline(unused)}\n"
    assert headline(unused).startswith("coverage of failure: nothing is covered")


COVERAGE = coverage_of([tally(("create_payment", "drop", True, 2))])


class Page(HTMLParser):
    """Collects the cells and scenarios of a page, and the resources that it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.scenarios: list[str] = []
        self.loads: list[str] = []
        self._tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle an opening tag."""
        self._tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        """Collect the text of a cell or a scenario."""
        if self._tags[-1:] == ["td"]:
            self.cells.append(data)
        if self._tags[-1:] == ["pre"]:
            self.scenarios.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Handle a closing tag."""
        while self._tags and self._tags.pop() != tag:
            pass


def test_the_page_has_a_cell_per_failure_and_no_external_resources() -> None:
    page = Page()
    page.feed(as_page(COVERAGE))

    assert sorted(page.cells) == ["2"] + ["never"] * (len(all_failures()) - 1)
    assert page.loads == []


def test_the_page_is_well_formed_html() -> None:
    page = as_page(COVERAGE)

    assert broken_markup(page) == []
    assert page.count("<table>") == 2


def test_the_page_shows_a_loadable_scenario_for_each_missing_failure() -> None:
    page = Page()
    page.feed(as_page(COVERAGE))

    assert len(page.scenarios) == len(COVERAGE.missing)
    assert all(load(each, name=None).problems == () for each in page.scenarios[:3])


def test_only_requested_coverage_files_are_written() -> None:
    one, other = Path("one.json"), Path("other.html")

    assert dict(coverage_files(COVERAGE, json_file=None, html_file=None)) == {}
    found = dict(coverage_files(COVERAGE, json_file=one, html_file=other))
    assert json.loads(found[one]) == COVERAGE.as_json()
    assert found[other] == as_page(COVERAGE)
