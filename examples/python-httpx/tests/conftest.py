"""Fixtures: each test gets its own world in the sandbox, and a shop connected to it."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from checkout.payments import Payments
from checkout.receiver import receiving
from checkout.shop import Shop

SANDBOX = os.environ.get("PAYMENTS_SANDBOX_URL", "")


class World:
    """Controls one world, which no other test uses, so tests can run in parallel."""

    def __init__(self) -> None:
        if not SANDBOX:
            pytest.exit("Start the tests with: payments-sandbox run -- pytest", returncode=2)
        made = httpx.post(f"{SANDBOX}/worlds", json={"clock": "2030-01-15T09:00:00Z"}).json()
        self.base_url: str = made["base_url"]
        self.api_key: str = made["api_key"]
        self.webhook_secret: str = made["webhook_secret"]
        self._control = httpx.Client(
            base_url=SANDBOX, headers={"Authorization": f"Bearer {self.api_key}"}
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the control API."""
        reply = self._control.request(method, path, json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def advance(self, by: str) -> None:
        """Advance the clock, and return when the webhooks due by then are delivered."""
        self.ask("POST", "/clock/advance", {"by": by})

    def close(self) -> None:
        """Drop the world."""
        self.ask("DELETE", "/world")
        self._control.close()


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose clock is frozen on a morning in 2030."""
    world = World()
    yield world
    world.close()


@pytest.fixture
def shop(world: World) -> Iterator[Shop]:
    """A shop, and its receiver of webhooks."""
    shop = Shop(Payments(world.base_url, world.api_key, pause=0.01))
    with receiving(world.webhook_secret, shop.hear) as url:
        world.ask("POST", "/webhook_endpoints", {"url": url})
        yield shop
    shop.payments.close()
