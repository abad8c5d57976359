"""Owns the section on the core without HTTP: what a call costs before there is a network."""

from collections.abc import Callable
from time import perf_counter
from typing import Final

from benchmarks.in_process import Api, id_in
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, Target, at_most
from benchmarks.traffic import VARIETY

COSTS: Final[dict[str, Target]] = {"create_payment": at_most(20)}


def measure_core(plan: Plan) -> Table:
    """What a call of each operation costs, its way through the gateway included."""
    api = Api()
    ids = [id_in(api.create(f"cust_{number % 5:03}", 99_999_999)) for number in range(VARIETY)]
    calls: dict[str, Callable[[int], object]] = {
        "create_payment": lambda nth: api.create(f"buyer_{nth % VARIETY:03}"),
        "retrieve_payment": lambda nth: api.retrieve(ids[nth % VARIETY]),
        "list_payments": lambda nth: api.list_of(f"cust_{nth % 5:03}"),
        "create_refund": lambda nth: api.refund(ids[nth % VARIETY]),
    }
    costs: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(plan.rounds + 1):
        for name, call in calls.items():
            costs[name].append(_microseconds(call, plan.calls))
    rows = [
        Row(f"{name}, in process", values[1:], "µs", COSTS.get(name))
        for name, values in costs.items()
    ]
    return Table("The core without HTTP", rows)


def _microseconds(call: Callable[[int], object], times: int) -> float:
    started = perf_counter()
    for nth in range(times):
        call(nth)
    return (perf_counter() - started) / times * 1e6
