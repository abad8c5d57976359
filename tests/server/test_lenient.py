"""`--lenient`: undocumented fields and parameters of `/v3` are ignored, and nothing else is."""

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.http import Api, Control, ask, invalid, listed, paid
from tests.support.values import documented_create, documented_refund

PATH = "/v3/payments"


@pytest.fixture
def settings() -> Settings:
    """A lenient sandbox."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, lenient=True)


async def test_unknown_fields_are_ignored(api: Api) -> None:
    """At the top and inside the card; the documented ones keep their meaning."""
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


async def test_unknown_fields_of_a_refund_are_ignored(api: Api) -> None:
    """The refund is made as if they were not there."""
    payment_id = (await paid(api))["id"]
    body = documented_refund(currency="EUR")
    refund = await ask(api, "POST", f"{PATH}/{payment_id}/refunds", 201, json=body)
    assert (refund["amount"], refund["reason"]) == (1000, "customer_request")


async def test_unknown_parameters_are_ignored(api: Api) -> None:
    """On every operation, even given twice."""
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
async def test_documented_parameters_are_still_judged(api: Api, query: str, details: str) -> None:
    """A wrong value is a wrong value."""
    assert await ask(api, "GET", f"{PATH}?{query}", 400) == invalid(details)


async def test_documented_fields_are_still_judged(api: Api) -> None:
    """A misspelt field is a missing one; nothing happens."""
    body = documented_create(amount=None, amuont=2500)
    expected = "an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
    refusal = await ask(api, "POST", PATH, 400, json=body)
    assert refusal == invalid(f"/amount: is required: expected {expected}")
    assert await listed(api) == []


async def test_the_control_api_is_never_lenient(control: Control) -> None:
    """A typo in a control request does not pass: neither in a body nor in a query."""
    field = await control("freeze_clock", {"att": "2031-01-01"}, status=400)
    of_a_list = await control("list_events", query={"limt": "1"}, status=400)
    of_none = await control("retrieve_clock", query={"at": "2031-01-01"}, status=400)
    assert (field, of_a_list, of_none) == (
        invalid("/att: is not a documented field; did you mean 'at'?"),
        invalid("/limt: is not a documented parameter; did you mean 'limit'?"),
        invalid("/at: is not a documented parameter; there are none."),
    )
