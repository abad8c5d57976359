"""docs/scenarios.md is what `make docs` generates from the library."""

from tests.project.blocks import read_blocks
from tests.project.scenarios_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    """After changing a scenario, run `make docs`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_shows_rules_and_expectations_of_each_scenario() -> None:
    shown = {block.heading: block.code for block in read_blocks(PAGE) if block.language == "yaml"}

    assert len(shown) == 20
    assert all("expect:\n" in code for code in shown.values())
    assert "- {drop: {commit: true, how: reset}}" in shown["lost-reply"]
