"""Owns the figures of a cluster: what calls cost, how they add up on one core, and the limits."""

from collections.abc import Iterator
from typing import Final

from benchmarks.report import Row, Table, at_most, number
from benchmarks.scale.engine_costs import PAYMENTS, EngineCosts
from benchmarks.scale.simulated_cluster import (
    Cluster,
    Deaths,
    dying,
    falling_due,
    renewing,
    spread,
)
from benchmarks.scale.virtual_time import simulated
from payments_sandbox.cluster.node import LOOK_EVERY, OVERDUE_AT_ONCE

BACK_WITHIN: Final = 5.0
"""Seconds within which a world should answer again after its node has died."""

MEMORY: Final = 64e9
"""Bytes of memory of the engine's machine."""

_FULL: Final = at_most(1)


def tables_of(costs: EngineCosts, cluster: Cluster) -> Iterator[Table]:
    """Simulate a cluster, and say how far its engine is from its limits."""
    yield _costs(costs)
    shares = _shares(costs, cluster)
    yield _load(shares, cluster)
    yield _growth(costs, cluster)
    # The share of everything that goes on regardless of the nodes that die.
    others = shares["payments"] + shares["what falls due"]
    yield _deaths(costs, cluster, min(others, 0.95))
    yield _ends(costs, shares, cluster)


def _costs(costs: EngineCosts) -> Table:
    rows = [
        Row("a lease is renewed", [costs.renewal], "µs"),
        Row("it is asked who owns a key", [costs.claim], "µs"),
        Row("a key is given to another node", [costs.takeover], "µs"),
        Row(f"a world with {PAYMENTS} payments is read", [costs.read], "µs"),
        Row("a payment is kept", [costs.change], "µs"),
        Row("a node looks what is due", [costs.look], "µs"),
        Row(f"memory of a world with {PAYMENTS} payments", [costs.bytes_of_world / 1e3], "kB"),
    ]
    return Table("What calls cost the engine's core", rows)


def _shares(costs: EngineCosts, cluster: Cluster) -> dict[str, float]:
    """The shares of the engine that a cluster takes; leases and what falls due are simulated."""
    leases = simulated(renewing(costs, cluster.nodes)).core
    payments = cluster.changes * costs.change / 1e6
    return {
        "leases": leases,
        "what falls due": max(0.0, simulated(falling_due(costs, cluster)).core - leases),
        "payments": payments,
        "memory": cluster.worlds * costs.bytes_of_world / MEMORY,
    }


def _load(shares: dict[str, float], cluster: Cluster) -> Table:
    core = {name: share for name, share in shares.items() if name != "memory"}
    details = {
        "leases": f"{cluster.nodes:,} nodes, each once a second",
        "what falls due": f"{number(cluster.alarms)}/s, and each node looks once a second",
        "payments": f"{number(cluster.changes)}/s",
    }
    rows = [Row(f"{name}, of one core", [core[name]], "×", _FULL, details[name]) for name in core]
    rows.append(Row("all of that, of one core", [sum(core.values())], "×", _FULL))
    memory = f"memory, of {MEMORY / 1e9:.0f} GB"
    rows.append(Row(memory, [shares["memory"]], "×", _FULL, f"{cluster.worlds:,} worlds"))
    return Table(f"The engine, with {cluster.nodes:,} nodes and {cluster.worlds:,} worlds", rows)


def _growth(costs: EngineCosts, cluster: Cluster) -> Table:
    rows = []
    for nodes in (cluster.nodes // 10, cluster.nodes, cluster.nodes * 3):
        found = simulated(renewing(costs, nodes))
        detail = f"{found.lost} leases were lost"
        rows.append(Row(f"leases of {nodes:,} nodes", [found.core], "×", _FULL, detail))
    return Table("Leases alone, of one core of the engine", rows)


def _deaths(costs: EngineCosts, cluster: Cluster, elsewhere: float) -> Table:
    rows = []
    for lost in (1, max(2, cluster.nodes // 10)):
        rows += _of_deaths(lost, simulated(dying(costs, cluster, lost, elsewhere)))
    nodes, worlds = max(10, cluster.nodes // 10), cluster.worlds // 10
    before, after, moved = simulated(spread(nodes, worlds))
    of = f"{worlds:,} worlds on {nodes} nodes"
    rows.append(Row("worlds of the fullest node, to the mean", [before], "×", None, of))
    rows.append(
        Row(
            "the same when a tenth of the nodes is gone",
            [after],
            "×",
            None,
            f"{moved} other worlds moved",
        )
    )
    return Table("Nodes that die at once", rows)


def _of_deaths(lost: int, found: Deaths) -> list[Row]:
    who = "1 node dies" if lost == 1 else f"{lost} nodes die"
    longest = max(found.waits, default=0.0)
    waited = f"{number(longest)} s ÷ {BACK_WITHIN:g} s, of {len(found.waits):,} clients"
    return [
        Row(
            f"{who}: the longest wait for a world",
            [longest / BACK_WITHIN],
            "×",
            _FULL,
            waited,
        ),
        Row(
            f"{who}: the busiest second, of one core",
            [found.busiest],
            "×",
            _FULL,
            f"{found.failed} requests failed; {found.lost} other leases were lost",
        ),
    ]


def _ends(costs: EngineCosts, shares: dict[str, float], cluster: Cluster) -> Table:
    due = costs.claim + costs.read + costs.change
    looked_at = cluster.nodes * OVERDUE_AT_ONCE / LOOK_EVERY
    taken = 1e6 / (costs.takeover + due)
    rows = [
        Row("nodes, if leases were all", [1e6 / (costs.renewal + costs.look)], ""),
        Row("payments", [1e6 / costs.change], "/s"),
        Row("worlds in which something falls due", [1e6 / due], "/s"),
        Row(
            "worlds whose node has died, given to others",
            [1e6 / (costs.takeover + costs.read)],
            "/s",
        ),
        Row("the same of those in which something is due", [min(looked_at, taken)], "/s"),
        Row(f"worlds in {MEMORY / 1e9:.0f} GB", [MEMORY / costs.bytes_of_world], ""),
    ]
    first = max(shares, key=shares.__getitem__)
    grown = cluster.worlds / shares[first]
    what = "memory" if first == "memory" else f"the engine's core, by {first}"
    note = (
        f"The first limit of such a cluster, where all of it grows, is {what}: it is full at"
        f" {number(grown)} worlds."
    )
    return Table("Where one engine is full", rows, [note])
