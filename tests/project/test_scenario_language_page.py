"""docs/scenario-language.md has every word of the language, and its examples load."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from payments_sandbox.contract.error_codes import documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.loader import load
from tests.project.blocks import Block, blocks
from tests.project.tables import rows_below
from tests.project.tree import ROOT
from tests.support.in_process import new_world, restored_world, snapshot
from tests.support.tables import for_each

TEXT: Final = (ROOT / "docs" / "scenario-language.md").read_text(encoding="utf-8")
SCHEMA: Final = json.loads((ROOT / "schemas" / "scenario.schema.json").read_text(encoding="utf-8"))
EXAMPLES: Final = [block for block in blocks(TEXT) if block.language == "yaml"]
CODE: Final = re.compile(r"```yaml\n.*?```|`[^`\n]+`", re.DOTALL)


def words(schema: object) -> Iterator[str]:
    """Yield every key and fixed value of a schema, except currency codes."""
    if isinstance(schema, dict):
        if schema == SCHEMA["$defs"]["currency_value"]:
            return
        known: dict[str, Any] = schema
        yield from known.get("properties", {})
        yield from (each for each in known.get("enum", []) if isinstance(each, str))
        yield from known.get("x-also", [])
        if isinstance(known.get("const"), str):
            yield known["const"]
    for each in schema.values() if isinstance(schema, dict) else ():
        yield from words(each)
    for each in schema if isinstance(schema, list) else ():
        yield from words(each)


def missing(text: str) -> list[str]:
    """Return the words that are in no code of a text."""
    code = "\n".join(CODE.findall(text))
    found = set(re.findall(r"[\w.]*\w(?:\.\*)?|\*", code))
    return sorted(set(words(SCHEMA)) - found)


def test_every_word_of_the_schema_is_on_the_page_as_code() -> None:
    """It may be in an example, a table or a sentence."""
    assert len(set(words(SCHEMA))) > 150
    assert missing(TEXT) == []


def test_a_word_missing_from_the_page_is_found() -> None:
    """Words in prose or within other words do not count."""
    assert missing(TEXT.replace("repeat_last", "x")) == ["repeat_last"]
    assert "cycle" in missing("cycle `cycles`")


@for_each("block", EXAMPLES, show=lambda block: f"line {block.line}")
def test_every_example_loads_activates_and_survives_a_snapshot(block: Block) -> None:
    """It has no problems or warnings; a part of a file only needs a name above it."""
    is_whole = block.code.startswith("scenario:")
    loaded = load(block.code if is_whole else f"scenario: example\n{block.code}", name=None)

    assert loaded.problems == ()
    assert loaded.scenario is not None
    set_active(world := new_world(), [loaded.scenario])
    kept = json.loads(json.dumps(snapshot(world)))
    assert restored_world(kept).rules.scenarios == (loaded.scenario,)


def test_the_table_of_errors_matches_the_contract() -> None:
    """The row of each operation lists exactly the errors that a step may respond with."""
    known = set(SCHEMA["$defs"]["respond"]["properties"]["error"]["enum"])
    shown = {
        row["operation"].strip("`"): set(re.findall(r"\w+", row["errors"]))
        for row in rows_below("error", TEXT)
    }

    assert shown == {name: known & documented_for(name).keys() for name in BY_NAME}
