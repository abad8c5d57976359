"""Owns the sandbox without a network: worlds, rules and webhooks on a wall clock that tests set."""

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
"""Where tests begin: on the hour, so that limits and windows are round."""


class Wall:
    """A `WallClock` that moves when it is told to, backwards too."""

    def __init__(self, at: Instant = NOON) -> None:
        self.at = at

    def __call__(self) -> Instant:
        """What it is set to."""
        return self.at

    def move(self, milliseconds: int) -> None:
        """Go on, or back where it is negative."""
        self.at = Instant(self.at + milliseconds)


AUTHORIZATION = (b"Authorization", f"Bearer {KEY}".encode())


@cache
def contract() -> Contract:
    """The contract as shipped; reading it once is enough."""
    return load_contract()


def server_context(wall: WallClock | None = None) -> ServerContext:
    """What holds in every world of a server: the contract as shipped."""
    return ServerContext(wall or Wall(), partial(stored_payment, contract()), read_scenario)


def config(
    *, seed: int = 7, frozen_at: Instant | None = NOON, rate_limit: int = 1_000
) -> WorldConfig:
    """What a world of tests is made from."""
    return WorldConfig(KEY, seed, webhook_secret(seed), frozen_at, rate_limit, NOON)


def new_world(
    wall: WallClock | None = None,
    *,
    seed: int = 7,
    frozen_at: Instant | None = NOON,
    rate_limit: int = 1_000,
) -> World:
    """A world by itself, frozen at noon unless told otherwise."""
    return World(
        config(seed=seed, frozen_at=frozen_at, rate_limit=rate_limit), server_context(wall)
    )


def new_worlds(
    settings: Settings | None = None,
    wall: WallClock | None = None,
    on_drop: Callable[[World, str], None] = lambda _, __: None,
) -> Worlds:
    """Worlds by key; what they draw is 0, 1, 2, …."""
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
    """A call as the server makes it; a body of bytes goes as it is, all else as JSON."""
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
    """One world behind a gateway, asked operation by operation."""

    def __init__(self, world: World, *, with_contract: Contract | None = None) -> None:
        self.world = world
        self.gateway = Gateway(new_worlds(), with_contract or contract())

    def answer(self, call: Call) -> Answer:
        """What the server would be given to send."""
        answer = self.gateway.answer(self.world, call)
        assert isinstance(answer, Answer), "a held call wants its decision: ask the gateway"
        return answer

    def ask(
        self, operation: str, body: object = None, *, payment_id: str = "", query: str = ""
    ) -> tuple[int, Any]:
        """The status and the JSON of the reply."""
        call = call_of(operation, body, payment_id=payment_id, query=query)
        return status_and_json(self.answer(call))

    def twin(self, wall: WallClock | None = None) -> "InProcessApi":
        """The same of the world that this one's snapshot restores, its JSON written and read."""
        kept = json.loads(json.dumps(snapshot(self.world)))
        return InProcessApi(restored_world(kept, wall))


def restored_world(kept: Mapping[str, Any], wall: WallClock | None = None) -> World:
    """The world of a snapshot."""
    made = restoring(kept, api_key=KEY, made_at=NOON, context=server_context(wall))
    return finish(made)


def snapshot(world: World) -> dict[str, object]:
    """The whole world at once."""
    return finish(snapshotting(world))


def sealed_snapshot(kept: Mapping[str, object]) -> dict[str, Any]:
    """A snapshot with its digest, as a client gets it."""
    shown: dict[str, Any] = json.loads(b"".join(finish(sealed(kept))))
    return shown


def status_and_json(answer: Answer | Refusal) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    return answer.reply.status, json.loads(answer.reply.body)


def all_outputs(world: World) -> list[Any]:
    """All that a world can show: events, journal, log, snapshot, and itself."""
    ledger = world.ledger
    shown: list[Any] = [representations.event(ledger.any_event(n)) for n in range(ledger.events)]
    for entry in world.journal.since(0):
        shown += [entry_json(world, entry), format_line(journal_line(world, entry))]
    return [*shown, world.upcoming(100), json.loads(json.dumps(snapshot(world))), repr(world)]


