"""Owns the section on the core without HTTP: what a call costs before the network is involved."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.bare_in_memory import bare_in_memory
from benchmarks.in_process import Api, id_in
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_most, number
from benchmarks.traffic import VARIETY, create_body

CREATES: Final = at_most(1.0)
"""Relative to a bare aiohttp handler without a socket."""


def measure_core(plan: Plan) -> Table:
    """Measure what a call of each operation costs, including the gateway.

    In turns with it, a create that does nothing is measured in the framework, also without a
    socket: microseconds of one machine say little about those of another.
    """
    api = Api()
    ids = [id_in(api.create(f"cust_{number % 5:03}", 99_999_999)) for number in range(VARIETY)]
    calls: dict[str, Callable[[int], object]] = {
        "create_payment": lambda nth: api.create(f"buyer_{nth % VARIETY:03}"),
        "retrieve_payment": lambda nth: api.retrieve(ids[nth % VARIETY]),
        "list_payments": lambda nth: api.list_of(f"cust_{nth % 5:03}"),
        "create_refund": lambda nth: api.refund(ids[nth % VARIETY]),
    }
    costs: dict[str, list[float]] = {name: [] for name in calls}
    framework: list[float] = []
    bodies = [create_body(f"buyer_{nth:03}") for nth in range(VARIETY)]
    with bare_in_memory(api.create("buyer").body) as bare:
        for _ in range(plan.rounds + 1):
            for name, call in calls.items():
                costs[name].append(_microseconds(call, plan.calls))
            framework.append(bare.create(bodies, plan.calls) / plan.calls * 1e6)
    rows = [Row(f"{name}, in process", values[1:], "µs") for name, values in costs.items()]
    pairs = list(zip(costs["create_payment"], framework, strict=True))[1:]
    ratios = [ours / its for ours, its in pairs]
    detail = " ÷ ".join(f"{number(median(each))} µs" for each in zip(*pairs, strict=True))
    title = "create in process, to a bare POST without a socket"
    return Table("The core without HTTP", [*rows, Row(title, ratios, "×", CREATES, detail)])


def _microseconds(call: Callable[[int], object], times: int) -> float:
    started = perf_counter()
    for nth in range(times):
        call(nth)
    return (perf_counter() - started) / times * 1e6
