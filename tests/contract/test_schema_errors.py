"""Compares validation with the reference validator; tests what its messages say and hide."""

from functools import cache
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from payments_sandbox.contract.schema_errors import (
    LONGEST_NAME,
    MAX_BODY_ERRORS,
    UNEXPLAINED,
    SchemaError,
    pointer,
    presentable,
    render,
)
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.contract.schemas import Contract, load_contract
from payments_sandbox.core.errors import InvalidRequest
from tests.contract.bodies import CARD_NUMBER, JUNK, following, mutated, paths, put
from tests.contract.reference_validator import reference_validator
from tests.support.tables import for_each

SCHEMAS: Final = schema_files()
CONTRACT: Final = Contract(SCHEMAS)
BODIES: Final = [name for name in SCHEMAS if "requests/" in name]
CREATE: Final = "requests/create_payment"
LIST: Final = "queries/list_payments"

AMOUNT: Final = "expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)"
FIELDS: Final = "amount, currency, payment_method, description, customer_id"
PARAMETERS: Final = "limit, starting_after, customer_id, status, created_after"

each_schema = for_each("name", SCHEMAS)
# The small ones are part of these.
each_whole = pytest.mark.parametrize("name", [name for name in SCHEMAS if "objects/" not in name])
few = settings(
    max_examples=settings().max_examples // 12,  # of each schema, and there are many
    suppress_health_check=list(HealthCheck),
)


@cache
def _following(name: str) -> SearchStrategy[Any]:
    """Return values that follow a schema, cached: making the strategy takes longer than drawing."""
    return following(CONTRACT.schema(name))


def _body(**changes: object) -> dict[str, object]:
    """Return the documented body with some fields changed; `...` removes one."""
    changed = SCHEMAS[CREATE]["examples"][0] | changes
    return {key: value for key, value in changed.items() if value is not ...}


def _card(**changes: object) -> dict[str, object]:
    return {"payment_method": SCHEMAS["objects/card"]["examples"][0] | changes}


# Against the reference


@each_whole
@given(draws=st.data())
@few
def test_generated_values_that_follow_a_schema_are_accepted(
    name: str, draws: st.DataObject
) -> None:
    """And no problem is reported."""
    value = draws.draw(_following(name))

    assert CONTRACT.accepts(name, value), CONTRACT.explain(name, value)
    assert CONTRACT.problems(name, value) == []


@each_whole
@given(draws=st.data())
@few
def test_a_mutated_value_is_judged_as_the_reference_validator_judges_it(
    name: str, draws: st.DataObject
) -> None:
    """And each rejection has a reason."""
    value = draws.draw(mutated(_following(name)))
    is_valid = reference_validator()(CONTRACT.schema(name)).is_valid(cast("Any", value))

    assert CONTRACT.accepts(name, value) == is_valid
    assert (CONTRACT.problems(name, value) == []) == is_valid


@each_schema
def test_junk_anywhere_in_an_example_is_judged_as_the_reference_judges_it(name: str) -> None:
    """Each example with each bad value in each place."""
    judge = reference_validator()(CONTRACT.schema(name))
    for example in SCHEMAS[name]["examples"]:
        for path in paths(example):
            for junk in JUNK:
                value = put(example, path, junk)
                assert CONTRACT.accepts(name, value) == judge.is_valid(cast("Any", value)), (
                    path,
                    junk,
                )


def test_half_a_surrogate_pair_is_rejected_with_an_explanation() -> None:
    """Headers and queries do not pass through the strict JSON reader."""
    unknown = {**_body(), "\ud800": ["\ud800"]}

    assert not CONTRACT.accepts("headers/authorization", "Bearer \ud800")
    assert not CONTRACT.accepts(CREATE, unknown)
    assert CONTRACT.explain(CREATE, unknown) == (
        f"/?: is not a documented field; expected one of {FIELDS}."
    )


def test_a_huge_list_is_rejected_with_a_bounded_number_of_problems() -> None:
    """Its items are not compared with one another."""
    value = {"only": [{"n": n} for n in range(20_000)]}

    assert len(CONTRACT.problems("control/requests/reset_world", value)) == MAX_BODY_ERRORS


