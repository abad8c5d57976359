"""The fields of calls, payments and events; the schema and the page have the same."""

import json
import re
from collections.abc import Mapping

import pytest

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.ids import EventId, PaymentId, RefundId
from payments_sandbox.core.instants import Instant
from payments_sandbox.payments.cards import Card, fingerprint
from payments_sandbox.payments.events import Event, EventType, Refund
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.rules.fields import (
    FIELDS,
    CallFields,
    CallParts,
    PaymentFields,
    has_field,
)
from payments_sandbox.verification.expectations.payments import PAYMENTS
from tests.project.tree import ROOT

VISA, AMEX = "4111111111111111", "378282246310005"
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    amount=2_500,
    currency="USD",
    card=Card(Brand.AMEX, AMEX[-4:], fingerprint(AMEX)),
    created=Instant(0),
    status=Status.COMPLETED,
    description="socks",
    customer_id="cust_ada",
)
REFUND = Refund(RefundId("ref_1"), PAYMENT.id, 500, Instant(5), "late", None)
REFUNDED = Event(
    EventId("evt_1"), EventType.REFUND_CREATED, Instant(5), PAYMENT.id, 500, "USD", REFUND
)
CREATED = Event(EventId("evt_2"), EventType.PAYMENT_COMPLETED, Instant(5), PAYMENT.id, 2_500, "USD")
NAMES = tuple(field.name for field in FIELDS)


def known_card(card: int) -> str | None:
    """Return the number of the only card that a rule names."""
    return AMEX if card == fingerprint(AMEX) else None


def call(
    operation: str,
    body: Mapping[str, object] | None = None,
    *,
    query: str = "",
    payment_id: str = "",
    brand: str | None = None,
) -> CallFields:
    """Return the fields of a call to a world with one payment."""
    payments = {"pay_1": PAYMENT}
    parts = CallParts(
        operation, body or {}, query, lambda: {"x-test": "a"}, payment_id, payments.get, brand
    )
    return CallFields(parts, known_card)


def values(fields: CallFields | PaymentFields) -> dict[str, object]:
    """Return the fields that have a value."""
    found = {name: fields.get(name) for name in NAMES}
    return {name: value for name, value in found.items() if value is not None}


def test_fields_of_a_create_come_from_its_body() -> None:
    body = {
        "amount": 5,
        "currency": "EUR",
        "customer_id": "cust_ben",
        "description": "hats",
        "payment_method": {"card_number": VISA},
        "status": "completed",
    }

    assert values(call("create_payment", body)) == {
        "card": VISA,
        "brand": "visa",
        "amount": 5,
        "currency": "EUR",
        "customer_id": "cust_ben",
        "description": "hats",
    }


def test_fields_of_a_retrieve_come_from_its_payment() -> None:
    assert values(call("retrieve_payment", payment_id="pay_1")) == {
        "card": AMEX,
        "brand": "amex",
        "amount": 2_500,
        "currency": "USD",
        "customer_id": "cust_ada",
        "payment_id": "pay_1",
        "description": "socks",
        "status": "completed",
    }


def test_fields_of_a_refund_are_its_amount_and_reason_and_those_of_its_payment() -> None:
    found = values(call("create_refund", {"amount": 7, "reason": "late"}, payment_id="pay_1"))

    assert (found["amount"], found["reason"], found["currency"]) == (7, "late", "USD")


def test_fields_of_a_list_come_from_its_query_first_value_first() -> None:
    found = call("list_payments", query="status=failed&status=pending&customer_id=&limit=5")

    assert values(found) == {"status": "failed", "customer_id": ""}
    assert [found.get(name) for name in ("query.limit", "query.other")] == ["5", None]


def test_a_call_with_an_unknown_payment_id_has_only_the_id() -> None:
    assert values(call("retrieve_payment", payment_id="pay_2")) == {"payment_id": "pay_2"}


def test_headers_are_looked_up_by_lower_case_name() -> None:
    found = call("list_payments")

    assert [found.get(name) for name in ("header.x-test", "header.other")] == ["a", None]


@pytest.mark.parametrize(
    ("number", "card", "brand"),
    [
        (int(VISA), VISA, "visa"),
        ("4111", "4111", None),
        ("************1111", "************1111", None),
        (True, None, None),
        (None, None, None),
        ([VISA], None, None),
    ],
    ids=str,
)
def test_card_and_brand_come_from_the_card_number_of_the_body(
    number: object, card: str | None, brand: str | None
) -> None:
    found = call("create_payment", {"payment_method": {"card_number": number}})

    assert (found.get("card"), found.get("brand")) == (card, brand)


def test_a_brand_from_the_journal_overrides_the_card_number() -> None:
    body = {"payment_method": {"card_number": "************1111"}}

    assert call("create_payment", body, brand="visa").get("brand") == "visa"


def test_a_payment_method_that_is_not_an_object_has_no_card() -> None:
    assert call("create_payment", {"payment_method": VISA}).get("card") is None


def test_fields_of_a_refund_event_have_the_refunds_amount_and_reason() -> None:
    of_refund = PaymentFields(PAYMENT, known_card, REFUNDED)
    of_payment = PaymentFields(PAYMENT, known_card, CREATED)

    assert (of_refund.get("amount"), of_refund.get("reason")) == (500, "late")
    assert (of_payment.get("amount"), of_payment.get("reason")) == (2_500, None)


def test_a_payment_has_exactly_the_fields_of_payments() -> None:
    found = values(PaymentFields(PAYMENT, known_card))

    assert set(found) == set(PAYMENTS.fields)
    assert PaymentFields(PAYMENT, known_card).get("header.x-test") is None


@pytest.mark.parametrize(
    ("subject", "name", "has"),
    [
        ("create_payment", "status", False),
        ("create_payment", "header.x", True),
        ("event", "query.x", False),
        ("webhook", "attempt", True),
        ("event", "attempt", False),
        ("list_payments", "customer_id", True),
        ("list_payments", "amount", False),
    ],
)
def test_has_field_knows_the_fields_of_each_subject(subject: str, name: str, *, has: bool) -> None:
    assert has_field(subject, name) is has


def test_the_schema_has_exactly_the_fields_of_the_table() -> None:
    schema = json.loads((ROOT / "schemas" / "scenario.schema.json").read_text(encoding="utf-8"))

    assert list(schema["$defs"]["when"]["properties"]) == list(NAMES)


def test_scenario_language_md_has_exactly_the_fields_of_the_table() -> None:
    page = (ROOT / "docs" / "scenario-language.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^\| matcher \|.*\n\|---.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    first_cells = [row.split("|")[1] for row in table.splitlines()]
    named = [name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)]

    assert sorted(named) == sorted([*NAMES, "header.NAME", "query.NAME"])
