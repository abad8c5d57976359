"""Owns the emulated API without a network: worlds on a wall that tests set, and calls to them."""

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import count
from typing import Any

from payments_sandbox.api.call import Answer, Call
from payments_sandbox.api.gateway import Gateway
from payments_sandbox.api.responses import payment_at_rest
from payments_sandbox.contract.operations import BASE_PATH, BY_NAME
from payments_sandbox.contract.schemas import Contract, load_contract
from payments_sandbox.core.instants import Instant
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.loader import read_scenario
from payments_sandbox.world.clock import WallClock
from payments_sandbox.world.config import ServerContext, WorldConfig, secret_of
from payments_sandbox.world.registry import WorldDefaults, Worlds
from payments_sandbox.world.snapshot import restored, snapshot
from payments_sandbox.world.world import World
from tests.support.bodies import KEY
from tests.support.wall import NOON, Wall

AUTHORIZATION = (b"Authorization", f"Bearer {KEY}".encode())


@cache
def contract() -> Contract:
    """The contract as shipped; reading it once is enough."""
    return load_contract()


def server_context(wall: WallClock | None = None) -> ServerContext:
    """The laws of a server: the contract as shipped."""
    return ServerContext(wall or Wall(), partial(payment_at_rest, contract()), read_scenario)


def config(
    *, seed: int = 7, frozen_at: Instant | None = NOON, rate_limit: int = 1_000
) -> WorldConfig:
    """What a world of tests is made from."""
    return WorldConfig(KEY, seed, secret_of(seed), frozen_at, rate_limit, NOON)


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
    defaults: WorldDefaults | None = None,
    wall: WallClock | None = None,
    on_drop: Callable[[World, str], None] = lambda _, __: None,
) -> Worlds:
    """Worlds by key; what they draw is 0, 1, 2, …."""
    return Worlds(
        defaults or WorldDefaults(),
        context=server_context(wall),
        entropy=count().__next__,
        on_drop=on_drop,
        activate=set_active,
    )


def call_of(
    operation: str,
    body: object = None,
    *,
    payment_id: str = "",
    query: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (AUTHORIZATION,),
) -> Call:
    """A call as the rim makes it; a body of bytes goes as it is, all else as JSON."""
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


class Desk:
    """One world behind a gateway, asked operation by operation."""

    def __init__(self, world: World, *, with_contract: Contract | None = None) -> None:
        self.world = world
        self.gateway = Gateway(new_worlds(), with_contract or contract())

    def answer(self, call: Call) -> Answer:
        """What the rim would be given to send."""
        return self.gateway.answer(self.world, call)

    def ask(
        self, operation: str, body: object = None, *, payment_id: str = "", query: str = ""
    ) -> tuple[int, Any]:
        """The status and the JSON of the reply."""
        call = call_of(operation, body, payment_id=payment_id, query=query)
        return shown(self.answer(call))

    def twin(self, wall: WallClock | None = None) -> "Desk":
        """A desk of the world that this one's snapshot restores, its JSON written and read."""
        kept = json.loads(json.dumps(snapshot(self.world)))
        return Desk(back(kept, wall))


def back(kept: Mapping[str, Any], wall: WallClock | None = None) -> World:
    """The world of a snapshot."""
    return restored(kept, api_key=KEY, made_at=NOON, context=server_context(wall))


def shown(answer: Answer) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    return answer.reply.status, json.loads(answer.reply.body)