# Words


MESSAGES: Final = {
    "not an object": ([], "/: expected a JSON object."),
    "missing": (
        _body(currency=...),
        "/currency: is required: expected an upper-case ISO 4217 currency code, such as USD.",
    ),
    "all missing": (
        {},
        (
            f"/amount: is required: {AMOUNT}; /currency: is required: expected an upper-case ISO "
            "4217 currency code, such as USD; /payment_method: is required: expected an object "
            "with type, card_number, exp_month, exp_year and cvc."
        ),
    ),
    "too small": (_body(amount=0), f"/amount: {AMOUNT}."),
    "too large": (_body(amount=10**8), f"/amount: {AMOUNT}."),
    "a string": (_body(amount="2500"), f"/amount: {AMOUNT}."),
    "a boolean": (_body(amount=True), f"/amount: {AMOUNT}."),
    "lower case": (
        _body(currency="usd"),
        "/currency: expected an upper-case ISO 4217 currency code, such as USD.",
    ),
    "null for an optional field": (
        _body(description=None),
        (
            "/description: expected a string of at most 500 characters; leave it out if there is"
            " none."
        ),
    ),
    "null for a field that is needed": (_body(amount=None), f"/amount: {AMOUNT}."),
    "empty": (_body(customer_id=""), "/customer_id: expected a string of 1 to 255 characters."),
    "a typo": (_body(amout=1), "/amout: is not a documented field; did you mean 'amount'?"),
    "another case": (
        _body(Currency="USD"),
        "/Currency: is not a documented field; did you mean 'currency'?",
    ),
    "unknown": (_body(zzz=1), f"/zzz: is not a documented field; expected one of {FIELDS}."),
    "unknown and escaped": (
        _body(**{"a/b~c": 1}),
        f"/a~1b~0c: is not a documented field; expected one of {FIELDS}.",
    ),
    "unknown and a card": (
        _body(**{f"x {CARD_NUMBER}": 1, "y 4111-1111 1111": 1}),
        (
            f"/x {'*' * 16}: is not a documented field; expected one of {FIELDS}; "
            f"/y {'*' * 14}: is not a documented field; expected one of {FIELDS}."
        ),
    ),
    "deep": (
        _body(**_card(card_number="4111 1111 1111 1111")),
        (
            "/payment_method/card_number: expected a string of 1 to 32 digits, without spaces"
            " or dashes."
        ),
    ),
    "deep and missing": (
        _body(payment_method={**_card()["payment_method"], "type": "cash"}),  # type: ignore[dict-item]  # JSON
        "/payment_method/type: expected the word card.",
    ),
    "a line end": (
        _body(**_card(cvc="123\n")),
        "/payment_method/cvc: expected a string of three or four digits, as printed on the card.",
    ),
    "in the documentation's order": (
        {"zzz": 1, **_body(**_card(exp_month=13, exp_year=26), currency=1, amount=-1)},
        (
            f"/amount: {AMOUNT}; /currency: expected an upper-case ISO 4217 currency code, such as "
            "USD; /payment_method/exp_month: expected an integer from 1 to 12; "
            "/payment_method/exp_year: expected an integer from 2000 to 2099, in four digits; "
            f"/zzz: is not a documented field; expected one of {FIELDS}."
        ),
    ),
}


@for_each("case", MESSAGES)
def test_the_details_of_an_invalid_request_say_what_is_expected(case: str) -> None:
    """They start with the pointer, and end the sentence."""
    value, details = MESSAGES[case]

    with pytest.raises(InvalidRequest) as caught:
        CONTRACT.check(CREATE, value)

    assert caught.value.details == details


