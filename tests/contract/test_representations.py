"""Compares each representation with the keys and values of the documented example."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.contract import representations
from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.errors import InvalidRequest, SandboxError
from payments_sandbox.core.ids import ChargebackId, EventId, PaymentId, RefundId
from payments_sandbox.core.instants import LAST, SECOND, Instant, read_instant
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import Chargeback, Event, EventType, Refund
from payments_sandbox.payments.payment import Payment, Status
from tests.support.in_process import contract

AT = read_instant("2025-01-15T10:30:00Z")
PAYMENT = Payment(
    id=PaymentId("pay_xyz789"),
    amount=2_500,
    currency="USD",
    card=Card(Brand.VISA, "1111", 5),
    created=AT,
    status=Status.COMPLETED,
    description="Payment for order #12345",
    customer_id="cust_abc123",
)
BARE = PAYMENT._replace(description=None, customer_id=None, status=Status.PENDING)
REFUND = Refund(
    id=RefundId("ref_abc456"),
    payment_id=PAYMENT.id,
    amount=1_000,
    created=read_instant("2025-01-15T14:20:00Z"),
    reason="customer_request",
    description="Refund for returned item",
)
CHARGEBACK = Chargeback(
    id=ChargebackId("chb_abc789"),
    payment_id=PAYMENT.id,
    amount=1_500,
    created=AT,
    reason="fraudulent",
)
SHOWN = {
    "id": "pay_xyz789",
    "status": "completed",
    "amount": 2500,
    "currency": "USD",
    "payment_method": {"type": "card", "last4": "1111", "brand": "visa"},
    "created_at": "2025-01-15T10:30:00Z",
    "description": "Payment for order #12345",
    "customer_id": "cust_abc123",
}
SUMMARY = {key: SHOWN[key] for key in ("id", "status", "amount", "currency", "created_at")}


def test_a_retrieved_payment_has_the_eight_documented_keys_in_order() -> None:
    """What is absent is null."""
    assert list(representations.payment(PAYMENT).items()) == list(SHOWN.items())
    assert representations.payment(BARE) == SHOWN | {
        "status": "pending",
        "description": None,
        "customer_id": None,
    }


def created(payment: Payment) -> dict[str, Any]:
    """The reply to the create request of a payment."""
    shown: dict[str, Any] = orjson.loads(
        representations.created_payment(json_bytes(representations.payment(payment)))
    )
    return shown


def test_a_created_payment_has_neither_card_nor_customer() -> None:
    assert list(created(PAYMENT).items()) == [
        *SUMMARY.items(),
        ("description", "Payment for order #12345"),
    ]


def test_an_empty_page_of_payments_has_no_cursor() -> None:
    page = orjson.loads(representations.payments_page([], has_more=False))
    assert page == {"data": [], "has_more": False, "next_cursor": None}


payments = st.builds(
    PAYMENT._replace,
    amount=st.integers(1, 99_999_999),
    card=st.builds(Card, st.sampled_from(Brand), st.just("1111"), st.just(0)),
    created=st.integers(0, LAST).map(lambda at: Instant(at - at % SECOND)),
    status=st.sampled_from(Status),
    description=st.none() | st.text() | st.just(',"payment_method":,"created_at":"'),
    customer_id=st.none() | st.text() | st.sampled_from(['"id":"pay_1",', ',"customer_id":}']),
)


@given(st.lists(payments, min_size=1, max_size=3), st.booleans())
def test_list_items_are_five_keys_of_the_retrieved_payment(
    shown: list[Payment],
    has_more: bool,  # noqa: FBT001 - drawn
) -> None:
    """Unchanged, whatever clients have written in the texts."""
    retrieved = [representations.payment(each) for each in shown]
    page = representations.payments_page(
        [json_bytes(each) for each in retrieved], has_more=has_more
    )
    summaries = [{key: each[key] for key in SUMMARY} for each in retrieved]

    assert page == json_bytes(representations.page(summaries, has_more=has_more))
    assert contract().accepts("responses/list_payments", orjson.loads(page))


def test_the_schema_of_a_list_item_is_a_part_of_the_retrieve_schema() -> None:
    """So a page of validated payments needs no validation of its own."""
    whole = contract().schema("responses/retrieve_payment")["properties"]
    item = contract().schema("responses/list_payments")["properties"]["data"]["items"]

    assert {key: whole[key] for key in SUMMARY} == item["properties"]
    assert set(item["required"]) == set(SUMMARY)


@given(payments)
def test_a_created_payment_and_its_schema_are_a_part_of_the_retrieved_one(made: Payment) -> None:
    """So it needs no validation of its own."""
    shown, retrieved = created(made), representations.payment(made)
    documented = contract().schema("responses/create_payment")
    whole = contract().schema("responses/retrieve_payment")["properties"]

    assert shown == {key: retrieved[key] for key in shown}
    assert documented["properties"] == {key: whole[key] for key in shown}
    assert set(documented["required"]) == set(shown)


@pytest.mark.parametrize(
    ("items", "has_more", "cursor"),
    [([], False, None), ([SUMMARY], False, None), ([SUMMARY], True, "pay_xyz789")],
)
def test_a_page_has_the_last_id_as_its_cursor_only_if_more_follow(
    items: list[dict[str, object]], cursor: str | None, *, has_more: bool
) -> None:
    assert representations.page(items, has_more=has_more) == {
        "data": items,
        "has_more": has_more,
        "next_cursor": cursor,
    }


def test_a_refund_has_the_six_documented_keys() -> None:
    """Its description is not among them."""
    assert list(representations.refund(REFUND).items()) == [
        ("id", "ref_abc456"),
        ("payment_id", "pay_xyz789"),
        ("amount", 1000),
        ("status", "completed"),
        ("created_at", "2025-01-15T14:20:00Z"),
        ("reason", "customer_request"),
    ]


def test_a_chargeback_has_the_five_keys_of_the_control_api() -> None:
    assert representations.chargeback(CHARGEBACK) == {
        "id": "chb_abc789",
        "payment_id": "pay_xyz789",
        "amount": 1500,
        "reason": "fraudulent",
        "created_at": "2025-01-15T10:30:00Z",
    }


REVERSALS: dict[EventType, tuple[Refund | Chargeback | None, dict[str, object]]] = {
    EventType.PAYMENT_COMPLETED: (None, {}),
    EventType.PAYMENT_FAILED: (None, {}),
    EventType.REFUND_CREATED: (REFUND, {"refund_id": "ref_abc456"}),
    EventType.CHARGEBACK_CREATED: (
        CHARGEBACK, {"chargeback_id": "chb_abc789", "reason": "fraudulent"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("type_", EventType)
def test_an_event_has_the_documented_payload_of_its_type(type_: EventType) -> None:
    """Including what the refund or chargeback adds to it."""
    reversal, added = REVERSALS[type_]
    event = Event(
        id=EventId("evt_abc123"),
        type=type_,
        created=Instant(AT + 999),
        payment_id=PAYMENT.id,
        amount=2_500,
        currency="USD",
        reversal=reversal,
    )
    shown = representations.event(event)

    assert shown == {
        "id": "evt_abc123",
        "type": type_.value,
        "created_at": "2025-01-15T10:30:00Z",
        "data": {"payment_id": "pay_xyz789", "amount": 2500, "currency": "USD", **added},
    }
    assert shown["type"].__class__ is str


@pytest.mark.parametrize(
    ("error", "envelope"),
    [
        (
            SandboxError("invalid_card"),
            {"code": "invalid_card", "message": "The card number provided is invalid"},
        ),
        (
            InvalidRequest("/amount: is required."),
            {
                "code": "invalid_request",
                "message": "The request is invalid",
                "details": "/amount: is required.",
            },
        ),
        (
            SandboxError("lost_card", "", message="Gone"),
            {"code": "lost_card", "message": "Gone"},
        ),
        (
            SandboxError("illegal_move"),
            {
                "code": "illegal_move",
                "message": "The payment is not in a state that allows this",
            },
        ),
    ],
    ids=lambda value: value.code if isinstance(value, SandboxError) else "shown",
)
def test_an_error_has_details_only_if_there_are_any(
    error: SandboxError, envelope: dict[str, str]
) -> None:
    assert representations.error(error) == {"error": envelope}


def test_representations_match_the_published_schemas() -> None:
    held = contract()

    assert held.accepts("responses/retrieve_payment", representations.payment(PAYMENT))
    assert held.accepts("responses/retrieve_payment", representations.payment(BARE))
    assert held.accepts("responses/create_payment", created(BARE))
    assert held.accepts("responses/create_refund", representations.refund(REFUND))
    assert held.accepts("responses/list_payments", representations.page([SUMMARY], has_more=True))
