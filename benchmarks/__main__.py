"""Owns the benchmark as a whole: `python -m benchmarks` measures, prints, and judges."""

import argparse
import dataclasses
import json
import os
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.clients import measure_clients
from benchmarks.cluster import measure_cluster
from benchmarks.cold_start import measure_cold_start
from benchmarks.core import measure_core
from benchmarks.explored import measure_explored
from benchmarks.fixture import measure_fixture
from benchmarks.fresh_worlds import measure_worlds
from benchmarks.growth import measure_growth
from benchmarks.load import Client, find_client
from benchmarks.machine import Cores, find_cores
from benchmarks.page import measure_page
from benchmarks.peers import measure_peers
from benchmarks.plan import QUICK, Plan
from benchmarks.plot import draw
from benchmarks.report import Table, as_json, described, render, rewrite
from benchmarks.rules import measure_rules
from benchmarks.servers import loops
from benchmarks.throughput import measure_throughput
from benchmarks.webhooks import measure_webhooks
from benchmarks.workers import measure_workers

Section = Callable[[Plan, Cores, Client], Sequence[Table]]

SECTIONS: Final[dict[str, Section]] = {
    "load": measure_throughput,
    "clients": lambda plan, cores, client: [measure_clients(plan, cores, client)],
    "rules": lambda plan, cores, client: [measure_rules(plan, cores, client)],
    "cluster": lambda plan, cores, client: [measure_cluster(plan, cores, client)],
    "core": lambda plan, _, __: [measure_core(plan)],
    "start": lambda plan, cores, _: measure_cold_start(plan, cores),
    "growth": lambda plan, cores, client: [measure_growth(plan, cores, client)],
    "worlds": lambda plan, cores, _: [measure_worlds(plan, cores)],
    "fixture": lambda plan, _, __: [measure_fixture(plan)],
    "page": lambda plan, cores, client: [measure_page(plan, cores, client)],
    "peers": lambda plan, cores, client: [measure_peers(plan, cores, client)],
    "webhooks": lambda plan, cores, _: [measure_webhooks(plan, cores)],
    "workers": lambda plan, cores, _: [measure_workers(plan, cores)],
    "explore": lambda plan, _, __: [measure_explored(plan)],
}
UNASKED: Final = tuple(
    section for section in SECTIONS if section not in ("page", "peers", "cluster")
)
"""The default sections; those that need a browser, peers or a Redis have to be asked for."""


PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
HEADING: Final = "## The last run"
PICTURE: Final = PAGE.parent / "images" / "performance.svg"


def main() -> None:
    """Measure the sections that were asked for."""
    chosen = _read()
    cores = find_cores()
    cores.settle()
    name, client = find_client(chosen.client)
    facts = _facts(name, cores)
    print(described(facts))
    tables: list[Table] = []
    for section in chosen.only or (*UNASKED, *(["peers"] if chosen.peers else [])):
        for table in SECTIONS[section](_plan(chosen), cores, client):
            print(f"\n{render(table)}", flush=True)
            tables.append(table)
    if chosen.docs:
        PICTURE.write_text(draw(tables, facts), encoding="utf-8")
        rewrite(PAGE, HEADING, "\n\n".join([described(facts), *map(render, tables)]))
    if chosen.json is not None:
        text = json.dumps(as_json(facts, tables), indent=2, ensure_ascii=False)
        chosen.json.write_text(f"{text}\n", encoding="utf-8")


def _read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the sandbox; see docs/performance.md."
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="a section; can be given several times"
    )
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="measure peers too, and keep them here"
    )
    parser.add_argument("--rounds", type=int, help="turns of every server")
    parser.add_argument("--seconds", type=int, help="length of a turn")
    parser.add_argument("--quick", action="store_true", help="see that it runs; believe nothing")
    parser.add_argument("--client", choices=("wrk", "own"), help="what makes the load")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round here, too")
    parser.add_argument(
        "--docs", action="store_true", help="put tables and picture into the document"
    )
    chosen = parser.parse_args()
    if chosen.docs and chosen.quick:
        parser.error("--docs wants figures that mean something, so not those of --quick.")
    return chosen


def _plan(chosen: argparse.Namespace) -> Plan:
    plan = QUICK if chosen.quick else Plan()
    return dataclasses.replace(
        plan,
        rounds=chosen.rounds or plan.rounds,
        seconds=chosen.seconds or plan.seconds,
        peers=chosen.peers,
    )


def _facts(client: str, cores: Cores) -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "sandbox": version("payments-sandbox"),
        "Python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop") if len(loops()) > 1 else "not installed",
        "machine": f"{platform.system()} {platform.machine()}, {cores}",
        "load": "wrk" if client == "wrk" else "our own client",
        "machine's own load": f"{os.getloadavg()[1]:.1f} processes on {os.cpu_count()} cores,"
        " five minutes before the run",
    }


if __name__ == "__main__":
    main()
