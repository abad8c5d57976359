"""Tests REFUND PAYMENT: each decision, and that refunds never exceed the payment."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.http import Api, Control, Json, ask, envelope, events, invalid, paid, refunded
from tests.support.values import EVENT_ID, REFUND_ID, documented_refund

PENDING = "4000009900000038"
DECLINED = "4000000000000002"
REFUND_DECLINED = "4000000000005126"

AMOUNT = "/amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
REASON = "/reason: expected a string of at most 255 characters."
DESCRIPTION = "/description: expected a string of at most 500 characters."

WRONG_FIELDS: dict[str, tuple[Mapping[str, Json], str]] = {
    "amount of zero": ({"amount": 0}, AMOUNT),
    "negative amount": ({"amount": -1000}, AMOUNT),
    "amount as a string": ({"amount": "1000"}, AMOUNT),
    "amount with a fraction": ({"amount": 0.5}, AMOUNT),
    "reason too long": ({"reason": "x" * 256}, REASON),
    "reason as a number": ({"reason": 1}, REASON),
    "description too long": ({"description": "x" * 501}, DESCRIPTION),
    "misspelt field": (
        {"ammount": 1},
        "/ammount: is not a documented field; did you mean 'amount'?",
    ),
    "unknown field": (
        {"currency": "USD"},
        "/currency: is not a documented field; expected one of amount, reason, description.",
    ),
}


def path_of(payment_id: str) -> str:
    """Return the path of a payment's refunds."""
    return f"/v3/payments/{payment_id}/refunds"


def exceeds(left: int) -> dict[str, Json]:
    """Return the error of a refund that is larger than what is left of 2500."""
    return envelope("refund_exceeds_payment", f"{left} of 2500 is left to refund.")


async def test_a_partial_refund_has_the_six_documented_keys_and_its_event(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    refund = await refunded(api, payment_id)
    assert refund == {
        "id": REFUND_ID,
        "payment_id": payment_id,
        "amount": 1000,
        "status": "completed",
        "created_at": "2030-01-15T10:30:00Z",
        "reason": "customer_request",
    }
    assert (await events(api))[0] == {
        "id": EVENT_ID,
        "type": "refund.created",
        "created_at": "2030-01-15T10:30:00Z",
        "data": {
            "payment_id": payment_id,
            "amount": 1000,
            "currency": "USD",
            "refund_id": refund["id"],
        },
    }


async def test_a_refund_without_an_amount_refunds_what_is_left(api: Api) -> None:
    """Without a reason."""
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id)
    assert await ask(api, "POST", path_of(payment_id), 201, json={}) == {
        "id": REFUND_ID,
        "payment_id": payment_id,
        "amount": 1500,
        "status": "completed",
        "created_at": "2030-01-15T10:30:00Z",
        "reason": None,
    }


@pytest.mark.parametrize("reason", ["", "x" * 255, "\U0001f355 weil's nicht geschmeckt hat"])
async def test_a_refund_reason_of_up_to_255_characters_is_returned_unchanged(
    api: Api, reason: str
) -> None:
    payment_id = (await paid(api))["id"]
    assert (await refunded(api, payment_id, reason=reason))["reason"] == reason


