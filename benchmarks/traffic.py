"""Owns the requests that are sent: the documented bodies, as bytes on the wire."""

import http.client
import json
import socket
from collections.abc import Sequence
from typing import Any, Final

KEY: Final = "sk_test_sandbox"
CREATED: Final = 201
VARIETY: Final = 100
"""Different requests that are sent in rotation, so that consecutive answers differ."""

Requests = dict[str, tuple[bytes, ...]]
"""The requests of each operation, which are sent in rotation."""


def create_body(customer: str, amount: int = 2_500) -> bytes:
    """The documented body of CREATE PAYMENT."""
    return _json(
        {
            "amount": amount,
            "currency": "USD",
            "payment_method": {
                "type": "card",
                "card_number": "4111111111111111",
                "exp_month": 12,
                "exp_year": 2034,
                "cvc": "123",
            },
            "description": "Payment for order #12345",
            "customer_id": customer,
        }
    )


REFUND_BODY: Final = json.dumps(
    {"amount": 1, "reason": "customer_request", "description": "Refund for returned item"}
).encode()


def create(customer: str, amount: int = 2_500) -> bytes:
    """CREATE PAYMENT."""
    return raw("POST", "/v3/payments", create_body(customer, amount))


def retrieve(payment_id: str) -> bytes:
    """RETRIEVE PAYMENT."""
    return raw("GET", f"/v3/payments/{payment_id}")


def list_of(customer: str) -> bytes:
    """LIST PAYMENTS, 20 of one customer."""
    return raw("GET", f"/v3/payments?customer_id={customer}&limit=20")


def refund(payment_id: str) -> bytes:
    """REFUND PAYMENT, of the smallest amount."""
    return raw("POST", f"/v3/payments/{payment_id}/refunds", REFUND_BODY)


def raw(
    method: str, path: str, body: bytes = b"", *, content_type: str = "application/json"
) -> bytes:
    """A request as bytes on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}"]
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request; return the status and the body of its answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read()


def prepare(port: int) -> Requests:
    """Create the payments that the requests are about, and return the requests."""
    customers = [f"cust_{number:03}" for number in range(5)]
    ids = [
        _created(port, create(customer, amount=99_999_999))
        for customer in customers
        for _ in range(VARIETY // len(customers))
    ]
    return {
        "create_payment": tuple(create(f"buyer_{number:03}") for number in range(VARIETY)),
        "retrieve_payment": tuple(map(retrieve, ids)),
        "list_payments": tuple(map(list_of, customers)),
        "create_refund": tuple(map(refund, ids)),
    }


def sample(port: int, requests: Requests) -> dict[str, str]:
    """One answer to each operation, which is checked."""
    bodies = {name: _good(port, each) for name, each in requests.items()}
    listed = json.loads(bodies["list_payments"])
    assert len(listed["data"]) == 20, listed
    assert json.loads(bodies["create_refund"])["amount"] == 1, bodies
    return bodies


def _good(port: int, requests: Sequence[bytes]) -> str:
    status, body = answer(port, requests[0])
    assert status in (200, CREATED), (status, body)
    return body.decode()


def _created(port: int, request: bytes) -> str:
    status, body = answer(port, request)
    assert status == CREATED, (status, body)
    created: dict[str, str] = json.loads(body)
    return created["id"]


def _json(value: Any) -> bytes:  # noqa: ANN401 - anything that json accepts
    return json.dumps(value).encode()
