"""Tests CREATE PAYMENT: what it accepts, what it answers, and that an error has no effect."""

import json
from collections.abc import Mapping

import pytest

from tests.support.http import Api, Json, ask, envelope, events, invalid, listed, paid
from tests.support.tables import for_each
from tests.support.values import EVENT_ID, PAYMENT_ID, documented_create

PATH = "/v3/payments"
JSON = "application/json"

AMOUNT = "/amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
CURRENCY = "/currency: expected an upper-case ISO 4217 currency code, such as USD."
NUMBER = (
    "/payment_method/card_number: expected a string of 1 to 32 digits, without spaces or dashes."
)
MONTH = "/payment_method/exp_month: expected an integer from 1 to 12."
YEAR = "/payment_method/exp_year: expected an integer from 2000 to 2099, in four digits."
CVC = "/payment_method/cvc: expected a string of three or four digits, as printed on the card."
CARD = "/payment_method: expected an object with type, card_number, exp_month, exp_year and cvc."

DOCUMENTED = "expected one of amount, currency, payment_method, description, customer_id."

BRANDS = {
    "visa of 13 digits": ("4222222222222", "123", "visa"),
    "visa of 19 digits": ("4000000000000000006", "123", "visa"),
    "mastercard": ("5555555555554444", "123", "mastercard"),
    "mastercard 2-series": ("2223003122003222", "123", "mastercard"),
    "amex": ("378282246310005", "1234", "amex"),
    "discover": ("6011111111111117", "123", "discover"),
    "diners": ("3056930009020004", "123", "diners"),
    "jcb": ("3566002020360505", "123", "jcb"),
    "unionpay": ("6200000000000005", "123", "unionpay"),
}

WRONG_FIELDS: dict[str, tuple[Mapping[str, Json], str]] = {
    "amount of zero": ({"amount": 0}, AMOUNT),
    "negative amount": ({"amount": -1}, AMOUNT),
    "amount too large": ({"amount": 100_000_000}, AMOUNT),
    "amount as a string": ({"amount": "2500"}, AMOUNT),
    "amount as a boolean": ({"amount": True}, AMOUNT),
    "amount with a fraction": ({"amount": 2500.5}, AMOUNT),
    "currency in lower case": ({"currency": "usd"}, CURRENCY),
    "unknown currency": ({"currency": "XXX"}, CURRENCY),
    "another payment method": ({"type": "bank"}, "/payment_method/type: expected the word card."),
    "number with spaces": ({"card_number": "4111 1111 1111 1111"}, NUMBER),
    "number as an integer": ({"card_number": 4111111111111111}, NUMBER),
    "empty number": ({"card_number": ""}, NUMBER),
    "number of 33 digits": ({"card_number": "4" * 33}, NUMBER),
    "number in Arabic digits": ({"card_number": "\u0664" * 16}, NUMBER),
    "month 0": ({"exp_month": 0}, MONTH),
    "month 13": ({"exp_month": 13}, MONTH),
    "year in two digits": ({"exp_year": 34}, YEAR),
    "year 2100": ({"exp_year": 2100}, YEAR),
    "cvc as an integer": ({"cvc": 123}, CVC),
    "cvc of 11 digits": ({"cvc": "1" * 11}, CVC),
    "cvc with a letter": ({"cvc": "12a"}, CVC),
    "description too long": (
        {"description": "x" * 501},
        "/description: expected a string of at most 500 characters.",
    ),
    "customer too long": (
        {"customer_id": "x" * 256},
        "/customer_id: expected a string of 1 to 255 characters.",
    ),
    "empty customer": (
        {"customer_id": ""},
        "/customer_id: expected a string of 1 to 255 characters.",
    ),
    "payment method as a string": ({"payment_method": "card"}, CARD),
    "misspelt field": (
        {"amuont": 1},
        "/amuont: is not a documented field; did you mean 'amount'?",
    ),
    "unknown field": (
        {"idempotency_key": "k"},
        f"/idempotency_key: is not a documented field; {DOCUMENTED}",
    ),
}

