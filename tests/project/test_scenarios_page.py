"""docs/scenarios.md is what `make docs` makes of the library."""

from tests.project.blocks import read_blocks
from tests.project.scenarios_page import PAGE, page


def test_the_page_is_as_it_is_made() -> None:
    """After a change to a scenario: `make docs`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_shows_each_scenario_whole() -> None:
    """With every rule and every expectation that its file has."""
    shown = {block.heading: block.code for block in read_blocks(PAGE) if block.language == "yaml"}

    assert len(shown) == 20
    assert all("expect:\n" in code for code in shown.values())
    assert "- {drop: {commit: true, how: reset}}" in shown["lost-reply"]
