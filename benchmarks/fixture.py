"""Owns the section on the pytest fixture: what it costs suites, also those that ignore it."""

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Final

import httpx

from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_most
from benchmarks.servers import users_environment
from benchmarks.traffic import CREATED, create_body
from payments_sandbox.testing import MemorySandbox, SandboxTransport, Server, running_sandbox

IGNORED: Final = at_most(5)
_WHOLE: Final = "a whole test: create, webhook, a month, audit"
TESTS: Final = 40
"""Tests per round."""

BODY: Final = create_body("cust_ada", 2_500)
IMPORT: Final = """
from time import perf_counter
import pytest
started = perf_counter()
import payments_sandbox.pytest_plugin
print((perf_counter() - started) * 1e3)
"""
FIRST: Final = """
from time import perf_counter
import pytest, payments_sandbox.pytest_plugin
started = perf_counter()
from payments_sandbox.testing import running_sandbox
server = running_sandbox().start()
print((perf_counter() - started) * 1e3)
server.stop()
"""


def measure_fixture(plan: Plan) -> Table:
    """Measure in milliseconds; each figure is the median of its rounds."""
    rows = [
        Row(
            "importing the plugin, in a suite that ignores it", _script(IMPORT, plan), "ms", IGNORED
        ),
        Row("the first server of a process, imports included", _script(FIRST, plan), "ms"),
        Row("a server that is started later, and its end", _started(plan), "ms"),
    ]
    with running_sandbox() as server:
        rows.append(Row("a fresh world for a test, and its end", _fresh(server, plan), "ms"))
        with httpx.Client() as client:
            rows.append(Row(f"{_WHOLE}, over HTTP", _whole(server, client, plan), "ms"))
    with MemorySandbox() as memory, httpx.Client(transport=SandboxTransport(memory)) as client:
        rows.append(Row(f"{_WHOLE}, without a socket", _whole(memory, client, plan), "ms"))
    return Table("The fixture", rows)


def _script(script: str, plan: Plan) -> list[float]:
    """The numbers that a script prints, each in a new process; the first one warms the caches."""
    command = [sys.executable, "-c", script]
    outputs = [
        subprocess.run(
            command, capture_output=True, text=True, check=True, env=users_environment()
        ).stdout
        for _ in range(plan.rounds + 1)
    ]
    return [float(output) for output in outputs[1:]]


def _started(plan: Plan) -> list[float]:
    with running_sandbox():
        pass
    return [_timed(_start_and_stop, 10) for _ in range(plan.rounds)]


def _start_and_stop() -> None:
    with running_sandbox():
        pass


def _fresh(server: Server, plan: Plan) -> list[float]:
    return [_timed(lambda: server.new_world().close(), TESTS) for _ in range(plan.rounds)]


def _whole(server: Server, client: httpx.Client, plan: Plan) -> list[float]:
    return [_timed(lambda: _test(server, client), TESTS) for _ in range(plan.rounds)]


def _test(server: Server, client: httpx.Client) -> None:
    """A typical test of a user, from its world to its last assertion."""
    with server.new_world(clock="2030-01-15") as world:
        inbox = world.inbox()
        headers = {**world.headers, "Content-Type": "application/json"}
        reply = client.post(f"{world.base_url}/payments", content=BODY, headers=headers)
        assert reply.status_code == CREATED, reply.text
        inbox.wait("payment.completed")
        world.clock.advance("30d")
        assert world.audit()["clean"]


def _timed(what: Callable[[], None], times: int) -> float:
    """Milliseconds of one turn, averaged over several."""
    started = perf_counter()
    for _ in range(times):
        what()
    return (perf_counter() - started) / times * 1e3
