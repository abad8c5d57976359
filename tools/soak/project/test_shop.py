"""A shop's suite: 200 tests in the four ways that people write them."""

import unittest
from typing import Any, ClassVar

import aiohttp
import httpx
import pytest
import requests

from payments_sandbox.testing import Sandbox

CARD = {
    "type": "card",
    "card_number": "4111111111111111",
    "exp_month": 12,
    "exp_year": 2099,
    "cvc": "123",
}
BAD_REQUEST = 400
BODY: dict[str, Any] = {"amount": 2500, "currency": "EUR", "payment_method": CARD}


@pytest.mark.parametrize("turn", range(60))
def test_a_month_with_requests(sandbox: Sandbox, turn: int) -> None:
    """A payment has its webhook, and a month later the audit is clean."""
    inbox = sandbox.inbox()
    url = f"{sandbox.base_url}/payments"
    body = BODY | {"amount": 100 + turn}

    paid = requests.post(url, json=body, headers=sandbox.headers, timeout=10)
    [told] = inbox.wait("payment.completed", within="20s")
    sandbox.clock.advance("30d")

    assert told["body"]["data"]["payment_id"] == paid.json()["id"]
    assert [payment["amount"] for payment in sandbox.payments] == [100 + turn]
    assert sandbox.audit()["clean"]


@pytest.mark.parametrize("turn", range(60))
async def test_a_refund_with_httpx(sandbox: Sandbox, turn: int) -> None:
    """A refund is a separate event."""
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=sandbox.headers) as client:
        payment_id = (await client.post("/payments", json=BODY)).json()["id"]
        refund = await client.post(f"/payments/{payment_id}/refunds", json={"amount": 1 + turn})

    assert refund.json()["amount"] == 1 + turn
    assert [event["type"] for event in sandbox.events] == ["payment.completed", "refund.created"]


@pytest.mark.sandbox_scenario("lost-reply")
@pytest.mark.parametrize("turn", range(60))
async def test_a_lost_reply_with_aiohttp(sandbox: Sandbox, turn: int) -> None:
    """The connection ends, but the payment exists and is in the list."""
    payments = f"{sandbox.base_url}/payments"
    body = BODY | {"customer_id": f"cust_{turn}"}
    async with aiohttp.ClientSession(headers=sandbox.headers) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(payments, json=body)
        async with session.get(payments, params={"customer_id": f"cust_{turn}"}) as page:
            [found] = (await page.json())["data"]

    assert found["id"] == sandbox.payments[0]["id"]


class Base(unittest.TestCase):
    """Tests in classes, as they were written before pytest."""

    __test__ = False
    declined: ClassVar[str]
    code: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _world(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def _pay(self, number: str) -> requests.Response:
        body = BODY | {"payment_method": CARD | {"card_number": number}}
        url = f"{self.sandbox.base_url}/payments"
        return requests.post(url, json=body, headers=self.sandbox.headers, timeout=10)

    def test_the_world_is_empty(self) -> None:
        """Nothing of other tests is left."""
        assert self.sandbox.payments == []

    def test_a_decline(self) -> None:
        """The reply has the card's code, and the payment has failed."""
        assert self._pay(self.declined).json()["error"]["code"] == self.code
        assert [payment["status"] for payment in self.sandbox.payments] == ["failed"]

    def test_a_retry(self) -> None:
        """Another card succeeds."""
        self._pay(self.declined)
        assert self._pay("4111111111111111").json()["status"] == "completed"

    def test_the_clock(self) -> None:
        """A world has its own time."""
        self.sandbox.clock.freeze("2030-01-15T00:00:00Z")
        assert self._pay("4111111111111111").json()["created_at"] == "2030-01-15T00:00:00Z"

    def test_the_journal(self) -> None:
        """The requests that were sent can be read."""
        self._pay(self.declined)
        [[method, reply]] = [(each["method"], each["response"]) for each in self.sandbox.requests]
        assert method == "POST"
        assert reply is not None
        assert reply["status"] == BAD_REQUEST


class TestDeclined(Base):
    """A plain decline."""

    __test__ = True
    declined, code = "4000000000000002", "card_declined"


class TestInsufficientFunds(Base):
    """Insufficient funds."""

    __test__ = True
    declined, code = "4000000000009995", "insufficient_funds"


class TestLostCard(Base):
    """A lost card."""

    __test__ = True
    declined, code = "4000000000009987", "lost_card"


class TestStolenCard(Base):
    """A stolen card."""

    __test__ = True
    declined, code = "4000000000009979", "stolen_card"
