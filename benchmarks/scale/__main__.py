"""Owns `python -m benchmarks.scale`: how far one engine takes a cluster, and its first limit."""

import argparse
import asyncio
import logging
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.cluster import engine_program, running_engine
from benchmarks.plot import draw
from benchmarks.report import described, render
from benchmarks.scale.engine_costs import EngineCosts, costs_at, measured_costs
from benchmarks.scale.simulated_cluster import Cluster
from benchmarks.scale.tables import tables_of
from tools.documentation import replaced

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = DOCS / "how-to" / "share-one-server.md"
PICTURE: Final = DOCS / "images" / "scale.svg"
MARK: Final = "scale"
FEWEST: Final = 10
"""The fewest nodes of which a tenth can die."""

CALLS: Final = 3_000
MEMBERS: Final = 1_000


def main() -> None:
    """Measure the engine, simulate the cluster, and print the results."""
    chosen = _read()
    logging.getLogger("payments_sandbox").setLevel(
        logging.ERROR
    )  # hundreds of nodes die, and each would be logged
    cluster = Cluster(chosen.nodes, chosen.worlds, chosen.changed_each, chosen.due_each)
    costs = _measured() if chosen.operations is None else costs_at(chosen.operations)
    given = chosen.operations and f"{chosen.operations:,.0f} calls a second, as given"
    facts = _facts(given or "measured on a Redis of this machine")
    print(described(facts))
    tables = []
    for table in tables_of(costs, cluster):
        print(f"\n{render(table)}", flush=True)
        tables.append(table)
    if chosen.docs:
        PICTURE.write_text(draw(tables, facts), encoding="utf-8")
        text = "\n\n".join([described(facts), *map(render, tables)])
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replaced(page, MARK, text), encoding="utf-8")


def _read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="Simulate a cluster at one engine; see docs/how-to/share-one-server.md.",
    )
    parser.add_argument(
        "--nodes", type=int, default=1_000, metavar="N", help="how many there are: %(default)s"
    )
    parser.add_argument(
        "--worlds", type=int, default=1_000_000, metavar="N", help="on all nodes: %(default)s"
    )
    parser.add_argument(
        "--changed-each",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds between two payments of a world: %(default)s",
    )
    parser.add_argument(
        "--due-each",
        type=float,
        default=600.0,
        metavar="S",
        help="between two things that fall due in it: %(default)s",
    )
    parser.add_argument(
        "--operations",
        type=float,
        metavar="N",
        help="calls a second of the engine's core, in place of measuring it",
    )
    parser.add_argument("--docs", action="store_true", help="put tables and picture into the page")
    chosen = parser.parse_args()
    if not FEWEST <= chosen.nodes <= chosen.worlds:
        parser.error(f"expected {FEWEST} nodes or more, and as many worlds at least")
    given = (chosen.changed_each, chosen.due_each, chosen.operations)
    if any(each is not None and each <= 0 for each in given):
        parser.error("expected seconds and calls above 0")
    if chosen.operations is None and engine_program() is None:
        parser.error("redis-server is not installed: expected it, or --operations N")
    return chosen


def _measured() -> EngineCosts:
    with TemporaryDirectory() as folder, running_engine(f"{folder}/engine.sock") as url:
        return asyncio.run(measured_costs(url, calls=CALLS, members=MEMBERS))


def _facts(engine: str) -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "sandbox": version("payments-sandbox"),
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "engine": engine,
    }


if __name__ == "__main__":
    main()
