"""Conditions: what they match, and the explanation of an unmet one."""

from decimal import Decimal

import pytest

from payments_sandbox.rules.conditions import (
    compile_condition,
    listed_values,
    matches,
    parse_when,
    why_not,
)
from payments_sandbox.rules.model import Condition
from tests.support.in_process import GivenFields
from tests.support.tables import for_each

MET: list[tuple[Condition, list[object], list[object]]] = [
    (Condition("amount", "eq", 5), [5, Decimal(5)], [6, "5", None, [5]]),
    (Condition("amount", "eq", 1), [1], [True]),
    (Condition("amount", "ne", 5), [6, "5", None], [5]),
    (Condition("amount", "in", (1, 2)), [1, 2], [3, True, None, "1"]),
    (Condition("amount", "not_in", (1, 2)), [3, None], [1]),
    (Condition("amount", "gt", 5), [6, Decimal("5.5")], [5, None, "6", True]),
    (Condition("amount", "gte", 5), [5, 6], [4]),
    (Condition("amount", "lt", 5), [4], [5]),
    (Condition("amount", "lte", 5), [5], [6]),
    (Condition("call", "every", 3), [3, 6], [1, 4]),
    (Condition("customer_id", "prefix", "cu"), ["cust"], ["acu", None, 5]),
    (Condition("customer_id", "suffix", "st"), ["cust"], ["sta", None, 5]),
    (Condition("customer_id", "contains", "us"), ["cust"], ["cst", None, ["us"]]),
    (Condition("customer_id", "exists", True), ["x", ""], [None]),  # noqa: FBT003 - a value
    (Condition("customer_id", "exists", False), [None], ["x", ""]),  # noqa: FBT003 - a value
    (Condition("header.x", "eq", 5), ["5"], ["6", None]),
    (Condition("header.x", "ne", 5), ["6", None], ["5"]),
    (Condition("header.x", "in", (5, "a")), ["5", "a"], ["6", None]),
    (Condition("header.x", "gte", 5), ["5", "17"], ["4", "five", None, "9" * 5_000, "٩"]),
    (Condition("query.x", "lt", 5), ["-3"], ["5"]),
    (Condition("query.x", "prefix", "a"), ["ab"], ["ba"]),
    (Condition("query.x", "exists", True), ["ab"], [None]),  # noqa: FBT003 - a value
]


@for_each(("condition", "good", "bad"), MET)
def test_a_condition_matches_its_values_and_no_others(
    condition: Condition, good: list[object], bad: list[object]
) -> None:
    """The type of the value matters too."""
    test = compile_condition(condition)

    assert [value for value in good if not test(value)] == []
    assert [value for value in bad if test(value)] == []


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        (Condition("amount", "eq", 5), (5,)),
        (Condition("amount", "in", (5, 6)), (5, 6)),
        (Condition("query.x", "eq", 5), ("5",)),
        (Condition("amount", "gte", 5), None),
        (Condition("amount", "ne", 5), None),
    ],
    ids=str,
)
def test_equality_conditions_can_be_indexed_by_their_values(
    condition: Condition, values: tuple[object, ...] | None
) -> None:
    assert listed_values(condition) == values


@for_each(
    ("condition", "value", "words"),
    [
        (Condition("amount", "eq", 5), 4, "amount 4 is not 5"),
        (Condition("amount", "in", (5, 6)), 4, "amount 4 is not one of 5, 6"),
        (Condition("amount", "gte", 5000), 4200, "amount 4200 is not gte 5000"),
        (Condition("amount", "ne", 5), 5, "amount 5 is not ne 5"),
        (Condition("call", "every", 3), 4, "call 4 is not a multiple of 3"),
        (Condition("amount", "gte", 5), None, "amount is missing"),
        (Condition("amount", "exists", False), 4, "amount is present"),  # noqa: FBT003 - a value
        (Condition("card", "eq", "4000000000000002"), "4242424242424242",
         "card visa_2 is not declined"),
        (Condition("card", "eq", "4242424242424200"), "4111111111111129",
         "card ************1129 is not ************4200"),
        (Condition("header.authorization", "eq", "Bearer a"), "Bearer b",
         "header.authorization does not match"),
        (Condition("customer_id", "eq", "a"), "4242424242424242",
         "customer_id ************4242 is not a"),
        (Condition("customer_id", "eq", "a"), "b" * 100, f"customer_id {'b' * 60} is not a"),
    ],
)  # fmt: skip
def test_an_unmet_condition_explains_why_without_secrets(
    condition: Condition, value: object, words: str
) -> None:
    """The explanation contains no card number and no credential."""
    assert why_not(condition, value) == words


def test_all_conditions_must_match() -> None:
    both = (Condition("amount", "gte", 5), Condition("currency", "eq", "EUR"))
    calls: list[dict[str, object]] = [
        {"amount": 5, "currency": "EUR"},
        {"amount": 5},
        {"currency": "EUR"},
    ]

    assert [matches(both, GivenFields(each)) for each in calls] == [True, False, False]


def test_an_explanation_shows_at_most_five_values() -> None:
    condition = Condition("amount", "in", (1, 2, 3, 4, 5, 6))

    assert why_not(condition, 9) == "amount 9 is not one of 1, 2, 3, 4, 5"


@for_each(
    ("plain", "when"),
    [
        (None, ()),
        ({"amount": 5, "currency": "EUR"},
         (Condition("amount", "eq", 5), Condition("currency", "eq", "EUR"))),
        ({"amount": {"gte": 5, "lt": 9}},
         (Condition("amount", "gte", 5), Condition("amount", "lt", 9))),
        ({"amount": [1, None, 2]}, (Condition("amount", "in", (1, 2)),)),
        ({"amount": {"not_in": ["a", 2]}}, (Condition("amount", "not_in", ("a", 2)),)),
        ({"customer_id": {"exists": True}}, (Condition("customer_id", "exists", True),)),  # noqa: FBT003
        ({"customer_id": {"exists": False}}, (Condition("customer_id", "exists", False),)),  # noqa: FBT003
        ({"customer_id": Decimal("1.50")}, (Condition("customer_id", "eq", "1.50"),)),
        ({"header.X-A": "B", "query.X-A": "B"},
         (Condition("header.x-a", "eq", "B"), Condition("query.X-A", "eq", "B"))),
        ({"card": "declined"}, (Condition("card", "eq", "4000000000000002"),)),
        ({"card": 4_111_111_111_111_111}, (Condition("card", "eq", "4111111111111111"),)),
        ({"card": {"prefix": 4111}}, (Condition("card", "prefix", "4111"),)),
        ({"card": {"suffix": "declined"}}, (Condition("card", "suffix", "declined"),)),
    ],
)  # fmt: skip
def test_conditions_are_parsed_from_values_lists_and_operators(
    plain: dict[str, object] | None, when: tuple[Condition, ...]
) -> None:
    """Cards may be given by name, and header names in any case."""
    assert parse_when(plain) == when
