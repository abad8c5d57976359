"""Owns the section on the clients that people use: their rates with our server and a bare one."""

import json
import subprocess
import sys
from shutil import which
from typing import Final, NamedTuple

from benchmarks.load import Client, Load
from benchmarks.machine import Cores, cpu_seconds
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, Target, at_least, ratio
from benchmarks.servers import HERE, Loop, Server
from benchmarks.throughput import both
from benchmarks.traffic import create_body


class Case(NamedTuple):
    """A client with a number of calls at a time.

    Attributes:
        name: of the client in `real_client.py`, or `fetch`.
        at_once: calls at a time.
        target: for its rate with our server, relative to the bare one.
    """

    name: str
    at_once: int
    target: Target | None = None


CASES: Final = (
    Case("httpx", 1, at_least(0.90)),
    Case("httpx", 16),
    Case("requests", 1, at_least(0.90)),
    Case("aiohttp", 1),
    Case("aiohttp", 16, at_least(0.60)),
    Case("fetch", 1),
    Case("fetch", 16, at_least(0.60)),
)


def measure_clients(plan: Plan, cores: Cores, _: Client) -> Table:
    """Measure creates by each client, with ours and bare in turns."""
    rows: list[Row] = []
    with both(Loop.ASYNCIO, cores) as (ours, bare, _requests):
        for case in CASES:
            if case.name != "fetch" or which("node"):
                rows += _rows(case, plan, ours, bare)
    notes = [] if which("node") else ["Node is not installed, so its fetch was not measured."]
    return Table("Creates by the clients that people use, ours to bare, on asyncio", rows, notes)


def _rows(case: Case, plan: Plan, ours: Server, bare: Server) -> list[Row]:
    turns: tuple[list[Load], list[Load]] = [], []
    for _ in range(plan.rounds):
        for server, loads in zip((ours, bare), turns, strict=True):
            loads.append(_drive(case, server, plan.seconds))
    name = f"{case.name}, {case.at_once} at once"
    ours_rates, bare_rates = ([load.rate for load in loads] for loads in turns)
    ours_costs, bare_costs = (list(map(_cost, loads)) for loads in turns)
    rows = [ratio(f"{name}, requests/s", ours_rates, bare_rates, "/s", case.target)]
    if all(ours_costs) and all(bare_costs):
        rows.append(ratio(f"{name}, CPU s/request", ours_costs, bare_costs, " µs"))
    return rows


def _cost(load: Load) -> float:
    """Microseconds of the server's CPU per request; 0 if that is unknown."""
    return (load.cpu or 0) / load.requests * 1e6


def _drive(case: Case, server: Server, seconds: int) -> Load:
    before = cpu_seconds(server.pid)
    told = json.loads(subprocess.check_output(_command(case, server, seconds), cwd=HERE.parent))
    after = cpu_seconds(server.pid)
    cpu = None if before is None or after is None else after - before
    return Load(told["requests"], told["seconds"], 0, cpu)


def _command(case: Case, server: Server, seconds: int) -> list[str]:
    asked = [str(server.port), str(seconds), str(case.at_once)]
    if case.name == "fetch":
        return ["node", str(HERE / "fetch.mjs"), *asked, create_body("buyer_000").decode()]
    return [sys.executable, "-m", "benchmarks.real_client", case.name, *asked]
