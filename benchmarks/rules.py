"""Owns the section on rules: what a hundred cost calls that match none, and their loading."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.load import Client, Load, in_turns
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least, at_most, ratio
from benchmarks.servers import Loop, Server, running, sandbox_command
from benchmarks.traffic import VARIETY, create
from payments_sandbox.scenarios.loader import load

FEW, MANY, FILE = 10, 100, 1_000
ENOUGH: Final = at_least(0.8)
SOON: Final = at_most(1_000)


def measure_rules(plan: Plan, cores: Cores, client: Client) -> Table:
    """Measure creates with no, ten and a hundred rules in turns, and how long loading takes."""
    requests = [create(f"buyer_{nth:03}") for nth in range(VARIETY)]
    with _servers(cores) as servers:
        loads = in_turns(client, [(each, requests) for each in servers.values()], plan)
    text = _file(FILE)
    loading = [_milliseconds_to_load(text) for _ in range(plan.rounds)]
    none, few, many = loads
    rows = [
        _ratio(f"create, {MANY} rules against none", many, none),
        _ratio(f"create, {MANY} rules against {FEW}", many, few),
        Row(f"a file of {FILE} rules, loaded", loading, "ms", SOON),
    ]
    return Table("Rules of a scenario, on asyncio", rows)


@contextlib.contextmanager
def _servers(cores: Cores) -> Iterator[dict[int, Server]]:
    """Run a server for each number of rules until the block ends."""
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = {}
        for rules in (0, FEW, MANY):
            serve = sandbox_command(Loop.ASYNCIO)
            if rules:
                file = Path(folder) / f"{rules}-rules.yaml"
                file.write_text(_file(rules), encoding="utf-8")
                serve[-1:-1] = ["--scenario", str(file)]
            servers[rules] = stack.enter_context(running(serve, cores))
        yield servers


def _ratio(figure: str, many: Sequence[Load], fewer: Sequence[Load]) -> Row:
    rates = [load.rate for load in many]
    return ratio(figure, rates, [load.rate for load in fewer], "/s", ENOUGH)


def _file(rules: int) -> str:
    """A scenario of endless rules, each for other amounts, all larger than any that is paid here.

    They consist of ranges only, since those make the lint compare the most.
    """
    lines = (
        f"  - {{request: create_payment, when: {{amount: {{gte: {low}, lt: {low + 5}}}}},"
        " do: [{respond: {error: internal_error}}], then: cycle}"
        for low in range(50_000, 50_000 + rules * 10, 10)
    )
    return "\n".join([f"scenario: {rules}-rules", "rules:", *lines, ""])


def _milliseconds_to_load(text: str) -> float:
    started = perf_counter()
    loaded = load(text, name=None)
    assert loaded.scenario is not None, loaded.problems
    return (perf_counter() - started) * 1e3
