"""Each failure of the family happens when its scenario is active, and is counted by its name."""

from contextlib import suppress
from typing import cast

import httpx
import pytest

from payments_sandbox.client.models import WebhookEndpointEventLiteral
from payments_sandbox.exploration.failures import (
    CallFailure,
    WebhookFailure,
    all_failures,
    scenario_of,
)
from payments_sandbox.testing import MemorySandbox, Sandbox, SandboxTransport
from tests.support.values import documented_create

NOON = "2030-01-15T12:00:00Z"
CALLS = [each for each in all_failures() if isinstance(each, CallFailure)]
WEBHOOKS = [each for each in all_failures() if isinstance(each, WebhookFailure)]


class Shop:
    """A client of a world that ignores errors, with a timeout of one second."""

    def __init__(self, world: Sandbox, box: MemorySandbox) -> None:
        self.world = world
        self._client = httpx.Client(
            transport=SandboxTransport(box),
            base_url=world.base_url,
            headers=world.headers,
            timeout=1,
        )

    def pay(self, number: str = "4111111111111111") -> None:
        """Create a payment."""
        self._post("/payments", documented_create(card_number=number))

    def call(self, operation: str) -> None:
        """Call an operation; the payment that it may need exists already."""
        if operation == "create_payment":
            return self.pay()
        [payment] = self.world.payments
        paths = {"retrieve_payment": f"/payments/{payment['id']}", "list_payments": "/payments"}
        if operation in paths:
            with suppress(httpx.HTTPError):
                self._client.get(paths[operation])
            return None
        return self._post(f"/payments/{payment['id']}/refunds", {"amount": 100})

    def cause(self, event: str) -> None:
        """Cause an event."""
        self.pay("4000000000000002" if event == "payment.failed" else "4111111111111111")
        if event == "refund.created":
            self.call("create_refund")
        if event == "chargeback.created":
            [payment] = self.world.payments
            self.world.control.charge_back_payment(payment["id"])

    def _post(self, path: str, body: object) -> None:
        with suppress(httpx.HTTPError):
            self._client.post(path, json=body)


@pytest.fixture
def shop() -> Shop:
    box = MemorySandbox(coverage=True)
    return Shop(box.new_world(clock=NOON, seed=7), box)


@pytest.mark.parametrize("failure", CALLS, ids=lambda each: f"{each.subject}-{each.id}")
def test_a_call_meets_the_failure_of_the_active_scenario(failure: CallFailure, shop: Shop) -> None:
    if failure.subject != "create_payment":
        shop.pay()
    shop.world.use(scenario_of(failure))

    shop.call(failure.subject)

    met = [row for row in shop.world.control.retrieve_coverage()["calls"] if row["failure"]]
    assert [(row["operation"], row["failure"], row["count"]) for row in met] == [
        (failure.subject, failure.name, 1)
    ]
    assert failure.commit in (None, met[0]["commit"])


@pytest.mark.parametrize("failure", WEBHOOKS, ids=lambda each: f"{each.subject}-{each.name}")
def test_a_webhook_meets_the_failure_of_the_active_scenario(
    failure: WebhookFailure, shop: Shop
) -> None:
    shop.world.inbox(events=[cast("WebhookEndpointEventLiteral", failure.subject)])
    shop.world.use(scenario_of(failure))

    shop.cause(failure.subject)
    shop.world.clock.advance("31d")

    met = {
        (row["event"], row["failure"])
        for row in shop.world.control.retrieve_coverage()["webhooks"]
        if row["failure"]
    }
    assert met == {(failure.subject, failure.name)}
