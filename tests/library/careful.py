"""The careful integration: it looks for a payment before it repeats it, and trusts no webhook."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from tests.library.merchant import Account, Order, Time

MARGIN: Final = timedelta(minutes=1)
"""How far before the order it searches: clocks differ, and `created_after` is exclusive."""

PAUSES: Final = (0.2, 0.6, 1.8, 5.4, 16.2)
"""Seconds between attempts: each pause is three times the one before."""

LARGEST_PAGE: Final = 100
LONGEST_POLL: Final = 3_600
"""Seconds between two reads of a payment that stays pending."""


class Lost(Exception):
    """There is no usable reply: nobody knows whether the call took effect."""


class Refused(Exception):
    """The API rejected the call with a code: it had no effect, and a retry has none."""


class CarefulShop:
    """An integration without known mistakes.

    Args:
        cashback: the percentage of each completed payment that is refunded.
        patience: seconds to wait for a reply.
    """

    def __init__(
        self, account: Account, time: Time, *, cashback: int = 0, patience: float = 5
    ) -> None:
        self._http = httpx.Client(
            base_url=account.base_url,
            headers={"Authorization": f"Bearer {account.api_key}"},
            timeout=patience,
        )
        self._time = time
        self._cashback = cashback
        self._secrets = [account.webhook_secret]
        self._desk = threading.Lock()
        self._known_events: set[str] = set()
        self._to_do: deque[dict[str, Any]] = deque()
        self._open: set[str] = set()
        self._untouchable: set[str] = set()
        self.unclear: list[str] = []

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Payments

    def pay(self, order: Order) -> str | None:
        """Retry until it is known whether the payment was made, and never make it twice."""
        since = self._time.now() - MARGIN
        for pause in PAUSES:
            try:
                payment = self._ask("POST", "/payments", json=order.as_request())
            except Refused:
                return None
            except Lost:
                self._time.sleep(pause)
                payment = self._find(order, since) or {}
            if payment:
                return self._noted(payment)
        return None

    def _noted(self, payment: dict[str, Any]) -> str:
        payment_id: str = payment["id"]
        if payment["status"] == "pending":
            self._open.add(payment_id)
        return payment_id

    def _find(self, order: Order, since: datetime) -> dict[str, Any] | None:
        """Find the payment of an order whose reply was lost; list items have no description."""
        wanted = {"customer_id": order.customer, "created_after": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
        for item in self._pages(wanted):
            if (item["amount"], item["currency"]) == (order.amount, order.currency):
                payment = self._read(f"/payments/{item['id']}")
                if payment["description"] == order.description:
                    return payment
        return None

    def settle(self, payment_id: str) -> str:
        """Read the payment at growing intervals."""
        pause = 1
        while (status := self._status(payment_id)) == "pending":
            self._time.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL)
        return status

    def _status(self, payment_id: str) -> str:
        status: str = self._read(f"/payments/{payment_id}")["status"]
        if status != "pending":
            self._open.discard(payment_id)
        if status == "failed":
            self._untouchable.add(payment_id)
        return status

    def refund(self, payment_id: str, amount: int) -> bool:
        """Ask once: the API cannot be asked about refunds, so a webhook resolves a lost reply."""
        if payment_id in self._untouchable:
            return False
        try:
            self._ask("POST", f"/payments/{payment_id}/refunds", json={"amount": amount})
        except Refused:
            return False
        except Lost:
            self.unclear.append(payment_id)
            return False
        return True

    def statement(self) -> list[str]:
        """Return the payments of every page."""
        return [item["id"] for item in self._pages({})]

    def close_the_day(self) -> None:
        """Read every payment that is still pending: its webhook may never arrive."""
        for payment_id in sorted(self._open):
            self._status(payment_id)

    # Webhooks

    def replace_secret(self, secret: str) -> None:
        """Accept both, the new one first: webhooks under way still have the old signature."""
        self._secrets = [secret, self._secrets[0]]

    def on_webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """Verify, record and reply; the work follows later, once for each event."""
        event = self._verified(headers, body)
        if event is None:
            return 400
        with self._desk:  # two copies may come at once
            if event["id"] not in self._known_events:
                self._known_events.add(event["id"])
                self._to_do.append(event)
        return 204

    def _verified(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        for secret in self._secrets:
            try:
                event: dict[str, Any] = Webhook(secret).verify(body, dict(headers))
            except (WebhookVerificationError, ValueError):
                continue  # garbled signatures and unreadable bodies are ValueErrors
            return event
        return None

    def work(self) -> None:
        """Take events as hints and the API's reply as the truth."""
        while self._to_do:
            event = self._to_do.popleft()
            payment_id = event["data"]["payment_id"]
            match event["type"]:
                case "payment.completed" if self._status(payment_id) == "completed":
                    self._reward(payment_id, event["data"]["amount"])
                case "payment.failed":
                    self._status(payment_id)
                case "chargeback.created":
                    self._untouchable.add(payment_id)
                case "refund.created":
                    self.unclear = [each for each in self.unclear if each != payment_id]

    def _reward(self, payment_id: str, amount: int) -> None:
        if self._cashback:
            self.refund(payment_id, amount * self._cashback // 100)

    # Calls

    def _pages(self, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        query = {**wanted, "limit": str(LARGEST_PAGE)}
        while True:
            page = self._read("/payments", params=query)
            yield from page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["next_cursor"]

    def _read(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Send a read, which may be repeated without harm."""
        for pause in PAUSES:
            try:
                return self._ask("GET", path, params=params)
            except Lost:
                self._time.sleep(pause)
        return self._ask("GET", path, params=params)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call the API; above the rate limit, wait until it is renewed.

        Raises:
            Refused: the API rejected the call.
            Lost: there is no reply, or no usable one.
        """
        while True:
            try:
                reply = self._http.request(method, path, json=json, params=params)
                said = reply.json()
            except (httpx.HTTPError, ValueError) as error:
                raise Lost from error
            if reply.status_code == 429:
                self._wait_for(int(reply.headers["X-RateLimit-Reset"]))
            elif reply.status_code in (200, 201) and isinstance(said, dict):
                return said
            elif reply.is_client_error and isinstance(said, dict) and "error" in said:
                raise Refused(said["error"]["code"])
            else:
                raise Lost

    def _wait_for(self, reset: int) -> None:
        """Wait until an instant in epoch seconds, not for a number of seconds."""
        self._time.sleep(max(1.0, reset - self._time.now().timestamp()))
