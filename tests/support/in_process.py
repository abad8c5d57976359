"""Owns the sandbox without a network: worlds, rules and webhooks, with a wall clock tests set."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from textwrap import dedent, indent
from typing import Any

from payments_sandbox.api.call import Answer, Call, Refusal
from payments_sandbox.api.gateway import Gateway
from payments_sandbox.api.responses import stored_payment
from payments_sandbox.contract import representations
from payments_sandbox.contract.operations import BASE_PATH, BY_NAME
from payments_sandbox.contract.schemas import Contract, load_contract
from payments_sandbox.core.ids import webhook_secret
from payments_sandbox.core.instants import Instant, read_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import finish
from payments_sandbox.rules.rule_engine import Decision, RuleEngine
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.rules.step_search import SelectedStep
from payments_sandbox.scenarios.activation import set_active, setting_active
from payments_sandbox.scenarios.loader import load, load_expectations, read_scenario
from payments_sandbox.server.journal_json import entry_json
from payments_sandbox.server.log.lines import journal_line
from payments_sandbox.server.log.text import format_line
from payments_sandbox.verification.audit import auditing
from payments_sandbox.verification.expectations.expectation import ExpectationResult
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import (
    Observed,
    ObservedAttempt,
    ObservedDelivery,
    observe,
)
from payments_sandbox.verification.report import verifying
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    ReceiverResponse,
    WebhookRequest,
    why_failed,
)
from payments_sandbox.world.clock import Mode, WallClock
from payments_sandbox.world.config import ServerContext, WorldConfig
from payments_sandbox.world.registry import Worlds
from payments_sandbox.world.snapshot import restoring, sealed, snapshotting
from payments_sandbox.world.world import World
from tests.support.values import KEY, documented_create

NOON = read_instant("2030-01-15T12:00:00Z")
"""The initial time of tests: a full hour, so that limits and windows are round."""


class Wall:
    """A `WallClock` that tests move, also backwards."""

    def __init__(self, at: Instant = NOON) -> None:
        self.at = at

    def __call__(self) -> Instant:
        """Return the time that was set."""
        return self.at

    def move(self, milliseconds: int) -> None:
        """Move forward, or back if negative."""
        self.at = Instant(self.at + milliseconds)


AUTHORIZATION = (b"Authorization", f"Bearer {KEY}".encode())


@cache
def contract() -> Contract:
    """Return the shipped contract, read once."""
    return load_contract()


def server_context(wall: WallClock | None = None) -> ServerContext:
    """Return what all worlds of a server share: the shipped contract."""
    return ServerContext(wall or Wall(), partial(stored_payment, contract()), read_scenario)


def config(
    *, seed: int = 7, frozen_at: Instant | None = NOON, rate_limit: int = 1_000
) -> WorldConfig:
    """Return the configuration of a test world."""
    return WorldConfig(KEY, seed, webhook_secret(seed), frozen_at, rate_limit, NOON)


def new_world(
    wall: WallClock | None = None,
    *,
    seed: int = 7,
    frozen_at: Instant | None = NOON,
    rate_limit: int = 1_000,
) -> World:
    """Return a world without a server, by default frozen at noon."""
    return World(
        config(seed=seed, frozen_at=frozen_at, rate_limit=rate_limit), server_context(wall)
    )


def new_worlds(
    settings: Settings | None = None,
    wall: WallClock | None = None,
    on_drop: Callable[[World, str], None] = lambda _, __: None,
) -> Worlds:
    """Return the worlds of a server; their random numbers are 0, 1, 2, …."""
    return Worlds(
        settings or Settings(),
        context=server_context(wall),
        entropy=count().__next__,
        on_drop=on_drop,
        activate=setting_active,
    )


def call_of(
    operation: str,
    body: object = None,
    *,
    payment_id: str = "",
    query: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (AUTHORIZATION,),
) -> Call:
    """Return a call as the server makes it; bytes are sent as they are, other bodies as JSON."""
    known = BY_NAME[operation]
    path = BASE_PATH + known.path.format(payment_id=payment_id)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(
        operation,
        known.method,
        path,
        headers,
        query,
        body=b"" if known.request is None else raw,
        payment_id=payment_id,
    )


class InProcessApi:
    """One world behind a gateway, called by operations."""

    def __init__(self, world: World, *, with_contract: Contract | None = None) -> None:
        self.world = world
        self.gateway = Gateway(new_worlds(), with_contract or contract())

    def answer(self, call: Call) -> Answer:
        """Return what the server would send."""
        answer = self.gateway.answer(self.world, call)
        assert isinstance(answer, Answer), "a held call needs a decision: use the gateway"
        return answer

    def ask(
        self, operation: str, body: object = None, *, payment_id: str = "", query: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the JSON of the reply."""
        call = call_of(operation, body, payment_id=payment_id, query=query)
        return status_and_json(self.answer(call))

    def twin(self, wall: WallClock | None = None) -> "InProcessApi":
        """Return the same for a world that is restored from a snapshot of this one as JSON."""
        kept = json.loads(json.dumps(snapshot(self.world)))
        return InProcessApi(restored_world(kept, wall))


