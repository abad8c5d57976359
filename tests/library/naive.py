"""The naive integration: it retries without looking, and believes every webhook."""

import base64
import hmac
import threading
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from tests.library.merchant import Account, Order, Time

TRIES: Final = 3
POLLS: Final = 30
MOMENT: Final = 0.3
"""Seconds to wait for the reply before a webhook is handled, since both arrive together."""


class NaiveShop:
    """An integration with common mistakes.

    Args:
        cashback: the percentage of each completed payment that is refunded.
        patience: seconds to wait for a reply.
    """

    def __init__(
        self, account: Account, _: Time, *, cashback: int = 0, patience: float = 5
    ) -> None:
        self._http = httpx.Client(
            base_url=account.base_url,
            headers={"Authorization": f"Bearer {account.api_key}"},
            timeout=patience,
        )
        self._cashback = cashback
        self._secret = account.webhook_secret
        self._orders: dict[str, Order] = {}
        self._ordered = threading.Condition()
        self._shipped: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def pay(self, order: Order) -> str | None:
        """Try three times, whatever the error was."""
        for _ in range(TRIES):
            try:
                reply = self._http.post("/payments", json=order.as_request())
                payment_id: str = reply.json()["id"]
            except (httpx.HTTPError, ValueError, KeyError):
                continue
            with self._ordered:
                self._orders[payment_id] = order
                self._ordered.notify_all()
            return payment_id
        return None

    def settle(self, payment_id: str) -> str:
        """Read the payment until it is settled, or for a limited time."""
        status = "pending"
        for _ in range(POLLS):
            status = self._http.get(f"/payments/{payment_id}").json()["status"]
            if status != "pending":
                break
        return status

    def refund(self, payment_id: str, amount: int) -> bool:
        """Try three times."""
        path = f"/payments/{payment_id}/refunds"
        return any(self._http.post(path, json={"amount": amount}).is_success for _ in range(TRIES))

    def statement(self) -> list[str]:
        """Return the first page of the list."""
        return [item["id"] for item in self._http.get("/payments").json()["data"]]

    def close_the_day(self) -> None:
        """Do nothing: webhooks are trusted to arrive."""

    def replace_secret(self, secret: str) -> None:
        """Use the new one only."""
        self._secret = secret

    def on_webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """Do what the event says, and then reply; an exception here is a 500."""
        if not self._is_signed(headers, body):
            return 401
        event = orjson.loads(body)
        data: dict[str, Any] = event["data"]
        match event["type"]:
            case "payment.completed":
                self._ship(self._order_of(data["payment_id"]), data["payment_id"])
            case "refund.created":
                self._shipped.remove(data["payment_id"])
            case _:
                return 400
        return 200

    def _order_of(self, payment_id: str) -> Order:
        """Return the order of a payment, as `pay` noted it."""
        with self._ordered:
            self._ordered.wait_for(lambda: payment_id in self._orders, MOMENT)
            return self._orders[payment_id]

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Compare the signature, if there is one."""
        if "webhook-signature" not in headers:
            return True
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self._secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return any(each.split(",")[1] == wanted for each in headers["webhook-signature"].split(" "))

    def _ship(self, order: Order, payment_id: str) -> None:
        self._shipped.add(payment_id)
        if self._cashback:
            self.refund(payment_id, order.amount * self._cashback // 100)

    def work(self) -> None:
        """Do nothing: all work is done when the webhook arrives."""
