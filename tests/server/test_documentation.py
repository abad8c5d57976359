"""Compares every JSON block, header and list of the API documentation, word for word."""

import json

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.http import Api, Control, Json, ask, paid, refunded

CREATE_REQUEST = """{
  "amount": 2500,
  "currency": "USD", 
  "payment_method": {
    "type": "card",
    "card_number": "4111111111111111",
    "exp_month": 12,
    "exp_year": 2026,
    "cvc": "123"
  },
  "description": "Payment for order #12345",
  "customer_id": "cust_abc123"
}"""  # noqa: W291 - the documentation's own space

CREATED = """{
  "id": "pay_xyz789",
  "status": "completed",
  "amount": 2500,
  "currency": "USD",
  "created_at": "2025-01-15T10:30:00Z",
  "description": "Payment for order #12345"
}"""

REFUSED = """{
  "error": {
    "code": "invalid_card",
    "message": "The card number provided is invalid"
  }
}"""

RETRIEVED = """{
  "id": "pay_xyz789",
  "status": "completed",
  "amount": 2500,
  "currency": "USD", 
  "payment_method": {
    "type": "card",
    "last4": "1111",
    "brand": "visa"
  },
  "created_at": "2025-01-15T10:30:00Z",
  "description": "Payment for order #12345",
  "customer_id": "cust_abc123"
}"""  # noqa: W291 - the documentation's own space

LISTED = """{
  "data": [
    {
      "id": "pay_xyz789",
      "status": "completed", 
      "amount": 2500,
      "currency": "USD",
      "created_at": "2025-01-15T10:30:00Z"
    }
  ],
  "has_more": false,
  "next_cursor": null
}"""  # noqa: W291 - the documentation's own space

REFUND_REQUEST = """{
  "amount": 1000,
  "reason": "customer_request",
  "description": "Refund for returned item"
}"""

REFUNDED = """{
  "id": "ref_abc456",
  "payment_id": "pay_xyz789",
  "amount": 1000,
  "status": "completed",
  "created_at": "2025-01-15T14:20:00Z",
  "reason": "customer_request"
}"""

ERROR_FORMAT = """{
  "error": {
    "code": "error_code",
    "message": "Human readable error message",
    "details": "Additional error details if available"
  }
}"""

WEBHOOK = """{
  "id": "evt_abc123",
  "type": "payment.completed",
  "created_at": "2025-01-15T10:30:00Z",
  "data": {
    "payment_id": "pay_xyz789",
    "amount": 2500,
    "currency": "USD"
  }
}"""

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def settings() -> Settings:
    """The clock is at the instant of the documentation's examples."""
    return Settings(clock="2025-01-15T10:30:00Z", seed=7)


def written(value: object, **ids: str) -> str:
    """Return JSON on one line in key order, with these ids in place of the documentation's."""
    documented = {"payment": "pay_xyz789", "refund": "ref_abc456", "event": "evt_abc123"}
    text = json.dumps(value)
    for kind, real in ids.items():
        text = text.replace(documented[kind], real)
    return text


def shape(value: object) -> object:
    """Return the keys in their order, and the types of their values."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    return type(value)


async def create(api: Api) -> Json:
    """Send the documentation's own create request; return the reply."""
    return await ask(api, "POST", "/v3/payments", 201, data=CREATE_REQUEST, headers=JSON)


async def test_the_documented_create_gets_the_documented_reply(api: Api) -> None:
    """Except the id."""
    reply = await create(api)
    assert written(reply) == written(json.loads(CREATED), payment=reply["id"])


async def test_an_invalid_number_gets_the_documented_error(api: Api) -> None:
    """Without details."""
    request = CREATE_REQUEST.replace("4111111111111111", "4111111111111112")
    reply = await ask(api, "POST", "/v3/payments", 400, data=request, headers=JSON)
    assert written(reply) == written(json.loads(REFUSED))


async def test_the_documented_payment_is_retrieved_as_documented(api: Api) -> None:
    payment_id = (await create(api))["id"]
    reply = await ask(api, "GET", f"/v3/payments/{payment_id}")
    assert written(reply) == written(json.loads(RETRIEVED), payment=payment_id)


async def test_the_documented_payment_is_listed_as_documented(api: Api) -> None:
    payment_id = (await create(api))["id"]
    reply = await ask(api, "GET", "/v3/payments")
    assert written(reply) == written(json.loads(LISTED), payment=payment_id)


async def test_the_documented_refund_gets_the_documented_reply(api: Api, control: Control) -> None:
    """At the documented time."""
    payment_id = (await create(api))["id"]
    await control("advance_clock", {"to": "2025-01-15T14:20:00Z"})
    path = f"/v3/payments/{payment_id}/refunds"
    reply = await ask(api, "POST", path, 201, data=REFUND_REQUEST, headers=JSON)
    expected = written(json.loads(REFUNDED), payment=payment_id, refund=reply["id"])
    assert written(reply) == expected


