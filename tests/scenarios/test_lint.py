"""Every message of the lint, and its place.

The cases are in `lint_cases.txt`: texts, each with its expected messages.
"""

import re
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
import yaml

from payments_sandbox.scenarios.diagnostics import Problem, render
from payments_sandbox.scenarios.loader import load, load_expectations, load_value
from tests.support.tables import for_each

HEAD = "scenario: scene\n"
CASES: Final = Path(__file__).with_name("lint_cases.txt").read_text(encoding="utf-8")


def cases() -> dict[str, tuple[str, list[str]]]:
    """Return the text of each case, and the expected lines."""
    found = {}
    for block in CASES.split("=== ")[1:]:
        name, *lines = block.splitlines()
        said = [line.removeprefix("» ") for line in lines if line.startswith("» ")]
        found[name] = "\n".join(line for line in lines if not line.startswith("» ")), said
    return found


def said(text: str, *, name: str = "scene") -> list[str]:
    """Return every problem of a text as `line:column: sentence`."""
    return [_line(problem) for problem in load(dedent(text), name=name).problems]


def _line(problem: Problem) -> str:
    line, column = problem.place or (0, 0)
    return f"{line}:{column}: {problem.sentence}"


@for_each("case", cases())
def test_every_problem_of_a_text_is_reported_at_its_place(case: str) -> None:
    """The problems are in the order of the text."""
    text, expected = cases()[case]

    assert said(text) == expected


def test_fifteen_mistakes_in_one_text_are_all_reported() -> None:
    assert len(cases()["fifteen mistakes"][1]) == 15


def test_a_scenario_with_only_warnings_loads() -> None:
    """An example is `commit` on a read."""
    refused = {
        name: load(text, name="scene").scenario is None for name, (text, _) in cases().items()
    }
    harmless = [name for name, is_refused in refused.items() if not is_refused]

    assert all(not lines or "warning" in lines[0] for lines in (cases()[n][1] for n in harmless))
    assert "a warning" in harmless


LONG = {
    "": "1:1: the file is empty; a scenario starts with scenario: NAME",
    f"{HEAD}about: \x01": "2:8: a control character is not allowed",
    f"{HEAD}about: {'x' * 1_001}\nexpect: [{{audit: clean}}]": (
        "2:8: expected text, at most 1000 characters"
    ),
    f"{HEAD}rules:\n\t- x": (
        "3:1: found character that cannot start any token; indent with spaces, not tabs, and write"
        " text with @ or ` in quotes"
    ),
    f"{HEAD}about: {'[' * 20}": "2:24: nested deeper than 16 levels",
    f"{HEAD}about:\n  {'[' * 900}": "3:19: nested deeper than 16 levels",
    f"{HEAD}about: {'- ' * 100_000}": "2:8: block sequence entries are not allowed in this context",
    f"{HEAD}about:\n  {'- ' * 100_000}": "3:35: nested deeper than 16 levels",
    "x" * 300_000: "0:0: the text is longer than 262144 characters",
}


@for_each("text", LONG)
def test_long_deeply_nested_and_unprintable_texts_are_rejected(text: str) -> None:
    """The check is fast, and does not exhaust stack or memory."""
    assert said(text) == [LONG[text]]


def test_a_text_too_deep_for_the_yaml_parser_is_rejected() -> None:
    """Since libyaml 0.2.6 the parser reports this itself, at another column."""
    [line] = said(f"{HEAD}about:\n  {'[' * 250_000}")

    assert re.fullmatch("3:[0-9]+: nested deeper than 16 levels", line)