REFUSED_CARDS: dict[str, tuple[Mapping[str, Json], str, str | None]] = {
    "wrong check digit": ({"card_number": "4111111111111112"}, "invalid_card", None),
    "only zeros": ({"card_number": "0" * 16}, "invalid_card", None),
    "unknown length": ({"card_number": "41111111111111"}, "invalid_card", None),
    "too short for a card": ({"card_number": "18"}, "invalid_card", None),
    "expired last month": (
        {"exp_year": 2029, "exp_month": 12},
        "expired_card",
        "The card's expiry date is in the past on the world's clock.",
    ),
    "cvc too long": ({"cvc": "1234"}, "invalid_cvc", "The cvc of this brand has 3 digits."),
    "number of 32 digits": ({"card_number": "4" * 32}, "invalid_card", None),
    "cvc of 10 digits": (
        {"cvc": "1" * 10},
        "invalid_cvc",
        "The cvc of this brand has 3 digits.",
    ),
    "cvc too short": ({"cvc": "12"}, "invalid_cvc", "The cvc of this brand has 3 digits."),
    "cvc of another brand": (
        {"card_number": "378282246310005", "cvc": "123"},
        "invalid_cvc",
        "The cvc of this brand has 4 digits.",
    ),
    "everything wrong: the shape first": (
        {"card_number": "4111111111111112", "exp_year": 2029, "cvc": "x"},
        "invalid_request",
        CVC,
    ),
    "everything wrong but the shape: the number first": (
        {"card_number": "4111111111111112", "exp_year": 2029, "cvc": "1234"},
        "invalid_card",
        None,
    ),
    "expired with a wrong cvc: the expiry first": (
        {"exp_year": 2029, "cvc": "1234"},
        "expired_card",
        "The card's expiry date is in the past on the world's clock.",
    ),
}


async def assert_nothing_happened(api: Api) -> None:
    """Assert that there is neither a payment nor an event."""
    assert (await listed(api), await events(api)) == ([], [])


async def test_a_created_payment_is_completed_stored_and_has_its_event(api: Api) -> None:
    """The three agree."""
    created = await paid(api)
    assert created == {
        "id": PAYMENT_ID,
        "status": "completed",
        "amount": 2500,
        "currency": "USD",
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
    }
    assert await ask(api, "GET", f"{PATH}/{created['id']}") == {
        **created,
        "payment_method": {"type": "card", "last4": "1111", "brand": "visa"},
        "customer_id": "cust_abc123",
    }
    assert await events(api) == [
        {
            "id": EVENT_ID,
            "type": "payment.completed",
            "created_at": "2030-01-15T10:30:00Z",
            "data": {"payment_id": created["id"], "amount": 2500, "currency": "USD"},
        }
    ]


async def test_absent_description_and_customer_are_shown_as_null(api: Api) -> None:
    created = await paid(api, description=None, customer_id=None)
    kept = await ask(api, "GET", f"{PATH}/{created['id']}")
    assert (created["description"], kept["description"], kept["customer_id"]) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1", "1"),
        ("99999999", "99999999"),
        ("2500.0", "2500"),
        ("25E+2", "2500"),
        ("0.25e4", "2500"),
    ],
)
async def test_an_amount_written_as_2500_0_or_25e2_is_accepted_as_an_integer(
    api: Api, written: str, shown: str
) -> None:
    body = json.dumps(documented_create()).replace("2500", written)
    async with api.post(PATH, data=body, headers={"Content-Type": JSON}) as reply:
        assert (reply.status, f'"amount":{shown},' in await reply.text()) == (201, True)


@for_each(("number", "cvc", "brand"), BRANDS.values())
async def test_brand_and_last4_are_derived_from_the_card_number(
    api: Api, number: str, cvc: str, brand: str
) -> None:
    created = await paid(api, card_number=number, cvc=cvc)
    kept = await ask(api, "GET", f"{PATH}/{created['id']}")
    assert kept["payment_method"] == {"type": "card", "last4": number[-4:], "brand": brand}


async def test_a_card_is_accepted_in_the_month_of_its_expiry(api: Api) -> None:
    assert (await paid(api, exp_year=2030, exp_month=1))["status"] == "completed"


@pytest.mark.parametrize("text", ["", "x" * 500, "\U0001f355 für Größe & 'Ähre' \u202e\u0000\n"])
async def test_a_description_of_up_to_500_characters_is_returned_unchanged(
    api: Api, text: str
) -> None:
    created = await paid(api, description=text)
    kept = await ask(api, "GET", f"{PATH}/{created['id']}")
    assert (created["description"], kept["description"]) == (text, text)


@pytest.mark.parametrize("customer", ["x", "\U0001f355" * 255, "cust/../?&=#%00 +"])
async def test_a_customer_id_of_1_to_255_characters_is_returned_and_can_be_filtered(
    api: Api, customer: str
) -> None:
    created = await paid(api, customer_id=customer)
    kept = await ask(api, "GET", f"{PATH}/{created['id']}")
    found = await listed(api, customer_id=customer)
    assert (kept["customer_id"], found) == (customer, [created["id"]])