class History:
    """A world on a wall that the test moves; each call takes no time."""

    def __init__(self, *scenarios: Scenario, frozen: bool = False) -> None:
        self.wall = Wall()
        self.world: World = new_world(self.wall, frozen_at=NOON if frozen else None)
        self.desk = InProcessApi(self.world)
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
        answer.entry.duration_ms = 0.0
        return self.world.journal.id_of(answer.entry)

    def pay(self, **changes: object) -> str:
        """Make a payment."""
        return self.call("create_payment", documented_create(**changes))

    def look(self, query: str = "") -> str:
        """List payments."""
        return self.call("list_payments", query=query)

    def refund(self, **body: object) -> str:
        """Refund some of the first payment."""
        return self.call("create_refund", body, payment_id=self.payment())

    def payment(self, number: int = 0) -> str:
        """The id of a payment."""
        return self.world.ledger.payments.id_of(number)

    def receive(  # noqa: PLR0913 - each by its name
        self,
        *statuses: int | None,
        event: str = "payment.completed",
        event_id: str = "evt_1",
        payment_id: str | None = None,
        is_forged: bool = False,
        is_stale: bool = False,
        is_final: bool = False,
    ) -> str:
        """Receive a delivery now, and answer its attempts so; its id.

        One that was not accepted is tried again, unless that was final.
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
        """The calls of the world, and the deliveries that were received."""
        return observe(self.world)._replace(deliveries=tuple(self.sent))

    def result_of(self, **expect: object) -> ExpectationResult:
        """How one expectation stands."""
        expectations, problems = load_expectations([expect])
        assert problems == []
        [line] = finish(verifying(self.observed(), expectations))
        return line.result

    def meets(self, **expect: object) -> bool:
        """Whether one expectation is met."""
        return self.result_of(**expect).met

    def findings(self) -> list[Finding]:
        """What the audit finds."""
        return list(finish(auditing(self.observed())))

    def found(self) -> list[tuple[str, tuple[str, ...]]]:
        """Kinds and ids of what it finds."""
        return [(each.kind.name, each.requests) for each in self.findings()]


def scenario_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """The scenario of a text that starts behind its name; it has to be without a fault."""
    head = f"scenario: {name}\n" + ("" if seed is None else f"seed: {seed}\n")
    loaded = load(head + dedent(text), name=name)
    assert loaded.problems == (), loaded.problems
    assert loaded.scenario is not None
    return loaded.scenario


def rules_of(text: str, *, name: str = "scene", seed: int | None = None) -> Scenario:
    """A scenario of nothing but these rules."""
    return scenario_of(f"rules:\n{indent(dedent(text), '  ')}", name=name, seed=seed)


class GivenFields:
    """Fields that are what a test says."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def get(self, name: str, /) -> object:
        """The value of a field."""
        return self._values.get(name)


class RuleEngineFixture:
    """A rule engine without a world, asked about calls."""

    def __init__(self, *scenarios: Scenario, seed: int = 7) -> None:
        self.rules = RuleEngine(seed)
        self.rules.set_scenarios(scenarios)

    def decide(self, operation: str = "create_payment", **values: object) -> Decision:
        """What the rules decide about a call."""
        return self.rules.decide(operation, GivenFields(values))

    def answer(self, operation: str = "create_payment", **values: object) -> tuple[str, int] | None:
        """The rule that answers a call, and its step."""
        selected = self.selected(operation, **values)
        return None if selected is None else (selected.rule, selected.position)

    def selected(self, operation: str = "create_payment", **values: object) -> SelectedStep | None:
        """The step that answers a call."""
        return self.decide(operation, **values).selected

    def why_not(self, operation: str = "create_payment", **values: object) -> list[str]:
        """Why each of the other rules did not answer, as the journal says it."""
        explanations = self.decide(operation, **values).explanations
        return [f"{rule}: {why}" for _, rule, why in explanations]

    def twin(self) -> "RuleEngineFixture":
        """An engine that goes on where this one is."""
        found = RuleEngineFixture()
        kept = self.rules.snapshot() | {"scenarios": self.rules.scenarios}
        found.rules.restore(**kept)  # type: ignore[arg-type]  # JSON
        return found


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