CONTROL_MESSAGES: Final = {
    "nothing to do": (
        "control/requests/advance_clock",
        {},
        "/: expected a JSON object with exactly one of by, to and next.",
    ),
    "two things to do": (
        "control/requests/advance_clock",
        {"by": "3d", "next": True},
        "/: expected a JSON object with exactly one of by, to and next.",
    ),
    "a field of an operation without fields": (
        "control/requests/resume_clock",
        {"at": 1},
        "/at: is not a documented field; there are none.",
    ),
    "an item": (
        "control/requests/reset_world",
        {"only": ["clocks"]},
        "/only/0: expected one of payments, journal, rules, webhooks, clock, rate_limit.",
    ),
    "a repeated item": (
        "control/requests/reset_world",
        {"only": ["clock", "clock"]},
        (
            "/only: expected a list of different words from payments, journal, rules, webhooks, "
            "clock, rate_limit."
        ),
    ),
    "another kind of snapshot": (
        "control/objects/snapshot",
        {"format": "x", "version": 1, "more": 2},
        "/format: expected the text payments-sandbox/world.",
    ),
    "a schema without x-expected": (
        "responses/list_payments",
        {"data": [], "has_more": 1, "next_cursor": None},
        "/has_more: expected a documented value.",
    ),
    "missing, in a schema without x-expected": (
        "responses/list_payments",
        {"data": [], "next_cursor": None},
        "/has_more: is required.",
    ),
}


@for_each("case", CONTROL_MESSAGES)
def test_control_api_details_are_worded_like_those_of_the_api(case: str) -> None:
    """From the same schemas."""
    name, value, details = CONTROL_MESSAGES[case]

    assert CONTRACT.explain(name, value) == details


@for_each("name", BODIES)
def test_no_validation_message_quotes_a_value(name: str) -> None:
    """A card number in any place of a body is in no message."""
    for example in SCHEMAS[name]["examples"]:
        for path in paths(example):
            for hidden in (CARD_NUMBER * 40, int(CARD_NUMBER), [CARD_NUMBER], {CARD_NUMBER: 1}):
                details = CONTRACT.explain(name, put(example, path, hidden))
                assert "1111" not in details


@given(st.dictionaries(st.text(), st.integers(), min_size=1))
def test_details_with_arbitrary_field_names_stay_printable_and_short(
    unknown: dict[str, int],
) -> None:
    details = CONTRACT.explain("requests/create_refund", unknown)

    assert details.isprintable()
    assert details.startswith("/")
    assert len(details) <= SCHEMAS["objects/error_detail"]["properties"]["details"]["maxLength"]


def test_the_longest_possible_details_fit_their_schema() -> None:
    """Many unknown fields with names that grow when escaped."""
    unknown = {f"{n:04}{'~' * 100}": 1 for n in range(5_000)}

    assert len(CONTRACT.problems(CREATE, unknown)) == MAX_BODY_ERRORS
    assert CONTRACT.accepts(
        "objects/error_detail",
        {"code": "invalid_request", "message": "m", "details": CONTRACT.explain(CREATE, unknown)},
    )


def test_shown_names_are_shortened_and_their_numbers_masked() -> None:
    assert presentable("a" * 10**6) == "a" * LONGEST_NAME
    assert presentable("12345") == "12345"
    assert presentable("id 123456") == "id ******"
    assert presentable("4111.1111-1111_1111") == "*" * 19
    assert presentable("a\nb\u202e") == "a?b?"
    assert pointer(("a/b", 0, "~")) == "/a~1b/0/~0"


def test_explaining_a_valid_body_returns_the_unexplained_marker() -> None:
    """The caller can log it as our bug."""
    assert CONTRACT.explain(CREATE, _body()) == UNEXPLAINED
    assert render([]) == UNEXPLAINED


def test_a_schema_error_is_comparable_and_immutable() -> None:
    problem = CONTRACT.problems(CREATE, 7)[0]

    assert problem == SchemaError((), "expected a JSON object.")
    with pytest.raises(AttributeError):
        problem.message = "x"  # type: ignore[misc]  # that is the point


# Bodies and queries


def test_checking_a_valid_body_returns_it() -> None:
    assert CONTRACT.check(CREATE, _body()) == _body()


def test_a_misspelt_schema_name_raises_key_error() -> None:
    with pytest.raises(KeyError):
        CONTRACT.accepts("requests/creat_payment", {})


