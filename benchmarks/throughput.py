"""Owns the section on requests under load: ours and a bare aiohttp handler, in turns."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.load import Client, Load, in_turns
from benchmarks.machine import Cores
from benchmarks.plan import CONNECTIONS, Plan
from benchmarks.report import Row, Table, Target, at_least, at_most, ratio
from benchmarks.servers import Loop, Server, bare_command, loops, running, sandbox_command
from benchmarks.traffic import Requests, prepare, sample

RATES: Final[dict[Loop, dict[str, Target]]] = {
    Loop.ASYNCIO: {
        "create_payment": at_least(0.45),
        "retrieve_payment": at_least(0.75),
        "list_payments": at_least(0.42),
        "create_refund": at_least(0.50),
    },
    Loop.UVLOOP: {},
}
LATENCY: Final = at_most(2)


class Turns(NamedTuple):
    """The rounds of one operation."""

    ours: Sequence[Load]
    bare: Sequence[Load]


def measure_throughput(plan: Plan, cores: Cores, client: Client) -> list[Table]:
    """Measure a table for each event loop."""
    return [_on(loop, plan, cores, client) for loop in loops()]


def _on(loop: Loop, plan: Plan, cores: Cores, client: Client) -> Table:
    with both(loop, cores) as (ours, bare, requests):
        turns = {
            operation: Turns(*in_turns(client, [(ours, each), (bare, each)], plan))
            for operation, each in requests.items()
        }
    rows = [_rate(loop, *item) for item in turns.items()]
    rows += [row for item in turns.items() for row in _cpu(*item)]
    rows.append(_p99(turns["create_payment"]))
    notes = _busy(load for each in turns.values() for load in (*each.ours, *each.bare))
    return Table(f"Under load, ours to a bare aiohttp handler, both on {loop}", rows, notes)


@contextlib.contextmanager
def both(loop: Loop, cores: Cores) -> Iterator[tuple[Server, Server, Requests]]:
    """Run our server and a bare one that returns the same bodies; yield both, and the requests."""
    with running(sandbox_command(loop), cores) as ours, TemporaryDirectory() as folder:
        requests = prepare(ours.port)
        bodies = Path(folder) / "bodies.json"
        bodies.write_text(json.dumps(sample(ours.port, requests)), encoding="utf-8")
        with running(bare_command(loop, bodies), cores) as bare:
            assert sample(bare.port, requests) == json.loads(bodies.read_text(encoding="utf-8"))
            yield ours, bare, requests


def _rate(loop: Loop, operation: str, turns: Turns) -> Row:
    ours, bare = ([load.rate for load in loads] for loads in (turns.ours, turns.bare))
    return ratio(f"{operation}, requests/s", ours, bare, "/s", RATES[loop].get(operation))


def _cpu(operation: str, turns: Turns) -> list[Row]:
    ours, bare = _costs(turns.ours), _costs(turns.bare)
    return [ratio(f"{operation}, CPU s/request", ours, bare, " µs")] if ours and bare else []


def _p99(turns: Turns) -> Row:
    ours, bare = ([load.p99_ms for load in loads] for loads in (turns.ours, turns.bare))
    return ratio(f"create_payment, p99 at {CONNECTIONS} connections", ours, bare, " ms", LATENCY)


def _busy(loads: Iterable[Load]) -> list[str]:
    """How busy the servers were: below 90 %, the client was measured instead."""
    shares = [load.cpu / load.seconds for load in loads if load.cpu is not None]
    if not shares:
        return []
    spread = f"{min(shares):.0%} … {max(shares):.0%}"
    return [f"The servers were busy for {spread} of their turns (median {median(shares):.0%})."]


def _costs(loads: Sequence[Load]) -> list[float]:
    """Microseconds of CPU per request; empty if they are unknown."""
    return [load.cpu / load.requests * 1e6 for load in loads if load.cpu is not None]
