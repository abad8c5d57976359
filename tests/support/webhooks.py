"""Owns webhooks in tests: without a network, with posts that the test answers, or by the API."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from payments_sandbox.core.instants import Instant
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    ReceiverResponse,
    WebhookRequest,
    why_failed,
)
from payments_sandbox.world.world import World
from tests.support.bodies import KEY
from tests.support.clients import Api, Json, paid, until
from tests.support.control import Control
from tests.support.wall import NOON

DeliveryJson = dict[str, Any]


class FakeDispatcher:
    """Attempts what is due in a world without a network, each answered as a script says.

    Args:
        world: whose webhooks.
        script: statuses, or None for no answer; when they are used up it is 200.
    """

    def __init__(self, world: World, *script: int | None) -> None:
        self.world = world
        self.webhooks = world.open_webhooks()
        self._script = deque(script)

    def pop(self) -> list[Delivery]:
        """What is due, endpoint by endpoint."""
        by_endpoint: dict[str, list[Delivery]] = {}
        for delivery in self.webhooks.outbox.pop():
            by_endpoint.setdefault(delivery.endpoint_id, []).append(delivery)
        return [each for deliveries in by_endpoint.values() for each in deliveries]

    def attempt(self, delivery: Delivery, status: int | None) -> None:
        """Let a delivery be answered so."""
        now = self.world.clock.now()
        endpoint = self.webhooks.outbox.endpoints.get(delivery.endpoint_id)
        if endpoint is None:
            endpoint = self.webhooks.new_endpoint("http://localhost/")
        request = self.webhooks.request(delivery, endpoint, now=now, sent_at=NOON)
        if endpoint.inbox is not None:
            result = self.webhooks.deliver_to_inbox(endpoint.inbox, request)
        else:
            result = self.result(request, status)
        self.webhooks.record(delivery, request, result, now)

    def deliver(self) -> int:
        """Attempt all that is due now, until nothing is; how many attempts that were."""
        count = 0
        while due := self.pop():
            for delivery in due:
                self.attempt(delivery, self._script.popleft() if self._script else 200)
                count += 1
            self.world.catch_up()
        return count

    def advance(self, until: Instant) -> int:
        """Move the clock, delivering at each due instant; how many attempts that were."""
        count = self.deliver()
        for _ in self.world.advance(until):
            count += self.deliver()
        return count

    def result(self, request: WebhookRequest, status: int | None) -> AttemptResult:
        """What comes of a request that is answered so."""
        if status is None:
            return AttemptResult(request.headers, None, "the connection was refused", 0.5)
        response = ReceiverResponse(status, {"X-From": "script"}, "scripted")
        return AttemptResult(request.headers, response, why_failed(response), 0.5)


@dataclass(slots=True)
class HeldPost:
    """One post that is under way."""

    url: str
    body: bytes
    result: asyncio.Future[AttemptResult] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """End it; None is silence."""
        response = None if status is None else ReceiverResponse(status, {}, "")
        error = "no answer" if response is None else why_failed(response)
        self.result.set_result(AttemptResult({}, response, error, duration_ms))


class FakeSender:
    """Stands for the network: each post waits until the test answers it.

    Attributes:
        posts: those that have not been answered.
        count: how many there have been.
    """

    def __init__(self) -> None:
        self.posts: list[HeldPost] = []
        self.count = 0
        self.is_closed = False

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Wait for the test's answer."""
        del headers, timeout_ms
        post = HeldPost(url, body)
        self.posts.append(post)
        self.count += 1
        try:
            return await post.result
        finally:
            self.posts.remove(post)

    async def close(self) -> None:
        """Nothing is open."""
        self.is_closed = True

    async def turn(self) -> None:
        """Let everybody have a few turns of the loop."""
        for _ in range(5):
            await asyncio.tasks.sleep(0)

    async def answer_all(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """End all that is under way."""
        for post in list(self.posts):
            post.answer(status, duration_ms=duration_ms)
        await self.turn()


class WebhookApi:
    """The webhooks of one world through the control API; the home world unless told otherwise."""

    def __init__(
        self, api: Api, control: Control, sandbox: AssembledServer, key: str = KEY
    ) -> None:
        self.api = api
        self.control = control
        self.key = key
        self._sandbox = sandbox

    async def create_endpoint(self, url: str, **settings: Json) -> str:
        """Make an endpoint; return its id."""
        body = {"url": url, **settings}
        made = await self.control("create_webhook_endpoint", body, key=self.key)
        return str(made["id"])

    async def update_endpoint(self, endpoint_id: str, **settings: Json) -> Json:
        """Change an endpoint; return what it now is."""
        return await self.control(
            "update_webhook_endpoint", settings, key=self.key, endpoint_id=endpoint_id
        )

    async def pay(self, **changes: Json) -> str:
        """Make a payment, which fires one event; return its id."""
        return str((await paid(self.api, key=self.key, **changes))["id"])

    async def advance(self, by: str) -> list[dict[str, Any]]:
        """Move the clock; return what happened."""
        moved = await self.control("advance_clock", {"by": by}, key=self.key)
        return list(moved["happened"])

    async def settle(self) -> list[DeliveryJson]:
        """Let what is due end; return every delivery, the oldest first."""
        await self.advance("0s")
        return await self.deliveries()

    async def deliveries(self, **query: str) -> list[DeliveryJson]:
        """The deliveries as they are, the oldest first."""
        query = {"limit": "1000"} | query
        page = await self.control("list_deliveries", key=self.key, query=query)
        return list(page["data"])[::-1]

    async def only_delivery(self) -> DeliveryJson:
        """Return the one delivery there is, when all that is due has ended."""
        (delivery,) = await self.settle()
        return delivery

    async def wait_for_in_flight(self, count: int) -> None:
        """Wait until so many attempts are under way in the server."""
        await until(self.api, lambda: len(self._sandbox.runtime.dispatcher) == count)


def errors(delivery: DeliveryJson) -> list[str | None]:
    """Why each attempt of a delivery failed."""
    return [each["error"] for each in delivery["attempts"]]


def instants(delivery: DeliveryJson) -> list[str]:
    """When each attempt of a delivery was made, on the world's clock."""
    return [each["at"] for each in delivery["attempts"]]
