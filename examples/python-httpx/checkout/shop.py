"""The shop: its orders, and how they are paid."""

from dataclasses import dataclass
from typing import Any

from checkout.payments import Declined, Payments


@dataclass
class Order:
    """One order; its `status` is new, pending, completed or failed."""

    id: str
    customer: str
    amount: int
    currency: str = "USD"
    status: str = "new"
    problem: str | None = None


class Shop:
    """Takes orders and payments; reads the payment itself before it believes a webhook."""

    def __init__(self, payments: Payments) -> None:
        self.payments = payments
        self.orders: dict[str, Order] = {}
        self._seen: set[str] = set()

    def pay(self, order: Order, card: dict[str, Any]) -> Order:
        """Charge the card for an order."""
        self.orders[order.id] = order
        try:
            payment = self.payments.create(
                amount=order.amount,
                currency=order.currency,
                card=card,
                customer=order.customer,
                reference=f"order {order.id}",
            )
        except Declined as declined:
            order.status, order.problem = "failed", declined.code
        else:
            order.status = payment["status"]
        return order

    def hear(self, event: dict[str, Any]) -> None:
        """Act on an event once.

        Events may arrive twice, late, in any order, and even before the reply to the request that
        caused them, so read the payment itself for its status.
        """
        if event["id"] in self._seen:
            return
        payment = self.payments.retrieve(event["data"]["payment_id"])
        order = self.orders.get(str(payment["description"]).removeprefix("order "))
        if order is not None:
            order.status = payment["status"]
        self._seen.add(event["id"])