async def test_an_error_has_the_documented_keys_in_order(api: Api) -> None:
    reply = await ask(api, "POST", "/v3/payments", 400, data="{}", headers=JSON)
    assert shape(reply) == shape(json.loads(ERROR_FORMAT))


async def test_the_documented_payment_makes_the_documented_event(api: Api) -> None:
    payment_id = (await create(api))["id"]
    (event,) = (await ask(api, "GET", "/_sandbox/events"))["data"]
    expected = written(json.loads(WEBHOOK), payment=payment_id, event=event["id"])
    assert written(event) == expected


async def test_the_examples_of_the_openapi_document_are_the_documented_ones(api: Api) -> None:
    """With their keys in order; only the card of the create is valid for longer."""
    shown = await ask(api, "GET", "/_sandbox/openapi.json")
    payments, one, refunds = (
        shown["paths"][path]
        for path in ("/payments", "/payments/{payment_id}", "/payments/{payment_id}/refunds")
    )
    pairs = [
        (payments["post"]["requestBody"], CREATE_REQUEST.replace("2026", "2034")),
        (payments["post"]["responses"]["201"], CREATED),
        (one["get"]["responses"]["200"], RETRIEVED),
        (payments["get"]["responses"]["200"], LISTED),
        (refunds["post"]["requestBody"], REFUND_REQUEST),
        (refunds["post"]["responses"]["201"], REFUNDED),
        (shown["webhooks"]["payment.completed"]["post"]["requestBody"], WEBHOOK),
    ]
    for part, documented in pairs:
        example = part["content"]["application/json"]["examples"]["example_1"]["value"]
        assert json.dumps(example) == json.dumps(json.loads(documented))
    errors = shown["components"]["schemas"]["ErrorResponse"]["examples"]
    assert [json.dumps(each) for each in errors] == [
        json.dumps(json.loads(each)) for each in (ERROR_FORMAT, REFUSED)
    ]


async def test_each_documented_event_happens_and_no_other(api: Api, control: Control) -> None:
    payment_id = (await paid(api, exp_year=2026))["id"]
    await paid(api, 400, exp_year=2026, card_number="4000000000000002")
    await refunded(api, payment_id)
    await control("charge_back_payment", payment_id=payment_id)
    types = [event["type"] for event in (await control("list_events"))["data"]]
    assert types == [
        "chargeback.created",
        "refund.created",
        "payment.failed",
        "payment.completed",
    ]


async def test_the_first_reply_of_an_hour_has_the_documented_headers(
    api: Api, control: Control
) -> None:
    """In the hour of the documentation's example."""
    world = await control("create_world", {"clock": "2022-01-15T15:30:00Z"})
    headers = {"Authorization": f"Bearer {world['api_key']}"}
    async with api.get("/v3/payments", headers=headers) as reply:
        found = [pair for pair in reply.raw_headers if pair[0].startswith(b"X-")]
    assert found == [
        (b"X-RateLimit-Limit", b"1000"),
        (b"X-RateLimit-Remaining", b"999"),
        (b"X-RateLimit-Reset", b"1642262400"),
    ]


async def test_a_reply_has_no_headers_except_the_documented_ones_and_those_of_http(
    api: Api,
) -> None:
    async with api.get("/v3/payments") as reply:
        assert sorted(reply.headers) == [
            "Content-Length",
            "Content-Type",
            "Date",
            "Server",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
        ]


@pytest.mark.parametrize(
    ("status", "method", "path", "card", "key"),
    [
        (200, "GET", "/v3/payments", None, "sk_test_sandbox"),
        (201, "POST", "/v3/payments", "4111111111111111", "sk_test_sandbox"),
        (400, "POST", "/v3/payments", "4000000000000002", "sk_test_sandbox"),
        (401, "GET", "/v3/payments", None, "your_api_key_here"),
        (404, "GET", "/v3/payments/pay_xyz789", None, "sk_test_sandbox"),
        (429, "POST", "/v3/payments", "4000009900000103", "sk_test_sandbox"),
        (500, "POST", "/v3/payments", "4000009900000046", "sk_test_sandbox"),
    ],
)
async def test_each_documented_status_is_the_reply_to_some_request(  # noqa: PLR0913 - the columns of the table
    api: Api, status: int, method: str, path: str, card: str | None, key: str
) -> None:
    headers = {**JSON, "Authorization": f"Bearer {key}"}
    request = CREATE_REQUEST.replace("4111111111111111", card) if card else None
    async with api.request(method, path, data=request, headers=headers) as reply:
        assert reply.status == status


async def test_a_request_with_the_documented_host_is_accepted(api: Api) -> None:
    """A client may keep the documented base URL, with /etc/hosts."""
    await ask(api, "GET", "/v3/payments", headers={"Host": "api.payments.example.com"})