def restored_world(kept: Mapping[str, Any], wall: WallClock | None = None) -> World:
    """Return the world of a snapshot."""
    made = restoring(kept, api_key=KEY, made_at=NOON, context=server_context(wall))
    return finish(made)


def snapshot(world: World) -> dict[str, object]:
    """Return a snapshot of the world, without pauses."""
    return finish(snapshotting(world))


def sealed_snapshot(kept: Mapping[str, object]) -> dict[str, Any]:
    """Return a snapshot with its digest, as a client gets it."""
    shown: dict[str, Any] = json.loads(b"".join(finish(sealed(kept))))
    return shown


def status_and_json(answer: Answer | Refusal) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    return answer.reply.status, json.loads(answer.reply.body)


def all_outputs(world: World) -> list[Any]:
    """Return everything that a world can show: events, journal, log, snapshot, and its repr."""
    ledger = world.ledger
    shown: list[Any] = [representations.event(ledger.any_event(n)) for n in range(ledger.events)]
    for entry in world.journal.since(0):
        shown += [entry_json(world, entry), format_line(journal_line(world, entry))]
    return [*shown, world.upcoming(100), json.loads(json.dumps(snapshot(world))), repr(world)]


class History:
    """A world with a wall clock that the test moves; calls take no time."""

    def __init__(self, *scenarios: Scenario, frozen: bool = False) -> None:
        self.wall = Wall()
        self.world: World = new_world(self.wall, frozen_at=NOON if frozen else None)
        self.desk = InProcessApi(self.world)
        self.sent: list[ObservedDelivery] = []
        set_active(self.world, scenarios)
        assert (self.world.clock.mode is Mode.FROZEN) == frozen

    def wait(self, milliseconds: int) -> None:
        """Let wall time pass."""
        self.wall.move(milliseconds)

    def advance(self, milliseconds: int) -> None:
        """Advance the world's clock only."""
        for _ in self.world.advance(Instant(self.world.clock.now() + milliseconds)):
            pass

    def call(self, operation: str, body: object = None, **options: str) -> str:
        """Make a call that is answered at once, and return its request id."""
        answer = self.desk.answer(call_of(operation, body, **options))  # type: ignore[arg-type]  # options of call_of
        answer.entry.duration_ms = 0.0
        return self.world.journal.id_of(answer.entry)

    def pay(self, **changes: object) -> str:
        """Create a payment, and return the request id."""
        return self.call("create_payment", documented_create(**changes))

    def look(self, query: str = "") -> str:
        """List payments, and return the request id."""
        return self.call("list_payments", query=query)

    def refund(self, **body: object) -> str:
        """Refund part of the first payment, and return the request id."""
        return self.call("create_refund", body, payment_id=self.payment())

    def payment(self, number: int = 0) -> str:
        """Return the id of a payment."""
        return self.world.ledger.payments.id_of(number)

    def receive(  # noqa: PLR0913 - by keyword
        self,
        *statuses: int | None,
        event: str = "payment.completed",
        event_id: str = "evt_1",
        payment_id: str | None = None,
        is_forged: bool = False,
        is_stale: bool = False,
        is_final: bool = False,
    ) -> str:
        """Receive a delivery, answer its attempts with these statuses, and return its id.

        A delivery that was not accepted is pending, unless it is final.
        """
        at = Instant(self.wall.at)
        attempts = tuple(ObservedAttempt(at, status, is_forged, is_stale) for status in statuses)
        is_delivered = any(each.is_accepted for each in attempts)
        found = ObservedDelivery(
            f"dlv_{len(self.sent)}",
            event_id,
            event,
            payment_id,
            "we_1",
            is_delivered,
            attempts,
            is_pending=not is_delivered and not is_final,
        )
        self.sent.append(found)
        return found.id

    def observed(self) -> Observed:
        """Return the calls of the world, and the received deliveries."""
        return observe(self.world)._replace(deliveries=tuple(self.sent))

    def result_of(self, **expect: object) -> ExpectationResult:
        """Return the result of one expectation."""
        expectations, problems = load_expectations([expect])
        assert problems == []
        [line] = finish(verifying(self.observed(), expectations))
        return line.result

    def meets(self, **expect: object) -> bool:
        """Return whether one expectation is met."""
        return self.result_of(**expect).met

    def findings(self) -> list[Finding]:
        """Return the findings of the audit."""
        return list(finish(auditing(self.observed())))

    def found(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return kind and ids of each finding."""
        return [(each.kind.name, each.requests) for each in self.findings()]


def scenario_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """Return the scenario of a text without its first line; it must have no problems."""
    head = f"scenario: {name}\n" + ("" if seed is None else f"seed: {seed}\n")
    loaded = load(head + dedent(text), name=name)
    assert loaded.problems == (), loaded.problems
    assert loaded.scenario is not None
    return loaded.scenario


def rules_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """Return a scenario with only these rules."""
    return scenario_of(f"rules:\n{indent(dedent(text), '  ')}", name=name, seed=seed)


class GivenFields:
    """Fields with values of a test."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def get(self, name: str, /) -> object:
        """Return the value of a field."""
        return self._values.get(name)


class RuleEngineFixture:
    """A rule engine without a world, which decides about calls."""

    def __init__(self, *scenarios: Scenario, seed: int = 7) -> None:
        self.rules = RuleEngine(seed)
        self.rules.set_scenarios(scenarios)

    def decide(self, operation: str = "create_payment", **values: object) -> Decision:
        """Return the decision about a call."""
        return self.rules.decide(operation, GivenFields(values))

    def answer(self, operation: str = "create_payment", **values: object) -> tuple[str, int] | None:
        """Return the rule and the step number that answer a call."""
        selected = self.selected(operation, **values)
        return None if selected is None else (selected.rule, selected.position)

    def selected(self, operation: str = "create_payment", **values: object) -> SelectedStep | None:
        """Return the step that answers a call."""
        return self.decide(operation, **values).selected

    def why_not(self, operation: str = "create_payment", **values: object) -> list[str]:
        """Return why each of the other rules did not answer, as the journal shows it."""
        explanations = self.decide(operation, **values).explanations
        return [f"{rule}: {why}" for _, rule, why in explanations]

    def twin(self) -> "RuleEngineFixture":
        """Return an engine restored from a snapshot of this one."""
        found = RuleEngineFixture()
        kept = self.rules.snapshot() | {"scenarios": self.rules.scenarios}
        found.rules.restore(**kept)  # type: ignore[arg-type]  # JSON
        return found


class FakeDispatcher:
    """Makes due attempts in a world without a network, with scripted answers.

    Args:
        world: the world with the webhooks.
        script: statuses, or None for no answer; after the last one every status is 200.
    """

    def __init__(self, world: World, *script: int | None) -> None:
        self.world = world
        self.webhooks = world.open_webhooks()
        self._script = deque(script)

    def pop(self) -> list[Delivery]:
        """Return the due deliveries, endpoint by endpoint."""
        by_endpoint: dict[str, list[Delivery]] = {}
        for delivery in self.webhooks.outbox.pop():
            by_endpoint.setdefault(delivery.endpoint_id, []).append(delivery)
        return [each for deliveries in by_endpoint.values() for each in deliveries]

    def attempt(self, delivery: Delivery, status: int | None) -> None:
        """Make an attempt that is answered with this status."""
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
        """Make attempts until nothing is due, and return their number."""
        count = 0
        while due := self.pop():
            for delivery in due:
                self.attempt(delivery, self._script.popleft() if self._script else 200)
                count += 1
            self.world.catch_up()
        return count

    def advance(self, until: Instant) -> int:
        """Advance the clock, delivering at each due instant, and return the number of attempts."""
        count = self.deliver()
        for _ in self.world.advance(until):
            count += self.deliver()
        return count

    def result(self, request: WebhookRequest, status: int | None) -> AttemptResult:
        """Return the result of a request that is answered with this status."""
        if status is None:
            return AttemptResult(request.headers, None, "the connection was refused", 0.5)
        response = ReceiverResponse(status, {"X-From": "script"}, "scripted")
        return AttemptResult(request.headers, response, why_failed(response), 0.5)


@dataclass(slots=True)
class HeldPost:
    """One post in flight."""

    url: str
    body: bytes
    result: asyncio.Future[AttemptResult] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """Answer it; None is no answer."""
        response = None if status is None else ReceiverResponse(status, {}, "")
        error = "no answer" if response is None else why_failed(response)
        self.result.set_result(AttemptResult({}, response, error, duration_ms))


class FakeSender:
    """Replaces the network: each post waits until the test answers it.

    Attributes:
        posts: the posts without an answer yet.
        count: the number of all posts.
    """

    def __init__(self) -> None:
        self.posts: list[HeldPost] = []
        self.count = 0
        self.is_closed = False

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Wait until the test answers."""
        del headers, timeout_ms
        post = HeldPost(url, body)
        self.posts.append(post)
        self.count += 1
        try:
            return await post.result
        finally:
            self.posts.remove(post)

    async def close(self) -> None:
        """Do nothing: nothing is open."""
        self.is_closed = True

    async def turn(self) -> None:
        """Let all tasks run a few times."""
        for _ in range(5):
            await asyncio.tasks.sleep(0)

    async def answer_all(self, status: int | None = 200, *, duration_ms: float = 1.0) -> None:
        """Answer all posts in flight."""
        for post in list(self.posts):
            post.answer(status, duration_ms=duration_ms)
        await self.turn()
