"""Coverage of failure as files."""

import json
from html.parser import HTMLParser
from pathlib import Path

from payments_sandbox.exploration.coverage import coverage_of
from payments_sandbox.exploration.coverage_files import as_page, coverage_files
from payments_sandbox.exploration.failures import all_failures
from payments_sandbox.scenarios.loader import load
from tests.support.values import tally

COVERAGE = coverage_of([tally(("create_payment", "drop", True, 2))])


class Page(HTMLParser):
    """The cells and the scenarios of a page, and what it would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.scenarios: list[str] = []
        self.loads: list[str] = []
        self._tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that opens."""
        self._tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        """Keep what a cell or a scenario says."""
        if self._tags[-1:] == ["td"]:
            self.cells.append(data)
        if self._tags[-1:] == ["pre"]:
            self.scenarios.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Note a tag that closes."""
        while self._tags and self._tags.pop() != tag:
            pass


def test_the_page_has_a_cell_for_each_failure_and_loads_nothing() -> None:
    page = Page()
    page.feed(as_page(COVERAGE))

    assert sorted(page.cells) == ["2"] + ["never"] * (len(all_failures()) - 1)
    assert page.loads == []


def test_every_missing_failure_has_its_scenario_on_the_page_as_a_file_would_have_it() -> None:
    page = Page()
    page.feed(as_page(COVERAGE))

    assert len(page.scenarios) == len(COVERAGE.missing)
    assert all(load(each, name=None).problems == () for each in page.scenarios[:3])


def test_only_the_files_that_were_asked_for_are_written() -> None:
    one, other = Path("one.json"), Path("other.html")

    assert dict(coverage_files(COVERAGE, json_file=None, html_file=None)) == {}
    found = dict(coverage_files(COVERAGE, json_file=one, html_file=other))
    assert json.loads(found[one]) == COVERAGE.as_json()
    assert found[other] == as_page(COVERAGE)
