"""Owns the section on clusters: what it costs to store every change in an engine."""

import contextlib
from collections.abc import Iterator, Sequence
from shutil import which
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.load import Client, Load, in_turns
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least, ratio
from benchmarks.servers import Loop, Server, running, sandbox_command
from benchmarks.traffic import VARIETY, create

IN_MEMORY: Final = "in memory"
WANTED: Final = {"relaxed": 0.85, "reply": 0.5}


def measure_cluster(plan: Plan, cores: Cores, client: Client) -> Table:
    """Measure creates of a server in memory, and of nodes that store them, in turns."""
    requests = [create(f"buyer_{nth:03}") for nth in range(VARIETY)]
    with _servers(cores) as servers:
        usual, *kept = in_turns(client, [(each, requests) for each in servers.values()], plan)
    rows = [
        row for name, loads in zip(WANTED, kept, strict=True) for row in _rows(name, loads, usual)
    ]
    return Table("A node of a cluster, against a server in memory, on asyncio", rows)


def _rows(name: str, kept: Sequence[Load], usual: Sequence[Load]) -> list[Row]:
    rates, usual_rates = ([load.rate for load in loads] for loads in (kept, usual))
    costs, usual_costs = (list(map(_cpu, loads)) for loads in (kept, usual))
    target = at_least(WANTED[name])
    return [
        ratio(f"create, {name}, requests per second", rates, usual_rates, "/s", target),
        ratio(f"create, {name}, by CPU seconds of the server", usual_costs, costs, " µs"),
    ]


def _cpu(load: Load) -> float:
    """Microseconds per request."""
    return (load.cpu or load.seconds) / load.requests * 1e6


@contextlib.contextmanager
def _servers(cores: Cores) -> Iterator[dict[str, Server]]:
    """A server in memory, and for each durability a node that is a cluster on its own."""
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        serve = sandbox_command(Loop.ASYNCIO)
        servers = {IN_MEMORY: stack.enter_context(running(serve, cores))}
        for name in WANTED:
            url = stack.enter_context(running_engine(f"{folder}/{name}.sock"))
            node = [*serve[:-1], "--cluster", url, "--durability", name, serve[-1]]
            servers[name] = stack.enter_context(running(node, cores))
        yield servers


def engine_program() -> str | None:
    """The path of the installed Redis, if there is one."""
    return which("redis-server") or which("valkey-server")


@contextlib.contextmanager
def running_engine(path: str) -> Iterator[str]:
    """Run a Redis until the block ends, and yield its url."""
    program = engine_program()
    if program is None:
        raise RuntimeError("redis-server is not installed, and a cluster needs one")
    keep_nothing = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]
    engine = Popen([program, *keep_nothing], stdout=PIPE, text=True)
    try:
        assert engine.stdout is not None
        for line in engine.stdout:
            if "eady to accept connections" in line:
                break
        yield f"unix://{path}"
    finally:
        engine.terminate()
        engine.communicate()
