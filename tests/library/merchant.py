"""Owns what a merchant's integration is about, whoever writes it: orders, an account, the time.

Nothing here and nothing in the two clients knows that the API is a sandbox.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class Account(NamedTuple):
    """What the dashboard of the payments API says: where it is, the key, the webhook secret."""

    base_url: str
    api_key: str
    webhook_secret: str


class Order(NamedTuple):
    """What a customer has ordered; `amount` is in minor units."""

    number: int
    customer: str
    amount: int
    currency: str = "EUR"
    card: str = "4242424242424242"

    @property
    def description(self) -> str:
        """How the payment says which order it is for."""
        return f"Order {self.number}"

    def as_request(self) -> dict[str, object]:
        """The body of the request that pays for it."""
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
    """The clock and the patience of a process."""

    def now(self) -> datetime:
        """What time it is, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Come back so many seconds later."""


class Shop(Protocol):
    """An integration of the payments API."""

    def pay(self, order: Order) -> str | None:
        """Take the payment for an order; its id, or None when there is none."""

    def settle(self, payment_id: str) -> str:
        """Wait until a pending payment is completed or failed; its status."""

    def refund(self, payment_id: str, amount: int) -> bool:
        """Give some of a payment back; whether that was done."""

    def statement(self) -> list[str]:
        """The ids of all payments, the newest first."""

    def replace_secret(self, secret: str) -> None:
        """Somebody has rotated the webhook secret in the dashboard."""

    def on_webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take a webhook, its header names in lower case; the status to answer with."""

    def work(self) -> None:
        """Do what webhooks have left to be done."""

    def close_the_day(self) -> None:
        """Look after what is still open."""

    def close(self) -> None:
        """Let go of the connections."""