QUERIES: Final[dict[str, tuple[list[tuple[str, str]], object]]] = {
    "nothing": ([], {"limit": 10}),
    "a number": ([("limit", "100")], {"limit": 100}),
    "text": (
        [("status", "failed"), ("customer_id", "007")],
        {"limit": 10, "status": "failed", "customer_id": "007"},
    ),
    "zero": ([("limit", "0")], "/limit: expected an integer from 1 to 100."),
    "negative": ([("limit", "-1")], "/limit: expected an integer from 1 to 100."),
    "huge": ([("limit", "9" * 5_000)], "/limit: expected an integer from 1 to 100."),
    "a leading zero": ([("limit", "07")], "/limit: expected an integer from 1 to 100."),
    "a plus": ([("limit", "+7")], "/limit: expected an integer from 1 to 100."),
    "other digits": ([("limit", "\u0667")], "/limit: expected an integer from 1 to 100."),
    "a line end": ([("limit", "7\n")], "/limit: expected an integer from 1 to 100."),
    "empty": ([("limit", "")], "/limit: expected an integer from 1 to 100."),
    "twice": ([("limit", "7"), ("limit", "7")], "/limit: is given twice."),
    "twice and wrong": (
        [("limit", "x"), ("limit", "7"), ("status", "paid")],
        (
            "/limit: is given twice; /limit: expected an integer from 1 to 100; "
            "/status: expected one of pending, completed, failed."
        ),
    ),
    "a cursor": (
        [("starting_after", "ref_1")],
        (
            "/starting_after: expected a payment id: pay_ followed by letters and digits, at most "
            "64 characters."
        ),
    ),
    "a typo": ([("limt", "7")], "/limt: is not a documented parameter; did you mean 'limit'?"),
    "unknown": (
        [("q", "7")],
        f"/q: is not a documented parameter; expected one of {PARAMETERS}.",
    ),
}


@for_each("case", QUERIES)
def test_a_query_is_converted_by_its_schema_or_rejected_with_all_its_problems(case: str) -> None:
    """Parameters have the types and defaults of the schema."""
    pairs, expected = QUERIES[case]
    try:
        read: object = CONTRACT.read_query(LIST, pairs)
    except InvalidRequest as refused:
        read = refused.details

    assert read == expected


def test_a_query_for_an_operation_without_parameters_is_rejected() -> None:
    assert CONTRACT.read_query("queries/none", []) == {}
    with pytest.raises(InvalidRequest) as caught:
        CONTRACT.read_query("queries/none", [("expand", "1")])
    assert caught.value.details == "/expand: is not a documented parameter; there are none."


# Lenient


def test_a_lenient_contract_drops_undocumented_fields_and_parameters() -> None:
    """At every depth of a body, and in a query, even repeated ones."""
    lenient = load_contract(lenient=True)
    body = _body(**_card(name="A"), metadata={})

    assert lenient.check(CREATE, body) == _body()
    assert lenient.read_query(LIST, [("q", "1"), ("q", "2"), ("limit", "5")]) == {"limit": 5}


def test_a_lenient_contract_still_rejects_invalid_values() -> None:
    """Only unknown names are ignored."""
    lenient = load_contract(lenient=True)

    with pytest.raises(InvalidRequest) as caught:
        lenient.check(CREATE, _body(amount=0, zzz=1))
    assert caught.value.details == f"/amount: {AMOUNT}."
    with pytest.raises(InvalidRequest):
        lenient.read_query(LIST, [("limit", "5"), ("limit", "5")])


def test_a_lenient_contract_is_strict_about_the_control_api() -> None:
    """A typo in a test's own set-up never passes."""
    with pytest.raises(InvalidRequest):
        load_contract(lenient=True).check("control/requests/create_world", {"sed": 7})


def test_a_lenient_check_does_not_change_the_callers_body() -> None:
    body = _body(x=1)

    stripped = load_contract(lenient=True).check(CREATE, body)

    assert "x" in body
    assert "x" not in stripped
