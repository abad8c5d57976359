"""Tests of the shop against the sandbox, for success and failure."""

from typing import Any

import httpx
from conftest import World

from checkout.shop import Order, Shop


def card(number: str) -> dict[str, Any]:
    """A card; `payments-sandbox cards` lists the numbers and what each does."""
    return {"card_number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}


GOOD = card("4111111111111111")
DECLINED = card("4000000000000002")
PENDING_THEN_COMPLETED = card("4000009900000012")


def test_a_payment(shop: Shop) -> None:
    order = shop.pay(Order("1", "ada", 2500), GOOD)
    assert (order.status, order.problem) == ("completed", None)


def test_a_declined_card(shop: Shop) -> None:
    order = shop.pay(Order("1", "ada", 2500), DECLINED)
    assert (order.status, order.problem) == ("failed", "card_declined")


def test_a_payment_that_takes_an_hour(shop: Shop, world: World) -> None:
    """Its webhook updates the order, and the test does not wait."""
    order = shop.pay(Order("1", "ada", 2500), PENDING_THEN_COMPLETED)
    assert order.status == "pending"
    world.advance("1h")
    assert order.status == "completed"


def test_a_webhook_is_delivered(shop: Shop, world: World) -> None:
    shop.pay(Order("1", "ada", 2500), GOOD)
    world.advance("0s")
    (delivery,) = world.ask("GET", "/deliveries")["data"]
    assert (delivery["type"], delivery["status"]) == ("payment.completed", "delivered")


def test_a_forged_webhook_is_rejected(shop: Shop, world: World) -> None:
    order = shop.pay(Order("1", "ada", 2500), PENDING_THEN_COMPLETED)
    (endpoint,) = world.ask("GET", "/webhook_endpoints")["data"]
    forged = {"id": "evt_1", "type": "payment.completed", "data": {"payment_id": "pay_1"}}
    assert httpx.post(endpoint["url"], json=forged).status_code == 400
    assert order.status == "pending"


def test_a_lost_reply(shop: Shop, world: World) -> None:
    """The payment was made although its reply was lost: it is found and not made again."""
    world.ask("POST", "/scenarios/active", "lost-reply")
    order = shop.pay(Order("1", "ada", 2500), GOOD)
    assert order.status == "completed"
    report = world.ask("GET", "/report")
    assert report["passed"], report