def test_the_nesting_error_of_libyaml_is_reworded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser is replaced, so this does not depend on the installed libyaml."""

    class GivesUp:
        def __init__(self, _: str) -> None:
            raise yaml.MarkedYAMLError(problem="exceeded maximum nesting depth")

    monkeypatch.setattr(yaml, "CSafeLoader", GivesUp)

    assert said(HEAD) == ["1:1: nested deeper than 16 levels"]


def test_only_a_few_unquoted_stars_are_reported_per_run() -> None:
    """Each needs another pass over the text: nine in a short text, one in a long one."""
    rules = "\n".join(f"  - {{request: *, do: [pass], name: r{n}}}" for n in range(20))
    long = f"about: {'x' * 40_000}\n"

    assert len(said(f"{HEAD}rules:\n{rules}")) == 9
    assert len([line for line in said(f"{HEAD}{long}rules:\n{rules}") if "* alone" in line]) == 1


def test_the_hang_warning_depends_on_the_longest_wait_of_the_server() -> None:
    text = f"{HEAD}rules: [{{request: create_payment, do: [{{hang: {{commit: true, for: 1m}}}}]}}]"

    assert load(text, name="scene", longest_wait=60_000).problems == ()
    [problem] = load(text, name="scene", longest_wait=59_999).problems
    assert problem.is_warning


def said_of_the_second(first: str, second: str, then: str) -> list[str]:
    """Return the problems of a rule that follows another."""
    return said(
        f"""{HEAD}seed: 7
rules:
  - {{name: r, request: create_payment, {first}, do: [pass], then: {then}}}
  - {{request: create_payment, {second}, do: [pass]}}
