"""The integration that works on a sunny day: it tries again, and believes every webhook."""

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
"""Seconds that a webhook is given to be slower than the reply, since it is a close race."""


class NaiveShop:
    """An integration as one often finds it.

    Args:
        cashback: which part of each completed payment is given back, in percent.
        patience: seconds after which an answer is not waited for any longer.
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
        """Let go of the connections."""
        self._http.close()

    def pay(self, order: Order) -> str | None:
        """Try three times: whatever went wrong, it will be better the next time."""
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
        """Ask until it has happened, or until that takes too long."""
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
        """What the list says."""
        return [item["id"] for item in self._http.get("/payments").json()["data"]]

    def close_the_day(self) -> None:
        """Nothing: webhooks tell."""

    def replace_secret(self, secret: str) -> None:
        """Use the new one."""
        self._secret = secret

    def on_webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """Do what the event says, and then answer; a mistake here is a 500."""
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
        """The order that a payment is for, as `pay` has noted it."""
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
        """Nothing: all is done when the webhook comes."""
