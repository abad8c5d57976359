"""Owns clients that are explored without a process: a function that calls a new world by httpx."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from payments_sandbox.exploration.exploration import Flow
from payments_sandbox.exploration.run_record import FlowEnd, RecordedWorlds, RunRecord
from payments_sandbox.testing.direct_server import run_now
from payments_sandbox.testing.httpx_transport import SandboxTransport
from payments_sandbox.testing.memory_sandbox import MemorySandbox
from payments_sandbox.testing.sandbox import Sandbox
from tests.support.values import documented_create

SEED: Final = 7

Body = Callable[[httpx.Client, Sandbox], int]
"""What a client does; it returns the exit code, and an exception is a crash."""


def order(customer: str = "cust_ada", amount: int = 4200, text: str = "Order 17") -> dict[str, Any]:
    """Return the body of a create."""
    wanted = documented_create()
    return wanted | {"customer_id": customer, "amount": amount, "description": text}


def flow_of(body: Body, receivers: Mapping[str, Any] | None = None) -> Flow:
    """Return a flow in which a client acts in a new world without a socket.

    Args:
        body: what the client does.
        receivers: answer webhooks, as for `MemorySandbox`.
    """

    def flow(scenario: Mapping[str, Any] | None) -> RunRecord:
        with MemorySandbox(seed=SEED, clock="2030-01-15T09:00:00Z", receivers=receivers) as server:
            runtime = server.server.sandbox.runtime
            worlds = runtime.reports = RecordedWorlds(runtime.notifier)
            end = _end(server, body, scenario)
            return RunRecord(end, run_now(worlds.recorded(runtime.worlds)))

    return flow


def _end(server: MemorySandbox, body: Body, scenario: Mapping[str, Any] | None) -> FlowEnd:
    with server.new_world(seed=SEED) as world:
        if scenario is not None:
            with server.client(world.api_key) as client:
                client.put_active_scenarios([dict(scenario)])
        headers = {"Authorization": f"Bearer {world.api_key}"}
        with httpx.Client(
            transport=SandboxTransport(server), base_url=world.base_url, headers=headers, timeout=1
        ) as api:
            try:
                return FlowEnd(body(api, world))
            except Exception as error:  # noqa: BLE001 - any exception is a crash of the client
                return FlowEnd(1, crash=type(error).__name__)