"""
    )


@for_each(
    ("first", "second"),
    [
        ("per: card", "when: {amount: 5}"),
        ("when: {amount: 5}", "when: {amount: 5}"),
        ("when: {amount: {gte: 5}}", "when: {amount: {gte: 5}, currency: EUR}"),
        ("when: {amount: {gte: 5}}", "when: {amount: [5, 9]}"),
        ("when: {customer_id: {prefix: cust}}", "when: {customer_id: cust_1}"),
        ("when: {header.X-Test: {gte: 5}}", "when: {header.x-test: {gte: 5}}"),
        ("when: {header.X-Test: {gte: 5}}", "when: {header.X-Test: 7}"),
        ("when: {amount: {gte: 5, lt: 9}}", "when: {amount: {lt: 9, gte: 5}}"),
        ("when: {amount: {gte: 5}, currency: EUR}", "when: {currency: EUR, amount: 6}"),
        ("when: {currency: {ne: EUR}, amount: 5}", "when: {amount: 5, currency: USD}"),
        ("when: {currency: {ne: EUR}, amount: {lt: 5}}", "when: {currency: USD, amount: {lt: 5}}"),
        ("when: {amount: {gte: 5}, currency: {ne: EUR}}", "when: {currency: USD, amount: 6}"),
        ("when: {customer_id: {exists: true}}", "when: {amount: 5, customer_id: {exists: true}}"),
        ("when: {customer_id: {prefix: c}}", "when: {customer_id: {prefix: c}, amount: {gt: 5}}"),
    ],
)
def test_a_rule_that_an_earlier_rule_always_preempts_is_reported(first: str, second: str) -> None:
    """All its calls match the earlier rule, which never stops answering."""
    [line] = said_of_the_second(first, second, "cycle")

    assert line.startswith("5:5: this rule never answers: 'r' answers all of its calls first")


@for_each(
    ("first", "second", "then"),
    [
        ("per: card", "per: card", "pass"),
        ("chance: 0.5", "per: card", "cycle"),
        ("when: {amount: 5}", "per: card", "cycle"),
        ("when: {amount: 5}", "when: {amount: {gte: 5}}", "cycle"),
        ("when: {amount: {gte: 5}}", "when: {amount: {gt: 4}}", "cycle"),
        ("when: {amount: {gte: 5}}", "when: {amount: [4, 5]}", "cycle"),
        ("when: {amount: {gte: 5}}", "when: {amount: {lte: 9}}", "cycle"),
        ("when: {amount: {gte: 5, lt: 9}}", "when: {amount: {gte: 5, lt: 10}}", "cycle"),
        ("when: {amount: {gte: 5}, currency: EUR}", "when: {amount: {gte: 5}}", "cycle"),
        ("when: {customer_id: {prefix: cust}}", "when: {customer_id: {prefix: cu}}", "cycle"),
        ("when: {call: {gte: 3}}", "when: {call: {gte: 3}}", "cycle"),
        ("when: {amount: 5}", "when: {customer_id: x}", "cycle"),
    ],
)
def test_a_rule_that_gets_some_calls_is_not_reported(first: str, second: str, then: str) -> None:
    """Nor is one that may get some: bounds and prefixes are not compared with each other."""
    assert said_of_the_second(first, second, then) == []


@for_each(
    "when",
    [
        "call: {every: 100, gt: 450}",
        "call: {gt: 450, every: 100}",
        "call: {gt: 450, every: 100, ne: 500}",
        "call: {every: 100, not_in: [500, 600], gt: 450}",
        "amount: {gte: 5, ne: 5}",
        "header.x-test: {lt: 0}",
        *(f"header.x-test: {{gt: 50, suffix: '{digit}'}}" for digit in range(10)),
    ],
)
def test_satisfiable_matchers_are_not_reported(when: str) -> None:
    """The order of operators does not matter."""
    rule = f"{{request: create_payment, when: {{{when}}}, do: [pass]}}"

    assert said(f"{HEAD}rules: [{rule}]") == []


def test_matchers_that_no_number_satisfies_are_reported() -> None:
    """Each operator alone could be satisfied."""
    for call in ("{gt: 450, lt: 480, every: 100}", "{gt: 5, lt: 6}"):
        rule = f"{{request: create_payment, when: {{call: {call}}}, do: [pass]}}"

        assert "no call meets all of these conditions" in said(f"{HEAD}rules: [{rule}]")[0]


def test_status_matchers_are_reported_unless_a_payment_can_have_such_a_status() -> None:
    """A status is one of three, so a rule that excludes all of them never answers."""
    rule = "request: retrieve_payment, when: {{status: {{not_in: [{}], exists: true}}}}, do: [pass]"
    two, three = (rule.format(each) for each in ("pending, failed", "pending, failed, completed"))

    assert said(f"{HEAD}rules: [{{{two}}}]") == []
    assert "no status meets all of these conditions" in said(f"{HEAD}rules: [{{{three}}}]")[0]


def test_a_problem_is_rendered_with_its_line_and_a_caret() -> None:
    text = f"{HEAD}rules: [{{request: list_payments, do: [pas]}}]"
    [problem] = load(text, name="scene").problems

    assert render(problem, "scene.yaml", text) == (
        "scene.yaml:2:39: unknown value 'pas'; did you mean 'pass'?\n"
        "    rules: [{request: list_payments, do: [pas]}]\n"
        f"{' ' * 42}^"
    )


@pytest.mark.parametrize(
    ("excerpt", "place", "shown"),
    [
        ("- a: long line", 2, "    - a: long line\n      ^"),
        ("- a: long line that goes on", 2, "    - a: long line…\n      ^"),
        ("- a: long line that goes on", 13, "    …g line that g…\n          ^"),
        ("- a: long line that goes on", 26, "    …e that goes on\n                  ^"),
    ],
)
def test_a_line_longer_than_the_screen_is_cut_around_the_caret(
    excerpt: str, place: int, shown: str
) -> None:
    problem = Problem((), "no", place=(1, place + 1))

    assert render(problem, "a.yaml", excerpt, width=19) == f"a.yaml:1:{place + 1}: no\n{shown}"


def test_a_problem_without_a_place_is_rendered_without_a_line() -> None:
    """Problems of a JSON value have no places."""
    [problem] = load_value({"scenario": "x"}).problems

    assert render(problem, "x", "") == "x: a scenario needs rules, expect or given"
    assert problem.as_json() == {
        "line": None,
        "column": None,
        "path": "",
        "message": "a scenario needs rules, expect or given",
        "hint": None,
    }


def test_a_problem_after_the_last_line_is_rendered_without_a_line() -> None:
    """The text ends where something is missing."""
    text = f"{HEAD}rules: [\n"
    [problem] = load(text, name="scene").problems

    assert render(problem, "scene.yaml", text) == (
        "scene.yaml:3:1: did not find expected node content"
    )


def test_the_json_of_a_problem_has_place_pointer_message_and_hint() -> None:
    """The path of an unknown key is that of its value."""
    [problem] = load(f"{HEAD}expct: 1\nexpect: [{{audit: clean}}]", name="scene").problems

    assert problem.as_json() == {
        "line": 2,
        "column": 1,
        "path": "/expct",
        "message": "unknown key 'expct'",
        "hint": "did you mean 'expect'?",
    }


def test_problems_do_not_quote_card_numbers() -> None:
    """A test file may contain a real card number."""
    card = "4242424242424242"
    text = f"{HEAD}rules: [{{request: '{card}', do: [pass]}}]\n{card}: x"

    assert card not in str([each.as_json() for each in load(text, name="scene").problems])


def test_problems_of_json_texts_have_places() -> None:
    """The messages are those of YAML texts."""
    text = '{"scenario": "scene",\n "expct": 1,\n "expect": [{"audit": "clean"}]}'

    assert said(text) == ["2:2: unknown key 'expct'; did you mean 'expect'?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"scenario": "scene" "x"}', ["1:22: Expecting ',' delimiter"]),
        ("{scenario: scene, expect: [}", [
            "1:28: did not find expected node content",
        ]),
        ('{"scenario": "\\ud800"}', ["1:1: a string contains an unpaired surrogate"]),
        ('{"scenario": "scene", "scenario": "x"}', [
            "1:23: 'scenario' is given twice; remove one of them",
            "1:1: a scenario needs rules, expect or given",
        ]),
    ],
)  # fmt: skip
def test_an_invalid_json_text_is_reported_with_the_json_error(
    text: str, expected: list[str]
) -> None:
    """If YAML gets further, its error is reported instead."""
    assert sorted(said(text)) == sorted(expected)


def test_a_yaml_flow_mapping_in_braces_is_accepted() -> None:
    """It is not valid JSON."""
    assert said("{scenario: scene, expect: [{audit: clean}]}") == []


def test_a_json_value_loads_like_the_equal_text() -> None:
    """Fractions of a JSON value are `Decimal`."""
    value = {
        "scenario": "scene",
        "seed": 7,
        "rules": [{"request": "list_payments", "chance": Decimal("0.5"), "do": ["pass"]}],
    }
    text = f"{HEAD}seed: 7\nrules: [{{request: list_payments, chance: 0.5, do: [pass]}}]"

    assert load_value(value) == load(text, name="scene")


def test_a_number_beyond_the_float_range_is_rejected() -> None:
    """It must not be rounded to infinity."""
    value = {"scenario": "x", "seed": Decimal("1e400"), "expect": [{"audit": "clean"}]}

    assert [problem.path for problem in load_value(value).problems] == [("seed",)]


def test_a_scenario_name_that_contains_a_card_number_is_rejected() -> None:
    name = "order-4111111111111111"
    text = f"scenario: {name}\nexpect: [{{audit: clean}}]\n"

    assert said(text, name=name) == [
        "1:11: this may be a card number, which must not be in a name; choose another name"
    ]


def test_a_scenario_without_a_file_may_have_any_valid_name() -> None:
    assert load("scenario: x\nexpect: [{audit: clean}]", name=None).problems == ()


def test_a_thousand_rules_load() -> None:
    rules = "\n".join(
        f"  - {{name: r{n}, request: create_payment, when: {{amount: {n}}}, do: [pass]}}"
        for n in range(1, 1_001)
    )
    loaded = load(f"{HEAD}rules:\n{rules}", name="scene")

    assert loaded.scenario is not None
    assert len(loaded.scenario.rules) == 1_000


def test_load_expectations_returns_the_valid_ones_and_all_problems() -> None:
    """`rules: all_fired` is accepted although there are no rules."""
    wrong = {"request": "create_paymnt", "count": {"min": 2, "max": 1}, "cuont": 1}
    good = [{"audit": "clean"}, {"rules": "all_fired"}]
    found, problems = load_expectations([good[0], wrong, good[1]])

    assert load_expectations([]) == ([], [])
    assert [each.source for each in found] == good
    assert {(each.path, each.message) for each in problems} == {
        (("expect", 1, "request"), "unknown value 'create_paymnt'"),
        (("expect", 1, "cuont"), "unknown key 'cuont'"),
    }
