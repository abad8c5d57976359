"""Loading of scenarios from texts, lists and values, and the places of their problems."""

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.scenarios.activation import check_combination
from payments_sandbox.scenarios.diagnostics import Problem
from payments_sandbox.scenarios.loader import (
    Loaded,
    load,
    load_expectations,
    load_list,
    load_value,
    read_scenario,
)
from tests.support.in_process import new_world, rules_of, scenario_of

PAYS = {"scenario": "pays", "rules": [{"request": "create_payment", "do": ["pass"]}]}


def found(item: str | Loaded) -> tuple[str | None, list[tuple[str, object]]]:
    """Return the name of what was read, and each problem with its place."""
    if isinstance(item, str):
        return item, []
    name = None if item.scenario is None else item.scenario.name
    return name, [(problem.message, problem.place) for problem in item.problems]


def test_problems_of_a_list_are_assigned_to_items_with_places_in_the_text() -> None:
    """Places count in the whole text."""
    text = (
        "- lost-reply\n"
        "- scenario: b\n"
        "  rules:\n"
        "    - {request: nope, do: [pass]}\n"
        "- {scenario: c, rules: [{request: create_payment, do: [pass]}]}\n"
    )

    assert {path: found(each) for path, each in load_list(text).items()} == {
        (0,): ("lost-reply", []),
        (1,): (None, [("unknown value 'nope'", (4, 17))]),
        (2,): ("c", []),
    }


def test_an_amount_in_major_units_causes_a_warning_for_its_item() -> None:
    item = "- scenario: {}\n  expect: [{{payments: {{}}, total: {}}}]\n"
    text = item.format("a", "50") + item.format("b", "50.00")
    [first, second] = load_list(text).values()

    assert found(first) == ("a", [])
    assert found(second) == ("b", [("50.00 is read as 50 minor units", (4, 34))])


def test_a_text_that_is_not_a_list_is_one_scenario() -> None:
    text = "scenario: c\nrules: [{request: create_payment, do: [pass]}]\n"

    assert {path: found(each) for path, each in load_list(text).items()} == {(): ("c", [])}


def test_a_duplicate_key_is_reported_for_its_item_only() -> None:
    [first, second] = load_list("- scenario: a\n  scenario: b\n- b\n").values()

    assert found(second) == ("b", [])
    assert ("'scenario' is given twice", (2, 3)) in found(first)[1]


def test_a_truncated_list_is_reported_with_its_first_item() -> None:
    """The incomplete item itself has no problems."""
    first, second, cut = load_list("- a\n- 5\n- [x").values()
    unfinished = ("did not find expected ',' or ']'", (4, 1))
    no_mapping = "expected a mapping that starts with scenario: NAME"

    assert found(first) == (None, [(no_mapping, (1, 3)), unfinished])
    assert (found(second), found(cut)) == ((None, [(no_mapping, (2, 3))]), (None, []))


def test_the_longest_wait_of_the_server_applies_to_texts_and_lists() -> None:
    text = "scenario: c\nrules: [{request: create_payment, do: [{delay: 2s}]}]\n"
    for loaded in (
        load(text, name=None, longest_wait=1_000),
        *load_list(f"- {text.replace(chr(10), chr(10) + '  ')}", longest_wait=1_000).values(),
        *load_list(text, longest_wait=1_000).values(),
    ):
        assert isinstance(loaded, Loaded)
        assert len(loaded.problems) == 1
    assert load(text, name=None, longest_wait=2_000).problems == ()


def test_a_json_value_loads_without_places_and_read_scenario_raises_if_invalid() -> None:
    assert load_value(PAYS).problems == ()
    assert read_scenario(PAYS) == load_value(PAYS).scenario
    assert [each.place for each in load_value({"scenario": "x"}).problems] == [None]
    with pytest.raises(ValueError, match="not a valid scenario"):
        read_scenario({"scenario": "x"})


def test_expectations_load_without_a_scenario_and_problems_have_their_index() -> None:
    good, problems = load_expectations([{"rules": "all_fired"}, {"rules": 5}, {"audit": "clean"}])

    assert [each.source for each in good] == [{"rules": "all_fired"}, {"audit": "clean"}]
    assert problems == [Problem(("expect", 1, "rules"), "expected all_fired", None)]
    assert load_expectations([]) == ([], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"scenario": "a" "b": 1}', ("Expecting ',' delimiter", (1, 18))),
        ('{"scenario": "a", "rules": [}', ("Expecting value", (1, 29))),
    ],
)
def test_a_nearly_valid_json_text_is_reported_with_the_json_error(
    text: str, problem: tuple[str, object]
) -> None:
    """This is done if the JSON parser gets further than the YAML parser."""
    assert found(load(text, name=None)) == (None, [problem])


def test_check_together_rejects_duplicates_and_forbidden_endpoints() -> None:
    """The world stays unchanged."""
    world = new_world()
    public = "given: {webhook_endpoints: [{url: 'http://8.8.8.8/'}]}\nexpect: [{audit: clean}]"
    check_combination(world, [rules_of("- {request: create_payment, do: [pass]}")])

    for scenarios in (
        [scenario_of(public)],
        [rules_of("- {at: 1h, when: {status: pending}, do: complete}")] * 2,
    ):
        with pytest.raises(InvalidRequest):
            check_combination(world, scenarios)
    assert (world.webhooks, list(world.rules.scenarios)) == (None, [])
