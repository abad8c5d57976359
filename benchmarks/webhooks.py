"""Owns the section on webhooks: ours and a bare client, and their cost for worlds without any."""

import json
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, Final
from unittest import mock

from benchmarks.in_process import Api
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least, at_most, number, ratio
from benchmarks.servers import HERE, running
from benchmarks.traffic import VARIETY
from payments_sandbox.world.world import World

DRAIN: Final = at_least(0.6)
CREATES: Final = at_least(0.97)
GROWN: Final = at_most(20)
"""Megabytes for 60,000 events: the ledger stores the events, the outbox a thousand deliveries."""


def measure_webhooks(plan: Plan, cores: Cores) -> Table:
    """Measure deliveries of one world to one endpoint, and creates without an endpoint."""
    found = _posted(plan, cores)
    ours, bare = ([plan.events / each for each in found[name]] for name in ("ours", "bare"))
    figure = f"{plan.events:,} webhooks to one endpoint, per second"
    rows = [ratio(figure, ours, bare, "/s", DRAIN)]
    first, *_, last = found["resident"]
    if first is not None:
        detail = f"{plan.events * plan.rounds:,} more events"
        rows.append(Row("memory they leave behind", [(last - first) / 1e6], "MB", GROWN, detail))
    rows.append(_creates(plan))
    notes = ["Each arrived exactly once: the receiver counted them in every turn."]
    return Table("Webhooks, ours to a bare aiohttp client", rows, notes)


def _posted(plan: Plan, cores: Cores) -> dict[str, Any]:
    """Run the senders, which share the servers' core; the receiver has the other one."""
    other = Cores(cores.client, cores.client)
    with running([sys.executable, "-P", str(HERE / "receiver.py")], other) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        size = [str(plan.events), str(plan.rounds)]
        with cores.for_servers():
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.posting", url, *size],
                cwd=HERE.parent,
                stdout=subprocess.PIPE,
                text=True,
            )
        printed, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(printed)
    return found


def _creates(plan: Plan) -> Row:
    """Creates in a world without endpoints, compared with creates that publish no events."""
    ratios, costs = [], []
    api = Api()
    _microseconds(api, plan.calls)  # warm-up, not measured
    for _ in range(plan.rounds):
        ours = _microseconds(api, plan.calls)
        with mock.patch.object(World, "_publish", _silent):
            without = _microseconds(api, plan.calls)
        ratios.append(without / ours)
        costs.append((ours, without))
    medians = (median(each) for each in zip(*costs, strict=True))
    detail = " ÷ ".join(f"{number(each)} µs" for each in medians)
    return Row("create_payment where nobody listens, in process", ratios, "×", CREATES, detail)


def _silent(_: World, __: int | None = None) -> None:
    """Publish nothing."""


def _microseconds(api: Api, calls: int) -> float:
    create: Callable[[str], object] = api.create
    started = perf_counter()
    for nth in range(calls):
        create(f"buyer_{nth % VARIETY:03}")
    return (perf_counter() - started) / calls * 1e6
