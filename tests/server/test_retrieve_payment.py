"""Tests RETRIEVE PAYMENT: every state of a payment, and every invalid id."""

import pytest
from yarl import URL

from tests.support.http import Api, Control, ask, envelope, invalid, paid, refunded
from tests.support.tables import for_each
from tests.support.values import PAYMENT_ID

PENDING = "4000009900000038"

NO_PAYMENTS = {
    "well formed": "pay_0123456789abcdef",
    "of the documentation": "pay_xyz789",
    "upper case": "PAY_0123456789ABCDEF",
    "of another kind": "ref_0123456789abcdef",
    "escaped slash": "pay_%2F",
    "escaped NUL": "pay_%00",
    "not UTF-8": "pay_%ff",
    "a card number": "4111111111111111",
    "longer than any id": "pay_" + "a" * 4_000,
}


async def test_a_retrieved_payment_has_all_eight_documented_keys(api: Api) -> None:
    """The card is reduced to its brand and last four digits."""
    created = await paid(api)
    assert await ask(api, "GET", f"/v3/payments/{created['id']}") == {
        "id": PAYMENT_ID,
        "status": "completed",
        "amount": 2500,
        "currency": "USD",
        "payment_method": {"type": "card", "last4": "1111", "brand": "visa"},
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
        "customer_id": "cust_abc123",
    }


async def test_refunds_and_chargebacks_do_not_change_the_retrieved_payment(
    api: Api, control: Control
) -> None:
    """The documentation has no field for them."""
    payment_id = (await paid(api))["id"]
    before = await ask(api, "GET", f"/v3/payments/{payment_id}")
    await refunded(api, payment_id)
    await control("charge_back_payment", payment_id=payment_id)
    assert await ask(api, "GET", f"/v3/payments/{payment_id}") == before


@pytest.mark.parametrize(
    ("move", "status"), [("complete_payment", "completed"), ("fail_payment", "failed")]
)
async def test_settling_a_payment_changes_only_its_status(
    api: Api, control: Control, move: str, status: str
) -> None:
    payment_id = (await paid(api, card_number=PENDING))["id"]
    before = await ask(api, "GET", f"/v3/payments/{payment_id}")
    await control(move, payment_id=payment_id)
    after = await ask(api, "GET", f"/v3/payments/{payment_id}")
    assert (before["status"], after) == ("pending", {**before, "status": status})


@for_each("payment_id", NO_PAYMENTS.values())
async def test_an_unknown_or_malformed_payment_id_is_404(api: Api, payment_id: str) -> None:
    """Always with the same body."""
    await paid(api)
    refusal = await ask(api, "GET", f"/v3/payments/{payment_id}", 404)
    assert refusal == envelope("payment_not_found")


@for_each("change", ["{0}0", "{0}%20", "_{0}", "+{0}", "0x{0}", "{0}%0A"])
async def test_a_payment_id_in_another_spelling_is_404(api: Api, change: str) -> None:
    """Ids are compared character by character."""
    digits = (await paid(api))["id"].removeprefix("pay_")
    almost = URL(f"/v3/payments/pay_{change.format(digits)}", encoded=True)
    async with api.get(almost) as reply:
        assert (reply.status, await reply.json()) == (404, envelope("payment_not_found"))


async def test_query_parameters_of_a_retrieve_are_rejected(api: Api) -> None:
    """The operation documents none."""
    payment_id = (await paid(api))["id"]
    refusal = await ask(api, "GET", f"/v3/payments/{payment_id}?expand=refunds", 400)
    assert refusal == invalid("/expand: is not a documented parameter; there are none.")


async def test_head_of_a_payment_has_the_headers_of_get_and_no_body(api: Api) -> None:
    """Including its Content-Length."""
    payment_id = (await paid(api))["id"]
    async with api.get(f"/v3/payments/{payment_id}") as full:
        length = len(await full.read())
    async with api.head(f"/v3/payments/{payment_id}") as head:
        found = (head.status, int(head.headers["Content-Length"]), await head.read())
    assert found == (200, length, b"")
