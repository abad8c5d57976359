"""Owns the delivery of a world's webhooks without a network: each is answered as a script says."""

from collections import deque

from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.delivery import Answer, Delivery, Outcome, Request, verdict_on
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

    def take(self) -> list[Delivery]:
        """What is due, taken out of its lanes, in the order of the lanes."""
        outbox = self.webhooks.outbox
        outbox.enqueue(outbox.take_fresh())
        taken = []
        for endpoint_id in outbox.lanes():
            while (delivery := outbox.take(endpoint_id)) is not None:
                taken.append(delivery)
        return taken

    def attempt(self, delivery: Delivery, status: int | None) -> None:
        """Let a delivery be answered so."""
        now = self.world.clock.now()
        endpoint = self.webhooks.outbox.endpoints.get(delivery.endpoint_id)
        if endpoint is None:
            endpoint = self.webhooks.planned("http://localhost/")
        request = self.webhooks.request(delivery, endpoint, now=now, sent_at=NOON)
        if endpoint.inbox is not None:
            outcome = self.webhooks.post_to_inbox(endpoint.inbox, request)
        else:
            outcome = self.outcome(request, status)
        self.webhooks.attempted(delivery, request, outcome, now)

    def deliver(self) -> int:
        """Attempt all that is due now, until nothing is; how many attempts that were."""
        count = 0
        while due := self.take():
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

    def outcome(self, request: Request, status: int | None) -> Outcome:
        """What comes of a request that is answered so."""
        if status is None:
            return Outcome(request.headers, None, "the connection was refused", 0.5)
        answer = Answer(status, {"X-From": "script"}, "scripted")
        return Outcome(request.headers, answer, verdict_on(answer), 0.5)
