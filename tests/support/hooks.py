"""Owns the webhooks of a world as tests see them, through the control API alone."""

from typing import Any

from payments_sandbox.server.factory import AssembledServer
from tests.support.bodies import KEY
from tests.support.clients import Api, Json, paid, until
from tests.support.control import Control

Delivery = dict[str, Any]


class Hooks:
    """The webhooks of one world; the home world unless told otherwise."""

    def __init__(
        self, api: Api, control: Control, sandbox: AssembledServer, key: str = KEY
    ) -> None:
        self.api = api
        self.control = control
        self.key = key
        self._sandbox = sandbox

    async def to(self, url: str, **settings: Json) -> str:
        """Make an endpoint; its id."""
        body = {"url": url, **settings}
        made = await self.control("create_webhook_endpoint", body, key=self.key)
        return str(made["id"])

    async def change(self, endpoint_id: str, **settings: Json) -> Json:
        """Change an endpoint; what it now is."""
        return await self.control(
            "update_webhook_endpoint", settings, key=self.key, endpoint_id=endpoint_id
        )

    async def pay(self, **changes: Json) -> str:
        """Make a payment, which fires one event; its id."""
        return str((await paid(self.api, key=self.key, **changes))["id"])

    async def advance(self, by: str) -> list[dict[str, Any]]:
        """Move the clock; what happened."""
        moved = await self.control("advance_clock", {"by": by}, key=self.key)
        return list(moved["happened"])

    async def settled(self) -> list[Delivery]:
        """Let what is due end; every delivery, the oldest first."""
        await self.advance("0s")
        return await self.deliveries()

    async def deliveries(self, **query: str) -> list[Delivery]:
        """The deliveries as they are, the oldest first."""
        query = {"limit": "1000"} | query
        page = await self.control("list_deliveries", key=self.key, query=query)
        return list(page["data"])[::-1]

    async def only(self) -> Delivery:
        """The one delivery there is, when all that is due has ended."""
        (delivery,) = await self.settled()
        return delivery

    async def in_flight(self, count: int) -> None:
        """Wait until so many attempts are under way in the server."""
        await until(self.api, lambda: len(self._sandbox.runtime.dispatcher) == count)


def errors(delivery: Delivery) -> list[str | None]:
    """Why each attempt of a delivery failed."""
    return [each["error"] for each in delivery["attempts"]]


def instants(delivery: Delivery) -> list[str]:
    """When each attempt of a delivery was made, on the world's clock."""
    return [each["at"] for each in delivery["attempts"]]
