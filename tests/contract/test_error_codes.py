"""Compares the table of codes with the documentation, the decided list and its own sentences."""

import pytest

from payments_sandbox.contract.error_codes import (
    CODES,
    CONTROL_CODES,
    EVERYWHERE,
    code_of,
    documented_for,
)
from payments_sandbox.contract.operations import BY_NAME
from tests.support.tables import for_each

DECLINES = [
    "expired_card",
    "card_declined",
    "insufficient_funds",
    "lost_card",
    "stolen_card",
    "incorrect_cvc",
    "processing_error",
    "card_velocity_exceeded",
    "fraud_suspected",
]
DECIDED = {  # product: "Error codes of `/v3`"
    400: {
        "invalid_request",
        "invalid_card",
        "invalid_cvc",
        *DECLINES,
        "payment_not_refundable",
        "refund_exceeds_payment",
        "refund_declined",
    },
    401: {"invalid_api_key"},
    404: {"payment_not_found", "not_found"},
    405: {"method_not_allowed"},
    413: {"request_too_large"},
    429: {"rate_limit_exceeded"},
    500: {"internal_error"},
}
ALWAYS = {"invalid_request", "invalid_api_key", "rate_limit_exceeded", "internal_error"}
OPERATIONS = {
    "create_payment": ALWAYS | {"invalid_card", "invalid_cvc", *DECLINES},
    "retrieve_payment": ALWAYS | {"payment_not_found"},
    "list_payments": ALWAYS,
    "create_refund": ALWAYS
    | {
        "payment_not_found",
        "payment_not_refundable",
        "refund_exceeds_payment",
        "refund_declined",
    },
}


def test_every_error_code_has_its_decided_status() -> None:
    """Every code of the decided list, and no other."""
    statuses = {
        status: {name for name, code in CODES.items() if code.status == status}
        for status in {code.status for code in CODES.values()}
    }

    assert statuses == DECIDED


def test_exactly_the_decline_codes_are_marked_as_declines() -> None:
    """A decline keeps the attempt as a failed payment; other errors do not."""
    assert {name for name, code in CODES.items() if code.is_decline} == set(DECLINES)


def test_only_invalid_card_has_a_documented_message() -> None:
    """The documentation words one error; the others are marked as decided."""
    documented = {name: code for name, code in CODES.items() if code.provenance == "documented"}

    assert {name: code.message for name, code in documented.items()} == {
        "invalid_card": "The card number provided is invalid"
    }


@for_each("name", [*CODES, *CONTROL_CODES])
def test_an_error_message_starts_with_a_capital_and_has_no_full_stop(name: str) -> None:
    """Like the documented one."""
    message = code_of(name).message

    assert message[0].isupper()
    assert not message.endswith(".")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_lists_exactly_its_codes_in_the_order_of_the_table(operation: str) -> None:
    """OpenAPI repeats them."""
    listed = documented_for(operation)

    assert set(listed) == OPERATIONS[operation]
    assert list(listed) == [name for name in CODES if name in listed]


def test_error_codes_name_only_existing_operations() -> None:
    """And every operation has a code."""
    assert set(EVERYWHERE) == set(BY_NAME)
    assert {each for code in CODES.values() for each in code.operations} == set(BY_NAME)


def test_codes_of_either_table_are_found_and_unknown_codes_raise_key_error() -> None:
    """No name is in both tables."""
    assert set(CODES).isdisjoint(CONTROL_CODES)
    assert code_of("lost_card") is CODES["lost_card"]
    assert code_of("unknown_host") is CONTROL_CODES["unknown_host"]
    with pytest.raises(KeyError):
        code_of("unheard_of")
