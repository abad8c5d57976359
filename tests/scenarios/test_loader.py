"""Holds the reading of scenarios to what each way of giving them comes to, and to its places."""

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.scenarios.activation import check_together
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
    """The name of what was read, and each problem with its place."""
    if isinstance(item, str):
        return item, []
    name = None if item.scenario is None else item.scenario.name
    return name, [(problem.message, problem.place) for problem in item.problems]


def test_a_list_has_names_and_scenarios_and_each_problem_its_place_in_the_text() -> None:
    """Counted in the whole text, and told of the item that it is in."""
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


def test_an_amount_that_looks_like_major_units_is_warned_of_in_its_item() -> None:
    item = "- scenario: {}\n  expect: [{{payments: {{}}, total: {}}}]\n"
    text = item.format("a", "50") + item.format("b", "50.00")
    [first, second] = load_list(text).values()

    assert found(first) == ("a", [])
    assert found(second) == ("b", [("50.00 is read as 50 minor units", (4, 34))])


def test_a_text_that_is_no_list_is_one_scenario() -> None:
    text = "scenario: c\nrules: [{request: create_payment, do: [pass]}]\n"

    assert {path: found(each) for path, each in load_list(text).items()} == {(): ("c", [])}


def test_what_is_given_twice_in_an_item_is_told_of_that_item() -> None:
    [first, second] = load_list("- scenario: a\n  scenario: b\n- b\n").values()

    assert found(second) == ("b", [])
    assert ("'scenario' is given twice", (2, 3)) in found(first)[1]


def test_where_a_list_ends_too_early_is_told_with_its_first_item() -> None:
    """What is cut off has no problems of its own."""
    first, second, cut = load_list("- a\n- 5\n- [x").values()
    unfinished = ("did not find expected ',' or ']'", (4, 1))
    no_mapping = "expected a mapping that starts with scenario: NAME"

    assert found(first) == (None, [(no_mapping, (1, 3)), unfinished])
    assert (found(second), found(cut)) == ((None, [(no_mapping, (2, 3))]), (None, []))


def test_the_longest_wait_is_that_of_the_server() -> None:
    """In a list as in one."""
    text = "scenario: c\nrules: [{request: create_payment, do: [{delay: 2s}]}]\n"
    for loaded in (
        load(text, name=None, longest_wait=1_000),
        *load_list(f"- {text.replace(chr(10), chr(10) + '  ')}", longest_wait=1_000).values(),
        *load_list(text, longest_wait=1_000).values(),
    ):
        assert isinstance(loaded, Loaded)
        assert len(loaded.problems) == 1
    assert load(text, name=None, longest_wait=2_000).problems == ()


def test_a_value_is_read_without_places_and_what_was_accepted_is_read_again() -> None:
    assert load_value(PAYS).problems == ()
    assert read_scenario(PAYS) == load_value(PAYS).scenario
    assert [each.place for each in load_value({"scenario": "x"}).problems] == [None]
    with pytest.raises(ValueError, match="not a valid scenario"):
        read_scenario({"scenario": "x"})


def test_expectations_are_read_without_a_scenario() -> None:
    """The good ones, and what is wrong with the others by their number."""
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
def test_what_is_nearly_json_is_told_in_the_words_of_json(
    text: str, problem: tuple[str, object]
) -> None:
    """Where it is further than YAML came."""
    assert found(load(text, name=None)) == (None, [problem])


def test_scenarios_are_checked_together_before_a_world_starts_with_them() -> None:
    """By their names, and by the endpoints that they begin with; the world stays as it is."""
    world = new_world()
    public = "given: {webhook_endpoints: [{url: 'http://8.8.8.8/'}]}\nexpect: [{audit: clean}]"
    check_together(world, [rules_of("- {request: create_payment, do: [pass]}")])

    for scenarios in (
        [scenario_of(public)],
        [rules_of("- {at: 1h, when: {status: pending}, do: complete}")] * 2,
    ):
        with pytest.raises(InvalidRequest):
            check_together(world, scenarios)
    assert (world.webhooks, list(world.rules.scenarios)) == (None, [])