async def test_a_card_number_in_description_or_customer_id_is_masked(api: Api) -> None:
    created = await paid(api, description="card 4111 1111 1111 1111!", customer_id="4" + "1" * 15)
    kept = await ask(api, "GET", f"{PATH}/{created['id']}")
    assert (kept["description"], kept["customer_id"]) == (
        "card **** **** **** 1111!",
        "************1111",
    )


@for_each("row", WRONG_FIELDS.values())
async def test_an_invalid_field_of_a_create_is_rejected_with_its_json_pointer(
    api: Api, row: tuple[Mapping[str, Json], str]
) -> None:
    """And nothing happens."""
    changes, details = row
    assert await paid(api, 400, **changes) == invalid(details)
    await assert_nothing_happened(api)


async def test_null_for_an_optional_field_of_a_create_is_rejected(api: Api) -> None:
    body = {**documented_create(), "description": None}
    details = (
        "/description: expected a string of at most 500 characters; leave it out if there is none."
    )
    assert await ask(api, "POST", PATH, 400, json=body) == invalid(details)


async def test_all_problems_of_a_create_are_listed_in_the_documented_order(api: Api) -> None:
    body = {"custmer_id": "x", "payment_method": {"type": "card", "cvv": "1"}, "amount": 0}
    assert await ask(api, "POST", PATH, 400, json=body) == invalid(
        f"{AMOUNT[:-1]}; /currency: is required:{CURRENCY.partition(':')[2][:-1]};"
        f" /payment_method/card_number: is required:{NUMBER.partition(':')[2][:-1]};"
        f" /payment_method/exp_month: is required:{MONTH.partition(':')[2][:-1]};"
        f" /payment_method/exp_year: is required:{YEAR.partition(':')[2][:-1]};"
        f" /payment_method/cvc: is required:{CVC.partition(':')[2][:-1]};"
        " /payment_method/cvv: is not a documented field; did you mean 'cvc'?;"
        " /custmer_id: is not a documented field; did you mean 'customer_id'?"
    )


@for_each("row", REFUSED_CARDS.values())
async def test_a_card_that_fails_a_check_is_rejected_with_the_first_failed_check(
    api: Api, row: tuple[Mapping[str, Json], str, str | None]
) -> None:
    """And nothing happens."""
    changes, code, details = row
    assert await paid(api, 400, **changes) == envelope(code, details)
    await assert_nothing_happened(api)


async def test_a_declined_card_leaves_a_failed_payment_with_its_event(api: Api) -> None:
    refusal = await paid(api, 400, card_number="4000000000000002")
    (failed,) = (await ask(api, "GET", PATH))["data"]
    (event,) = await events(api)
    assert refusal == envelope("card_declined")
    assert failed == {
        "id": PAYMENT_ID,
        "status": "failed",
        "amount": 2500,
        "currency": "USD",
        "created_at": "2030-01-15T10:30:00Z",
    }
    assert event == {
        "id": EVENT_ID,
        "type": "payment.failed",
        "created_at": "2030-01-15T10:30:00Z",
        "data": {"payment_id": failed["id"], "amount": 2500, "currency": "USD"},
    }


@pytest.mark.parametrize(
    ("content_type", "details"),
    [
        ("text/plain", "/: expected a body with Content-Type: application/json."),
        ("application/problem+json", "/: expected a body with Content-Type: application/json."),
        ("application/json; charset=latin-1", "/: expected a body in UTF-8."),
    ],
)
async def test_a_body_that_is_not_declared_as_json_in_utf_8_is_rejected(
    api: Api, content_type: str, details: str
) -> None:
    body = json.dumps(documented_create())
    headers = {"Content-Type": content_type}
    assert await ask(api, "POST", PATH, 400, data=body, headers=headers) == invalid(details)
    await assert_nothing_happened(api)


@pytest.mark.parametrize("content_type", ["Application/JSON", "application/json; charset=UTF-8"])
async def test_the_json_content_type_is_accepted_in_any_case_and_with_a_utf_8_charset(
    api: Api, content_type: str
) -> None:
    body = json.dumps(documented_create())
    await ask(api, "POST", PATH, 201, data=body, headers={"Content-Type": content_type})


async def test_query_parameters_of_a_create_are_rejected(api: Api) -> None:
    """The operation documents none."""
    refusal = await ask(api, "POST", f"{PATH}?expand=card", 400, json=documented_create())
    assert refusal == invalid("/expand: is not a documented parameter; there are none.")
    await assert_nothing_happened(api)
