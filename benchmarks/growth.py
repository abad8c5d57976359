"""Owns the section on growth: what a world with many payments costs compared with a small one."""

import contextlib
from collections.abc import Sequence
from typing import Final

from benchmarks.filled import FIRST
from benchmarks.load import Client, Load, in_turns
from benchmarks.machine import Cores
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, Target, at_least, at_most, number, ratio
from benchmarks.servers import Server, filled_command, running
from benchmarks.traffic import Requests, answer, create, list_of, retrieve

RATES: Final[dict[str, Target]] = {
    "create_payment": at_least(0.95),
    "list_payments": at_least(0.85),
}
MEMORY: Final = at_most(3)
STALL: Final = at_most(50)


def measure_growth(plan: Plan, cores: Cores, client: Client) -> Table:
    """Measure servers of all sizes in turns, and compare each with the smallest."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(filled_command(size), cores)) for size in plan.sizes]
        requests = [_requests(server) for server in servers]
        rows: list[Row] = []
        for operation in requests[0]:
            sent = [each[operation] for each in requests]
            turns = in_turns(client, list(zip(servers, sent, strict=True)), plan)
            rows += _rates(operation, plan, turns)
        rows += _memory(servers[-1], plan.sizes[-1], requests[-1]["retrieve_payment"][0])
        rows.append(_stall(servers[-1], plan.sizes[-1]))
    return Table(f"Growth, compared with {plan.sizes[0]:,} stored payments", rows)


def _requests(server: Server) -> Requests:
    """Requests about payments and customers from the whole past, and new payments for them."""
    customers: list[str] = server.facts["customers"]
    ids: list[str] = server.facts["ids"]
    return {
        "create_payment": tuple(map(create, customers)),
        "retrieve_payment": tuple(map(retrieve, ids)),
        "list_payments": tuple(map(list_of, customers)),
    }


def _rates(operation: str, plan: Plan, loads: Sequence[Sequence[Load]]) -> list[Row]:
    first, *others = loads
    rows = []
    for size, turns in zip(plan.sizes[1:], others, strict=True):
        target = RATES.get(operation) if size == plan.sizes[-1] else None
        large, small = ([load.rate for load in each] for each in (turns, first))
        rows.append(ratio(f"{operation} at {size:,}, requests/s", large, small, "/s", target))
    return rows


def _memory(server: Server, size: int, request: bytes) -> list[Row]:
    if server.facts["grown"] is None:
        return []
    _, body = answer(server.port, request)
    each = server.facts["grown"] / (size - FIRST)
    detail = f"{number(each)} bytes ÷ {len(body)} bytes"
    return [
        Row(f"memory per payment at {size:,}, to its JSON", [each / len(body)], "×", MEMORY, detail)
    ]


def _stall(server: Server, size: int) -> Row:
    detail = f"of it computing: {number(server.facts['computing_ms'])} ms"
    figure = f"longest create while inserting {size:,}"
    return Row(figure, [server.facts["stall_ms"]], "ms", STALL, detail)
