"""Completion in the scenario editor: what it proposes at the cursor, and its use by keyboard."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from payments_sandbox.scenarios.diagnostics import KEY
from payments_sandbox.scenarios.yaml_reader import read_document
from payments_sandbox.testing import Sandbox
from tests.browser.test_dashboard import address
from tests.project.tree import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIRST: Final = [
    "request: ", "event: ", "webhook: ", "at: ", "name: ", "when: ", "per: ", "chance: ", "do: ",
]  # fmt: skip
"""The keys with which a rule can begin."""

RULE: Final = "scenario: a\nrules:\n  - request: create_payment\n"
EXPECTED: Final[dict[str, list[str]]] = {
    "": ["scenario: ", "about: ", "tags: ", "seed: ", "clock: ", "given: ", "rules: ", "expect: "],
    "# scen\nscen": ["scenario: "],
    "scenario: a\nrules:\n  ": [f"- {each}" for each in FIRST],
    "scenario: a\nrules:\n- ": FIRST,
    "scenario: a\nrules:\n  - request: create_": ["create_payment", "create_refund"],
    f"{RULE}    ": ["name: ", "when: ", "per: ", "chance: ", "do: ", "then: "],
    f"{RULE}    then: ": ["pass", "repeat_last", "cycle", "fail"],
    f"{RULE}    do: [pass, {{drop: {{commit: true, how: ": ["close", "reset"],
    f"{RULE}    do: [{{respond: {{error: int": ["internal_error"],
    f"{RULE}    do:\n      - drop: {{commit: true}}\n      - ho": ["hold: "],
    f"{RULE}    do:\n      - hold:\n          ": ["for: "],
    f'{RULE}    when: {{customer_id: "cust: {{", amount: {{gt': ["gte: "],
    f"{RULE}    when:\n      amount: 5\n      cur": ["currency: "],
    "scenario: a\nexpect:\n  - {audit: ": ["clean"],
    "scenario: a\nexpect:\n  - request: create_payment\n    co": ["count: "],
    "scenario: a\nrules:\n  - at: 3d\n    do: compl": ["complete"],
}
"""The proposals at the end of each text."""


def test_the_editor_proposes_the_keys_and_values_that_the_schema_allows_at_the_cursor(
    page: "Page", world: Sandbox
) -> None:
    page.goto(address(world, "scenarios"))
    found: dict[str, Any] = page.evaluate(
        """async (texts) => {
          const { complete } = await import("/_sandbox/dashboard/complete.js");
          const schema = await (await fetch("/_sandbox/scenario.schema.json")).json();
          const proposed = (text) => complete(text, schema).items.map((each) => each.insert);
          return Object.fromEntries(texts.map((text) => [text, proposed(text)]));
        }""",
        list(EXPECTED),
    )
    assert found == EXPECTED


def places_of_keys() -> Iterator[tuple[str, str]]:
    """Yield each key of the library's scenarios with the text before it."""
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for (*_, key), (line, column) in (
            (path[:-1], place) for path, place in read_document(text).places.items() if KEY in path
        ):
            yield "".join(lines[: line - 1]) + lines[line - 1][: column - 1], str(key)


def test_each_key_of_the_librarys_scenarios_is_proposed_at_its_place(
    page: "Page", world: Sandbox
) -> None:
    """Except names that users choose, such as headers and query parameters."""
    places = list(places_of_keys())
    page.goto(address(world, "scenarios"))
    missed: list[str] = page.evaluate(
        """async (places) => {
          const { complete } = await import("/_sandbox/dashboard/complete.js");
          const schema = await (await fetch("/_sandbox/scenario.schema.json")).json();
          const proposed = (text) => complete(text, schema).items.map((each) => each.text);
          const missed = places.filter(([text, key]) => !proposed(text).includes(key));
          return missed.map(([text, key]) => key);
        }""",
        places,
    )
    assert len(places) > 300
    assert {each for each in missed if "." not in each} == set()


def test_a_scenario_can_be_written_by_completion_and_keyboard_only(
    page: "Page", world: Sandbox
) -> None:
    page.goto(address(world, "scenarios"))
    editor = page.get_by_label("Scenario in YAML")
    listed = page.get_by_role("listbox", name="Completions")
    editor.fill("")
    editor.press_sequentially("scen")
    listed.get_by_role("option").first.wait_for()
    editor.press("Tab")
    editor.press_sequentially("typed\nrules:\n  - reque")
    editor.press("Tab")
    editor.press_sequentially("create")
    editor.press("ArrowDown")
    assert listed.get_by_role("option", selected=True).inner_text().strip() == "create_refund"
    editor.press("ArrowUp")
    editor.press("Tab")
    editor.press_sequentially("\n    do: [{respond: {error: lost_c")
    editor.press("Tab")
    editor.press_sequentially("}}]")
    assert editor.input_value() == (
        "scenario: typed\nrules:\n  - request: create_payment\n"
        "    do: [{respond: {error: lost_card}}]"
    )
    page.get_by_text("valid", exact=True).wait_for()
    editor.press("Control+Space")
    editor.press("Escape")
    assert listed.count() == 0
    editor.press("Tab")
    assert page.evaluate("document.activeElement.tagName") != "TEXTAREA", "Tab leaves the editor"
