"""Every kind of expectation has everything that the language, the lint and the docs need.

If one of these fails for a new kind, the docstring of the test says what is missing.
"""

import json
from typing import Any, Final

import yaml
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.verification.expectations import EXPECTATION_KINDS, kind_of
from payments_sandbox.verification.expectations.expectation import (
    ExpectationKind,
    ExpectationResult,
)
from tests.project.tree import PACKAGE, ROOT
from tests.support.in_process import History, rules_of
from tests.support.tables import for_each

FOLDER = PACKAGE / "verification" / "expectations"
SHARED = {"__init__", "counting", "expectation"}
each_kind = for_each("kind", EXPECTATION_KINDS, show=lambda kind: kind.key)


def test_every_expectation_module_has_a_row() -> None:
    """Add the kind to EXPECTATION_KINDS in verification/expectations/__init__.py."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - SHARED

    assert modules == {kind.key for kind in EXPECTATION_KINDS}


@each_kind
def test_every_expectation_kind_has_a_test_module(kind: ExpectationKind) -> None:
    """Write tests/verification/expectations/test_KEY.py: a history that meets it, and one not."""
    assert (ROOT / "tests/verification/expectations" / f"test_{kind.key}.py").is_file()


@each_kind
def test_the_schema_of_a_kind_is_in_the_shipped_schema(kind: ExpectationKind) -> None:
    """`make generate` writes it into the file, with `within` and the matchers."""
    text = (ROOT / "schemas" / "scenario.schema.json").read_text(encoding="utf-8")
    shipped = json.loads(text)["$defs"][f"expect_{kind.key}"]
    own = {name: part for name, part in kind.schema["properties"].items() if name != kind.matchers}

    assert set(shipped["properties"]) == {*kind.schema["properties"], "within"}
    assert {name: shipped["properties"][name] for name in own} == own
    assert {key: shipped[key] for key in kind.schema if key in ("required", "x-hint")} == {
        key: part for key, part in kind.schema.items() if key in ("required", "x-hint")
    }


def test_the_examples_are_those_of_scenario_language_md() -> None:
    """`make generate` writes them there."""
    page = (ROOT / "docs" / "scenario-language.md").read_text(encoding="utf-8")
    block = page.partition("<!-- generated: expectations -->\n```yaml\n")[2].partition("```")[0]
    examples = [example for kind in EXPECTATION_KINDS for example in kind.examples]

    assert yaml.safe_load(block)["expect"] == examples


@each_kind
def test_each_example_loads_without_problems(kind: ExpectationKind) -> None:
    """`make generate` writes the schema; the lint must find nothing either."""
    assert kind.examples
    for example in kind.examples:
        expectations, problems = load_expectations([example])
        assert problems == []
        assert [each.source for each in expectations] == [example]
        assert kind_of(example) is kind


@each_kind
def test_equal_sources_parse_to_equal_values(kind: ExpectationKind) -> None:
    """Scenarios are stored as their source."""
    for example in kind.examples:
        assert kind.parse(example) == kind.parse(dict(example))


@each_kind
def test_each_example_can_be_evaluated_with_and_without_traffic(kind: ExpectationKind) -> None:
    """The result describes what was observed."""
    used = History(rules_of("- {request: create_payment, do: [pass]}"))
    used.pay(customer_id="cust_ada")
    used.receive(200)
    for example in kind.examples:
        for history in (History(), used):
            assert history.result_of(**example).observed


@each_kind
def test_the_fields_of_a_kind_are_accepted_as_matchers(kind: ExpectationKind) -> None:
    """`fields` and `matchers` go together, and each field is one of `when`."""
    assert not kind.fields or kind.matchers is not None
    for field in kind.fields:
        for example in kind.examples:
            matchers = {field: {"exists": True}}
            _, problems = load_expectations([{**example, str(kind.matchers): matchers}])
            assert problems == [], field


NO_ENDPOINT: Final = ": the world has no webhook endpoint"

WITHOUT_TRAFFIC: list[tuple[dict[str, Any], bool, str]] = [
    ({"request": "create_payment"}, False, "expected at least 1, saw none"),
    ({"request": "*", "count": 0}, True, "expected 0, saw none"),
    ({"request": "create_payment", "count": {"max": 3}}, True, "expected at most 3, saw none"),
    ({"retries": "create_payment", "max": 3}, False, "saw no create_payment"),
    ({"retries": "create_payment", "same": ["body"]}, False, "saw no create_payment"),
    ({"order": ["create_payment"]}, False, "expected create_payment; saw nothing"),
    ({"payments": {}, "count": 0}, True, "expected 0, saw none"),
    ({"payments": {"status": "completed"}, "count": 1}, False, "expected 1, saw none"),
    ({"refunds": {}, "total": 0}, True, "expected a total of 0, saw none; their total is 0"),
    ({"refunds": {}, "total": 5}, False, "expected a total of 5, saw none; their total is 0"),
    ({"webhook": "payment.*", "acknowledged": True}, False, f"saw no delivery{NO_ENDPOINT}"),
    ({"webhook": "payment.*", "attempts": {"max": 3}}, False, f"saw no delivery{NO_ENDPOINT}"),
    ({"webhook": "payment.*", "forged": "refused"}, False, f"saw no delivery{NO_ENDPOINT}"),
    ({"webhook": "payment.*", "count": 0}, True, "saw none"),
    ({"webhook": "payment.*", "count": 1}, False, f"expected 1 delivery, saw none{NO_ENDPOINT}"),
    ({"audit": "clean"}, True, "found nothing"),
    ({"rules": "all_fired"}, False, "saw no rules"),
]


@for_each(("expect", "is_met", "observed"), WITHOUT_TRAFFIC)
def test_expectations_of_an_unused_world_have_a_result(
    expect: dict[str, Any], *, is_met: bool, observed: str
) -> None:
    assert History().result_of(**expect) == ExpectationResult(is_met, observed)


OPERATIONS = ["create_payment", "retrieve_payment", "list_payments", "create_refund"]
COUNTS = st.integers(0, 3) | st.builds(lambda least, more: {"min": least, "max": least + more},
                                       st.integers(0, 2), st.integers(0, 2))  # fmt: skip


@given(
    st.one_of(
        st.fixed_dictionaries({"request": st.sampled_from([*OPERATIONS, "*"]), "count": COUNTS}),
        st.fixed_dictionaries({"retries": st.sampled_from(OPERATIONS), "max": st.integers(0, 3)}),
        st.fixed_dictionaries({"order": st.lists(st.sampled_from(OPERATIONS), min_size=1)}),
        st.fixed_dictionaries({"payments": st.just({}), "count": COUNTS, "total": COUNTS}),
        st.fixed_dictionaries({"refunds": st.just({}), "count": COUNTS}),
        st.fixed_dictionaries({"webhook": st.just("*"), "count": COUNTS}),
    ),
    st.lists(st.sampled_from(OPERATIONS), max_size=5),
)
def test_any_expectation_can_be_evaluated_after_any_calls(
    expect: dict[str, Any], calls: list[str]
) -> None:
    history = History()
    for operation in calls:
        history.call(operation, {}, payment_id="pay_unknown")

    assert history.result_of(**expect).observed
