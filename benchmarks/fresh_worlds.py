"""Owns the section on fresh worlds: what it costs a test to have its own."""

import http.client
import json
from time import perf_counter
from typing import Final

from benchmarks.in_process import Api
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_most
from benchmarks.servers import Loop, running, sandbox_command
from benchmarks.traffic import CREATED

IN_PROCESS: Final = at_most(200)
OVER_HTTP: Final = at_most(2)
WORLDS: Final = 200
"""Worlds made per round."""


def measure_worlds(plan: Plan, cores: Cores) -> Table:
    """Measure making a world in process, and over HTTP on an open connection."""
    with running(sandbox_command(Loop.ASYNCIO), cores) as server:
        over_http = [_over_http(server.port) for _ in range(plan.rounds)]
    in_process = [_in_process() for _ in range(plan.rounds)]
    return Table(
        "A fresh world",
        [
            Row("in process", in_process, "µs", IN_PROCESS),
            Row("over HTTP, one after the other", over_http, "ms", OVER_HTTP),
        ],
    )


def _in_process() -> float:
    worlds = Api().sandbox.runtime.worlds
    started = perf_counter()
    for _ in range(WORLDS):
        worlds.make()
    return (perf_counter() - started) / WORLDS * 1e6


def _over_http(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        started = perf_counter()
        for _ in range(WORLDS):
            connection.request("POST", "/_sandbox/worlds")
            response = connection.getresponse()
            made = json.loads(response.read())
            assert response.status == CREATED, made
        return (perf_counter() - started) / WORLDS * 1e3
    finally:
        connection.close()
