"""Owns the documentation's own bodies, and small variations of them."""

from typing import Any

KEY = "sk_test_sandbox"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


def documented_create(**changes: object) -> dict[str, Any]:
    """The documented create body; a change to None removes the field."""
    body: dict[str, Any] = {
        "amount": 2500,
        "currency": "USD",
        "payment_method": {
            "type": "card",
            "card_number": "4111111111111111",
            "exp_month": 12,
            "exp_year": 2099,  # whatever the day, no test depends on it
            "cvc": "123",
        },
        "description": "Payment for order #12345",
        "customer_id": "cust_abc123",
    }
    for name, value in changes.items():
        target = body["payment_method"] if name in body["payment_method"] else body
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value
    return body


def documented_refund(**changes: object) -> dict[str, Any]:
    """The documented refund body; a change to None removes the field."""
    body: dict[str, Any] = {
        "amount": 1000,
        "reason": "customer_request",
        "description": "Refund for returned item",
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}