async def test_a_card_number_in_the_reason_of_a_refund_is_masked(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    refund = await refunded(api, payment_id, reason="to 4111111111111111")
    assert refund["reason"] == "to ************1111"


async def test_a_refund_of_more_than_what_is_left_is_rejected_with_what_is_left(api: Api) -> None:
    """And changes nothing."""
    payment_id = (await paid(api))["id"]
    assert await refunded(api, payment_id, 400, amount=2501) == exceeds(2500)
    await refunded(api, payment_id, amount=2499)
    assert await refunded(api, payment_id, 400, amount=2) == exceeds(1)
    await refunded(api, payment_id, amount=1)
    assert await refunded(api, payment_id, 400, amount=None) == exceeds(0)
    assert len(await events(api)) == 3


async def test_of_30_simultaneous_refunds_only_the_25_that_fit_succeed(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    body = documented_refund(amount=100)

    async def refund() -> int:
        async with api.post(path_of(payment_id), json=body) as reply:
            return reply.status

    statuses = await asyncio.gather(*(refund() for _ in range(30)))
    assert sorted(statuses) == [201] * 25 + [400] * 5
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


async def test_an_amount_that_was_charged_back_cannot_be_refunded(
    api: Api, control: Control
) -> None:
    payment_id = (await paid(api))["id"]
    await control("charge_back_payment", {"amount": 1500}, payment_id=payment_id)
    assert await refunded(api, payment_id, 400, amount=1001) == exceeds(1000)
    await refunded(api, payment_id, amount=1000)
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


async def test_a_payment_charged_back_in_full_is_not_refundable(api: Api, control: Control) -> None:
    payment_id = (await paid(api))["id"]
    await control("charge_back_payment", payment_id=payment_id)
    refusal = envelope("payment_not_refundable", "It has been charged back in full.")
    assert await refunded(api, payment_id, 400, amount=1) == refusal


async def test_after_a_partial_refund_and_a_chargeback_a_refund_says_that_0_is_left(
    api: Api, control: Control
) -> None:
    """It was not charged back in full."""
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id, amount=1)
    await control("charge_back_payment", payment_id=payment_id)
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


@pytest.mark.parametrize(("card", "status"), [(PENDING, "pending"), (DECLINED, "failed")])
async def test_a_pending_or_failed_payment_is_not_refundable(
    api: Api, card: str, status: str
) -> None:
    """The error names the status."""
    await paid(api, 400 if status == "failed" else 201, card_number=card)
    (payment,) = (await ask(api, "GET", "/v3/payments"))["data"]
    details = f"You cannot refund a payment that is {status}."
    refusal = await refunded(api, payment["id"], 400)
    assert refusal == envelope("payment_not_refundable", details)


async def test_a_pending_payment_is_refundable_once_it_has_completed(
    api: Api, control: Control
) -> None:
    payment_id = (await paid(api, card_number=PENDING))["id"]
    await refunded(api, payment_id, 400)
    await control("complete_payment", payment_id=payment_id)
    assert (await refunded(api, payment_id))["amount"] == 1000


async def test_a_declined_refund_changes_nothing_and_has_no_event(
    api: Api, control: Control
) -> None:
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    for _ in range(2):
        assert await refunded(api, payment_id, 400) == envelope("refund_declined")
    assert [event["type"] for event in await events(api)] == ["payment.completed"]
    chargeback = await control("charge_back_payment", payment_id=payment_id)
    assert chargeback["amount"] == 2500


async def test_a_refund_that_is_too_large_is_rejected_before_the_card_declines_it(api: Api) -> None:
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    assert await refunded(api, payment_id, 400, amount=2501) == exceeds(2500)


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in WRONG_FIELDS.items()])
async def test_an_invalid_field_of_a_refund_is_rejected_with_its_json_pointer(
    api: Api, row: tuple[Mapping[str, Json], str]
) -> None:
    """And nothing is refunded."""
    changes, details = row
    payment_id = (await paid(api))["id"]
    assert await refunded(api, payment_id, 400, **changes) == invalid(details)
    assert len(await events(api)) == 1


async def test_null_for_an_optional_field_of_a_refund_is_rejected(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    refusal = await ask(api, "POST", path_of(payment_id), 400, json={"reason": None})
    assert refusal == invalid(f"{REASON.removesuffix('.')}; leave it out if there is none.")


async def test_a_refund_without_a_body_is_rejected_with_what_to_send(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    details = "/: expected JSON; the body is empty; send {} to refund all that is left."
    assert await ask(api, "POST", path_of(payment_id), 400) == invalid(details)
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"}):
        refusal = await ask(api, "POST", path_of(payment_id), 400, headers=headers)
        assert refusal == invalid(details)


async def test_a_refund_of_an_unknown_payment_is_404_even_with_an_invalid_body(api: Api) -> None:
    for body in ({}, {"amount": 0}):
        refusal = await ask(api, "POST", path_of("pay_xyz789"), 404, json=body)
        assert refusal == envelope("payment_not_found")


async def test_query_parameters_of_a_refund_are_rejected(api: Api) -> None:
    """The operation documents none."""
    payment_id = (await paid(api))["id"]
    refusal = await ask(api, "POST", f"{path_of(payment_id)}?dry_run=1", 400, json={})
    assert refusal == invalid("/dry_run: is not a documented parameter; there are none.")
