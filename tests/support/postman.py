"""Owns the delivery of a world's webhooks without a network: each is answered as a script says."""

from collections import deque

from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    ReceiverResponse,
    WebhookRequest,
    why_failed,
)
from payments_sandbox.world.world import World
from tests.support.wall import NOON


class Postman:
    """Attempts what is due in a world, and says of each what the script says next.

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
