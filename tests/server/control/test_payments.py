"""Tests payments in the control API: every move in every status, its event, and its limits."""

import pytest

from payments_sandbox.contract.error_codes import CODES
from tests.support.http import Api, Control, Json, ask, envelope, events, invalid, paid, refunded
from tests.support.tables import for_each
from tests.support.values import CHARGEBACK_ID, EVENT_ID

PENDING, DECLINED = "4000009900000038", "4000000000000002"
CARDS = {"pending": PENDING, "completed": "4111111111111111", "failed": DECLINED}
MOVES = {
    "complete_payment": "complete",
    "fail_payment": "fail",
    "charge_back_payment": "charge back",
}

ILLEGAL = [
    ("complete_payment", "completed"),
    ("complete_payment", "failed"),
    ("fail_payment", "completed"),
    ("fail_payment", "failed"),
    ("charge_back_payment", "pending"),
    ("charge_back_payment", "failed"),
]

DECLINES = [name for name, code in CODES.items() if code.is_decline]

FINISHED = "It can no longer change; POST /v3/payments creates another."


def possible(payment_id: str, status: str) -> str:
    """Return what an error says would work instead."""
    ours, theirs = f"POST /_sandbox/payments/{payment_id}", f"POST /v3/payments/{payment_id}"
    return {
        "pending": f"{ours}/complete and {ours}/fail would work.",
        "completed": f"{theirs}/refunds and {ours}/chargeback would work.",
        "failed": FINISHED,
    }[status]


async def a_payment(api: Api, status: str) -> str:
    """Make a payment in a status; return its id."""
    await paid(api, 400 if status == "failed" else 201, card_number=CARDS[status])
    page = await ask(api, "GET", "/v3/payments?limit=1")
    return str(page["data"][0]["id"])


def settled(payment_id: str, status: str, failure: str | None) -> dict[str, Json]:
    """Return the documented payment as the control API shows it."""
    return {
        "id": payment_id,
        "status": status,
        "amount": 2500,
        "currency": "USD",
        "payment_method": {"type": "card", "last4": "0038", "brand": "visa"},
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
        "customer_id": "cust_abc123",
        "refunded": 0,
        "charged_back": 0,
        "failure_code": failure,
    }


async def test_completing_a_pending_payment_makes_its_event_at_the_worlds_now(
    api: Api, control: Control
) -> None:
    payment_id = await a_payment(api, "pending")
    await control("advance_clock", {"by": "1h"})
    completed = await control("complete_payment", payment_id=payment_id)
    assert completed == settled(payment_id, "completed", None)
    assert await events(api) == [
        {
            "id": EVENT_ID,
            "type": "payment.completed",
            "created_at": "2030-01-15T11:30:00Z",
            "data": {"payment_id": payment_id, "amount": 2500, "currency": "USD"},
        }
    ]


async def test_failing_a_pending_payment_defaults_to_card_declined(
    api: Api, control: Control
) -> None:
    """And makes its event."""
    payment_id = await a_payment(api, "pending")
    failed = await control("fail_payment", payment_id=payment_id)
    assert failed == settled(payment_id, "failed", "card_declined")
    assert [event["type"] for event in await events(api)] == ["payment.failed"]


@for_each("code", DECLINES)
async def test_a_payment_can_be_failed_with_each_decline_code(
    api: Api, control: Control, code: str
) -> None:
    """The control API shows the code; the emulated API has no field for it."""
    payment_id = await a_payment(api, "pending")
    failed = await control("fail_payment", {"code": code}, payment_id=payment_id)
    kept = await ask(api, "GET", f"/v3/payments/{payment_id}")
    assert failed == {**kept, "refunded": 0, "charged_back": 0, "failure_code": code}


async def test_failing_a_payment_with_another_code_is_rejected_with_the_valid_codes(
    api: Api, control: Control
) -> None:
    """The payment stays pending."""
    payment_id = await a_payment(api, "pending")
    body = {"code": "internal_error"}
    refusal = await control("fail_payment", body, status=400, payment_id=payment_id)
    assert refusal == invalid(f"/code: expected one of {', '.join(DECLINES)}.")
    assert (await ask(api, "GET", f"/v3/payments/{payment_id}"))["status"] == "pending"


async def test_a_chargeback_defaults_to_the_full_amount_as_fraudulent(
    api: Api, control: Control
) -> None:
    """The reply and the event agree."""
    payment_id = await a_payment(api, "completed")
    await control("advance_clock", {"by": "45d"})
    chargeback = await control("charge_back_payment", payment_id=payment_id)
    assert chargeback == {
        "id": CHARGEBACK_ID,
        "payment_id": payment_id,
        "amount": 2500,
        "reason": "fraudulent",
        "created_at": "2030-03-01T10:30:00Z",
    }
    assert (await events(api))[0] == {
        "id": EVENT_ID,
        "type": "chargeback.created",
        "created_at": "2030-03-01T10:30:00Z",
        "data": {
            "payment_id": payment_id,
            "amount": 2500,
            "currency": "USD",
            "chargeback_id": chargeback["id"],
            "reason": "fraudulent",
        },
    }


