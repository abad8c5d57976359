"""Tests `--lenient`: undocumented fields and parameters of `/v3` are ignored, nothing else."""

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.http import Api, Control, ask, invalid, listed, paid
from tests.support.values import documented_create, documented_refund

PATH = "/v3/payments"


@pytest.fixture
def settings() -> Settings:
    """The settings of a lenient sandbox."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, lenient=True)


async def test_a_lenient_server_ignores_unknown_fields_of_a_create(api: Api) -> None:
    """At the top and inside the card."""
    body = documented_create(capture=True, metadata={"a": [1]})
    body["payment_method"]["holder"] = "A. Tester"
    created = await ask(api, "POST", PATH, 201, json=body)
    assert created == {
        "id": created["id"],
        "status": "completed",
        "amount": 2500,
        "currency": "USD",
        "created_at": "2030-01-15T10:30:00Z",
        "description": "Payment for order #12345",
    }


async def test_a_lenient_server_ignores_unknown_fields_of_a_refund(api: Api) -> None:
    payment_id = (await paid(api))["id"]
    body = documented_refund(currency="EUR")
    refund = await ask(api, "POST", f"{PATH}/{payment_id}/refunds", 201, json=body)
    assert (refund["amount"], refund["reason"]) == (1000, "customer_request")


async def test_a_lenient_server_ignores_unknown_parameters(api: Api) -> None:
    """On every operation, even repeated ones."""
    payment_id = (await paid(api))["id"]
    page = await ask(api, "GET", f"{PATH}?page=1&page=2&limit=1")
    await ask(api, "GET", f"{PATH}/{payment_id}?expand=refunds")
    await ask(api, "POST", f"{PATH}?expand=card", 201, json=documented_create())
    await ask(api, "POST", f"{PATH}/{payment_id}/refunds?a=b", 201, json={"amount": 1})
    assert [item["id"] for item in page["data"]] == [payment_id]


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("limit=0", "/limit: expected an integer from 1 to 100."),
        ("limit=1&limit=2", "/limit: is given twice."),
        ("status=x", "/status: expected one of pending, completed, failed."),
    ],
)
async def test_a_lenient_server_rejects_invalid_documented_parameters(
    api: Api, query: str, details: str
) -> None:
    assert await ask(api, "GET", f"{PATH}?{query}", 400) == invalid(details)


async def test_a_lenient_server_rejects_a_missing_field_despite_a_misspelt_one(api: Api) -> None:
    """Nothing happens."""
    body = documented_create(amount=None, amuont=2500)
    expected = "an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
    refusal = await ask(api, "POST", PATH, 400, json=body)
    assert refusal == invalid(f"/amount: is required: expected {expected}")
    assert await listed(api) == []


async def test_the_control_api_of_a_lenient_server_is_strict(control: Control) -> None:
    """In bodies and queries."""
    field = await control("freeze_clock", {"att": "2031-01-01"}, status=400)
    of_a_list = await control("list_events", query={"limt": "1"}, status=400)
    of_none = await control("retrieve_clock", query={"at": "2031-01-01"}, status=400)
    assert (field, of_a_list, of_none) == (
        invalid("/att: is not a documented field; did you mean 'at'?"),
        invalid("/limt: is not a documented parameter; did you mean 'limit'?"),
        invalid("/at: is not a documented parameter; there are none."),
    )
