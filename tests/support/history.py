"""Owns the history of a client: calls at instants of the wall, and deliveries that it received."""

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.verification.audit import audit
from payments_sandbox.verification.expectations.expectation import ExpectationResult
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import (
    Observed,
    ObservedAttempt,
    ObservedDelivery,
    observe,
)
from payments_sandbox.verification.report import verify
from payments_sandbox.world.clock import Mode
from payments_sandbox.world.world import World
from tests.support.bodies import documented_create
from tests.support.in_process import Desk, call_of, new_world
from tests.support.wall import NOON, Wall


class History:
    """A world on a wall that the test moves; each call takes no time."""

    def __init__(self, *scenarios: Scenario, frozen: bool = False) -> None:
        self.wall = Wall()
        self.world: World = new_world(self.wall, frozen_at=NOON if frozen else None)
        self.desk = Desk(self.world)
        self.sent: list[ObservedDelivery] = []
        set_active(self.world, scenarios)
        assert (self.world.clock.mode is Mode.FROZEN) == frozen

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.wall.move(milliseconds)

    def advance(self, milliseconds: int) -> None:
        """Move the world's clock, and not the wall."""
        for _ in self.world.advance(Instant(self.world.clock.now() + milliseconds)):
            pass

    def call(self, operation: str, body: object = None, **options: str) -> str:
        """Make a call that is answered at once; its id."""
        answer = self.desk.answer(call_of(operation, body, **options))  # type: ignore[arg-type]  # options of call_of
        assert answer.entry is not None
        answer.entry.duration_ms = 0.0
        return self.world.journal.id_of(answer.entry)

    def pay(self, **changes: object) -> str:
        """Make a payment."""
        return self.call("create_payment", documented_create(**changes))

    def look(self, query: str = "") -> str:
        """List payments."""
        return self.call("list_payments", query=query)

    def payment(self, number: int = 0) -> str:
        """The id of a payment."""
        return self.world.ledger.payments.id_of(number)

    def receive(
        self,
        *statuses: int | None,
        event: str = "payment.completed",
        event_id: str = "evt_1",
        payment_id: str | None = None,
        is_forged: bool = False,
        is_stale: bool = False,
    ) -> str:
        """Receive a delivery now, and answer its attempts so; its id."""
        at = Instant(self.wall.at)
        attempts = tuple(ObservedAttempt(at, status, is_forged, is_stale) for status in statuses)
        is_delivered = any(each.is_accepted for each in attempts)
        found = ObservedDelivery(
            f"dlv_{len(self.sent)}", event_id, event, payment_id, "we_1", is_delivered, attempts
        )
        self.sent.append(found)
        return found.id

    def observed(self) -> Observed:
        """The calls of the world, and the deliveries that were received."""
        return observe(self.world)._replace(deliveries=tuple(self.sent))

    def result_of(self, **expect: object) -> ExpectationResult:
        """How one expectation stands."""
        expectations, problems = load_expectations([expect])
        assert problems == []
        [line] = verify(self.observed(), expectations)
        return line.result

    def meets(self, **expect: object) -> bool:
        """Whether one expectation is met."""
        return self.result_of(**expect).met

    def findings(self) -> list[Finding]:
        """What the audit finds."""
        return list(audit(self.observed()))

    def found(self) -> list[tuple[str, tuple[str, ...]]]:
        """Kinds and ids of what it finds."""
        return [(each.kind.name, each.requests) for each in self.findings()]