async def test_refunds_and_partial_chargebacks_together_cannot_exceed_the_payment(
    api: Api, control: Control
) -> None:
    payment_id = await a_payment(api, "completed")
    await refunded(api, payment_id)
    wanted = {"amount": 500, "reason": "product_not_received"}
    part = await control("charge_back_payment", wanted, payment_id=payment_id)
    body = {"amount": 1001}
    refusal = await control("charge_back_payment", body, status=400, payment_id=payment_id)
    rest = await control("charge_back_payment", payment_id=payment_id)
    last = await control("charge_back_payment", status=400, payment_id=payment_id)
    assert (part["amount"], part["reason"], rest["amount"]) == (500, "product_not_received", 1000)
    assert refusal == envelope(
        "illegal_move", f"1000 of 2500 is left to charge back. {possible(payment_id, 'completed')}"
    )
    assert last == envelope("illegal_move", f"0 of 2500 is left to charge back. {FINISHED}")
    assert len(await events(api)) == 4


async def test_a_card_number_in_the_reason_of_a_chargeback_is_masked(
    api: Api, control: Control
) -> None:
    payment_id = await a_payment(api, "completed")
    body = {"reason": "4111 1111 1111 1111"}
    chargeback = await control("charge_back_payment", body, payment_id=payment_id)
    assert chargeback["reason"] == "**** **** **** 1111"


@pytest.mark.parametrize(("move", "status"), ILLEGAL)
async def test_an_illegal_move_is_rejected_with_what_would_work(
    api: Api, control: Control, move: str, status: str
) -> None:
    """And changes nothing."""
    payment_id = await a_payment(api, status)
    before = await control("retrieve_world")
    refusal = await control(move, status=400, payment_id=payment_id)
    details = f"You cannot {MOVES[move]} a payment that is {status}. {possible(payment_id, status)}"
    assert refusal == envelope("illegal_move", details)
    after = await control("retrieve_world")
    assert after == before


@pytest.mark.parametrize("move", [*MOVES, "retrieve_payment"])
async def test_an_unknown_payment_is_404_for_each_payment_route(
    api: Api, control: Control, move: str
) -> None:
    """So is a payment of another key."""
    foreign = (await paid(api, key="sk_test_other", card_number=PENDING))["id"]
    for payment_id in ("pay_xyz789", foreign):
        refusal = await control(move, status=404, payment_id=payment_id)
        details = "GET /_sandbox/payments lists what exists."
        assert refusal == envelope("payment_not_found", details)


@pytest.mark.parametrize("amount", [0, -1, 2501.5, "1"])
async def test_an_invalid_chargeback_amount_is_rejected(
    api: Api, control: Control, amount: Json
) -> None:
    payment_id = await a_payment(api, "completed")
    body = {"amount": amount}
    refusal = await control("charge_back_payment", body, status=400, payment_id=payment_id)
    assert refusal == invalid(
        "/amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
    )


async def test_moves_of_the_control_api_are_not_in_the_journal(api: Api, control: Control) -> None:
    """The journal has the client's calls only."""
    payment_id = await a_payment(api, "pending")
    before = await control("list_requests")
    await control("complete_payment", payment_id=payment_id)
    await control("charge_back_payment", payment_id=payment_id)
    assert await control("list_requests") == before


async def test_the_control_api_lists_payments_in_full_newest_first_in_pages(
    api: Api, control: Control
) -> None:
    """Listing changes nothing."""
    ids = [await a_payment(api, status) for status in ("pending", "failed", "completed")]
    await refunded(api, ids[2], amount=1000)
    before = await control("retrieve_world")

    first = await control("list_payments", query={"limit": "2"})
    rest = await control("list_payments", query={"starting_after": first["next_cursor"]})

    completed, failed = first["data"]
    assert completed == {
        **settled(ids[2], "completed", None),
        "payment_method": {"type": "card", "last4": "1111", "brand": "visa"},
        "refunded": 1000,
    }
    assert (failed["id"], failed["failure_code"]) == (ids[1], "card_declined")
    assert (first["has_more"], first["next_cursor"]) == (True, ids[1])
    assert rest == {
        "data": [settled(ids[0], "pending", None)],
        "has_more": False,
        "next_cursor": None,
    }
    after = await control("retrieve_world")
    assert after == before


async def test_a_world_without_payments_has_an_empty_list_and_rejects_any_cursor(
    control: Control,
) -> None:
    empty = {"data": [], "has_more": False, "next_cursor": None}
    assert await control("list_payments") == empty
    refusal = await control("list_payments", query={"starting_after": "pay_xyz789"}, status=400)
    assert refusal == invalid(
        "/starting_after: expected the id of a payment; GET /_sandbox/payments returns the first"
        " page."
    )


async def test_the_control_api_filters_payments_as_the_emulated_list_does(
    api: Api, control: Control
) -> None:
    pending = await a_payment(api, "pending")
    await a_payment(api, "completed")
    ada = (await paid(api, customer_id="cust_ada"))["id"]
    await control("advance_clock", {"to": "2030-01-15T10:30:01Z"})
    later = (await paid(api, customer_id="cust_ada"))["id"]

    async def found(**query: str) -> list[str]:
        return [each["id"] for each in (await control("list_payments", query=query))["data"]]

    assert await found(status="pending") == [pending]
    assert await found(customer_id="cust_ada") == [later, ada]
    assert await found(customer_id="cust_ada", starting_after=later) == [ada]
    assert await found(created_after="2030-01-15T10:30:00Z") == [later]
    refusal = await control("list_payments", query={"created_after": "2030-02-30"}, status=400)
    assert refusal["error"]["details"].startswith("/created_after: expected ")


async def test_a_retrieved_payment_equals_its_item_in_the_control_list(
    api: Api, control: Control
) -> None:
    payment_id = await a_payment(api, "failed")
    before = await control("retrieve_world")

    [listed] = (await control("list_payments"))["data"]
    assert await control("retrieve_payment", payment_id=payment_id) == listed
    assert await control("retrieve_world") == before
