"""Holds what is made of the scenario schema to the tables that it is made from."""

import json

from tests.project.tree import ROOT
from tools.scenario_schema import FILE, STEP, texts

TEXT = (ROOT / FILE).read_text(encoding="utf-8")
STEP_TEXT = (ROOT / STEP).read_text(encoding="utf-8")


def test_a_definition_that_nothing_refers_to_is_left_out() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["old"] = {"$ref": "#/$defs/older"}
    schema["$defs"]["older"] = {"type": "string"}

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_a_key_of_a_step_that_is_no_outcome_any_more_is_left_out() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["step_mapping"]["properties"]["explode"] = {"type": "boolean"}

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_a_word_that_is_missing_is_written_from_its_table() -> None:
    schema = json.loads(TEXT)
    schema["$defs"]["brand_value"]["enum"].remove("visa")
    schema["$defs"]["action_mapping"]["properties"].pop("chargeback")
    schema["$defs"]["step_mapping"]["properties"].pop("respond")

    assert texts({FILE: json.dumps(schema), STEP: STEP_TEXT}) == {FILE: TEXT, STEP: STEP_TEXT}


def test_the_step_of_the_control_api_has_the_keys_of_the_language() -> None:
    step = json.loads(STEP_TEXT)
    step["properties"] = {"explode": {}}

    assert texts({FILE: TEXT, STEP: json.dumps(step)})[STEP] == STEP_TEXT
    keys = json.loads(TEXT)["$defs"]["step_mapping"]["properties"]
    assert list(json.loads(STEP_TEXT)["properties"]) == list(keys)
