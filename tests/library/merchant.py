"""Owns what all integrations of a merchant share: orders, an account, the time.

Neither this module nor the two clients know that the API is a sandbox.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class Account(NamedTuple):
    """The account of the payments API: its base URL, the key and the webhook secret."""

    base_url: str
    api_key: str
    webhook_secret: str


class Order(NamedTuple):
    """An order of a customer; `amount` is in minor units."""

    number: int
    customer: str
    amount: int
    currency: str = "EUR"
    card: str = "4242424242424242"

    @property
    def description(self) -> str:
        """The description of the payment, which names its order."""
        return f"Order {self.number}"

    def as_request(self) -> dict[str, object]:
        """Return the body of the request that pays for it."""
        return {
            "amount": self.amount,
            "currency": self.currency,
            "payment_method": {
                "type": "card",
                "card_number": self.card,
                "exp_month": 12,
                "exp_year": 2034,
                "cvc": "123",
            },
            "description": self.description,
            "customer_id": self.customer,
        }


class Time(Protocol):
    """The clock of a process, and its sleep."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class Shop(Protocol):
    """An integration of the payments API."""

    def pay(self, order: Order) -> str | None:
        """Take the payment for an order; return its id, or None if there is none."""

    def settle(self, payment_id: str) -> str:
        """Wait until a pending payment is completed or failed; return its status."""

    def refund(self, payment_id: str, amount: int) -> bool:
        """Refund a part of a payment; return whether it was done."""

    def statement(self) -> list[str]:
        """Return the ids of all payments, the newest first."""

    def replace_secret(self, secret: str) -> None:
        """Use a new webhook secret."""

    def on_webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """Handle a webhook, its header names in lower case; return the status of the reply."""

    def work(self) -> None:
        """Do the work that webhooks have left."""

    def close_the_day(self) -> None:
        """Resolve what is still pending."""

    def close(self) -> None:
        """Close the connections."""
