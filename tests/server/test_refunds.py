"""REFUND PAYMENT: each decision, and that refunds and chargebacks never exceed the payment."""

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
    "amount of nothing": ({"amount": 0}, AMOUNT),
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
    """Where a payment's refunds are made."""
    return f"/v3/payments/{payment_id}/refunds"


def exceeds(left: int) -> dict[str, Json]:
    """The refusal of a refund that is larger than what is left of 2500."""
    return envelope("refund_exceeds_payment", f"{left} of 2500 is left to refund.")


async def test_a_partial_refund_has_six_keys_and_an_event(api: Api) -> None:
    """The reply has the six documented keys; the event names payment and refund."""
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


async def test_a_refund_without_an_amount_is_of_all_that_is_left(api: Api) -> None:
    """Every field is optional: an empty object refunds the rest, for no reason."""
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
async def test_the_reason_is_free_text(api: Api, reason: str) -> None:
    """Whatever has at most 255 characters comes back unchanged."""
    payment_id = (await paid(api))["id"]
    assert (await refunded(api, payment_id, reason=reason))["reason"] == reason


async def test_a_card_number_in_the_reason_is_masked(api: Api) -> None:
    """Free text keeps no card number."""
    payment_id = (await paid(api))["id"]
    refund = await refunded(api, payment_id, reason="to 4111111111111111")
    assert refund["reason"] == "to ************1111"


async def test_a_refund_beyond_what_is_left_is_refused(api: Api) -> None:
    """What is too much is refused, naming what is left, and changes nothing."""
    payment_id = (await paid(api))["id"]
    assert await refunded(api, payment_id, 400, amount=2501) == exceeds(2500)
    await refunded(api, payment_id, amount=2499)
    assert await refunded(api, payment_id, 400, amount=2) == exceeds(1)
    await refunded(api, payment_id, amount=1)
    assert await refunded(api, payment_id, 400, amount=None) == exceeds(0)
    assert len(await events(api)) == 3


async def test_of_many_refunds_at_once_no_more_are_made_than_fit(api: Api) -> None:
    """Thirty refunds of 100 arrive together: 25 of them fit."""
    payment_id = (await paid(api))["id"]
    body = documented_refund(amount=100)

    async def refund() -> int:
        async with api.post(path_of(payment_id), json=body) as reply:
            return reply.status

    statuses = await asyncio.gather(*(refund() for _ in range(30)))
    assert sorted(statuses) == [201] * 25 + [400] * 5
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


async def test_refunds_and_chargebacks_share_the_payment(api: Api, control: Control) -> None:
    """What was charged back cannot be refunded as well."""
    payment_id = (await paid(api))["id"]
    await control("charge_back_payment", {"amount": 1500}, payment_id=payment_id)
    assert await refunded(api, payment_id, 400, amount=1001) == exceeds(1000)
    await refunded(api, payment_id, amount=1000)
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


async def test_nothing_can_be_refunded_after_a_full_chargeback(api: Api, control: Control) -> None:
    """A payment that was charged back in full cannot be refunded at all."""
    payment_id = (await paid(api))["id"]
    await control("charge_back_payment", payment_id=payment_id)
    refusal = envelope("payment_not_refundable", "It has been charged back in full.")
    assert await refunded(api, payment_id, 400, amount=1) == refusal


async def test_nothing_is_left_where_a_chargeback_has_taken_what_refunds_left(
    api: Api, control: Control
) -> None:
    """It was not charged back in full, so the details say how much is left."""
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id, amount=1)
    await control("charge_back_payment", payment_id=payment_id)
    assert await refunded(api, payment_id, 400, amount=1) == exceeds(0)


@pytest.mark.parametrize(("card", "status"), [(PENDING, "pending"), (DECLINED, "failed")])
async def test_only_a_completed_payment_can_be_refunded(api: Api, card: str, status: str) -> None:
    """Any other status is refused, and named."""
    await paid(api, 400 if status == "failed" else 201, card_number=card)
    (payment,) = (await ask(api, "GET", "/v3/payments"))["data"]
    details = f"You cannot refund a payment that is {status}."
    refusal = await refunded(api, payment["id"], 400)
    assert refusal == envelope("payment_not_refundable", details)


async def test_a_pending_payment_can_be_refunded_once_it_has_completed(
    api: Api, control: Control
) -> None:
    """The status at the time of the refund decides."""
    payment_id = (await paid(api, card_number=PENDING))["id"]
    await refunded(api, payment_id, 400)
    await control("complete_payment", payment_id=payment_id)
    assert (await refunded(api, payment_id))["amount"] == 1000


async def test_a_declined_refund_takes_nothing(api: Api, control: Control) -> None:
    """The card's issuer declines: nothing is taken, and no event tells of it."""
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    for _ in range(2):
        assert await refunded(api, payment_id, 400) == envelope("refund_declined")
    assert [event["type"] for event in await events(api)] == ["payment.completed"]
    chargeback = await control("charge_back_payment", payment_id=payment_id)
    assert chargeback["amount"] == 2500


async def test_the_ledger_speaks_before_the_issuer(api: Api) -> None:
    """Too large a refund is too large, whatever the card would have said."""
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    assert await refunded(api, payment_id, 400, amount=2501) == exceeds(2500)


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in WRONG_FIELDS.items()])
async def test_a_wrong_field_is_refused_by_its_name(
    api: Api, row: tuple[Mapping[str, Json], str]
) -> None:
    """The details name the field and what would have worked; nothing is refunded."""
    changes, details = row
    payment_id = (await paid(api))["id"]
    assert await refunded(api, payment_id, 400, **changes) == invalid(details)
    assert len(await events(api)) == 1


async def test_null_is_no_way_to_leave_a_field_out(api: Api) -> None:
    """An optional field is left out, not null."""
    payment_id = (await paid(api))["id"]
    refusal = await ask(api, "POST", path_of(payment_id), 400, json={"reason": None})
    assert refusal == invalid(f"{REASON.removesuffix('.')}; leave it out if there is none.")


async def test_a_body_is_needed(api: Api) -> None:
    """All fields are optional, the JSON object is not."""
    payment_id = (await paid(api))["id"]
    details = "/: expected JSON; the body is empty; send {} to refund all that is left."
    assert await ask(api, "POST", path_of(payment_id), 400) == invalid(details)
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"}):
        refusal = await ask(api, "POST", path_of(payment_id), 400, headers=headers)
        assert refusal == invalid(details)


async def test_an_unknown_payment_is_not_found_before_the_body_is_judged(api: Api) -> None:
    """The payment is looked for before the body is judged."""
    for body in ({}, {"amount": 0}):
        refusal = await ask(api, "POST", path_of("pay_xyz789"), 404, json=body)
        assert refusal == envelope("payment_not_found")


async def test_query_parameters_are_refused(api: Api) -> None:
    """The operation documents none."""
    payment_id = (await paid(api))["id"]
    refusal = await ask(api, "POST", f"{path_of(payment_id)}?dry_run=1", 400, json={})
    assert refusal == invalid("/dry_run: is not a documented parameter; there are none.")
