"""Generation of the scenario schema from the tables of the code."""

import json

from tests.project.tree import ROOT
from tools.scenario_schema import FILE, STEP, texts

TEXT = (ROOT / FILE).read_text(encoding="utf-8")
STEP_TEXT = (ROOT / STEP).read_text(encoding="utf-8")


def test_unreferenced_definitions_are_removed() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["old"] = {"$ref": "#/$defs/older"}
    schema["$defs"]["older"] = {"type": "string"}

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_step_keys_that_are_no_longer_outcomes_are_removed() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["step_mapping"]["properties"]["explode"] = {"type": "boolean"}

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_missing_words_are_written_from_the_tables() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["brand_value"]["enum"].remove("visa")
    schema["$defs"]["action_mapping"]["properties"].pop("chargeback")
    schema["$defs"]["step_mapping"]["properties"].pop("respond")

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_the_control_api_step_has_the_keys_of_the_scenario_language() -> None:
    step = json.loads(STEP_TEXT)
    step["properties"] = {"explode": {}}

    assert texts({FILE: TEXT, STEP: json.dumps(step)})[STEP] == STEP_TEXT
    keys = json.loads(TEXT)["$defs"]["step_mapping"]["properties"]
    assert list(json.loads(STEP_TEXT)["properties"]) == list(keys)
