"""Owns the measurement of rules: a thousand beside calls that none is about, and loading them."""

from time import perf_counter, process_time
from typing import Final

from benchmarks.in_process import Api
from benchmarks.plan import Plan
from benchmarks.report import Row, Table, at_least, at_most
from benchmarks.traffic import KEY, VARIETY
from sandbox.engine.stage import put
from sandbox.scenario.loader import load, load_value

FEW, MANY = 10, 1_000
ENOUGH: Final = at_least(0.9)
"""A thousand rules may not be told from ten."""
SOON: Final = at_most(1_000)


def measure_rules(plan: Plan) -> Table:
    """Creates beside no rule, ten and a thousand, turn by turn."""
    apis = {rules: _api(rules) for rules in (0, FEW, MANY)}
    took: dict[int, list[float]] = {rules: [] for rules in apis}
    for _ in range(plan.rounds + 1):
        for rules, api in apis.items():
            took[rules].append(_seconds(api, plan.calls))
    none, few, many = (took[rules][1:] for rules in apis)
    of_none = [before / after for before, after in zip(none, many, strict=True)]
    of_few = [before / after for before, after in zip(few, many, strict=True)]
    text = _file()
    loading = [_milliseconds_to_load(text) for _ in range(plan.rounds)]
    rows = [
        Row(f"create, {MANY} rules against none", of_none, "×"),
        Row(f"create, {MANY} rules against {FEW}", of_few, "×", ENOUGH),
        Row(f"a file of {MANY} rules, loaded", loading, "ms", SOON, "ranges that never overlap"),
    ]
    return Table("Rules of a scenario, without HTTP", rows)


def _api(rules: int) -> Api:
    api = Api()
    if rules:
        loaded = load_value({"scenario": "many", "rules": [_rule(n) for n in range(rules)]})
        assert loaded.scenario is not None, loaded.problems
        put(api.sandbox.parts.worlds.of(KEY), [loaded.scenario])
    return api


def _rule(number: int) -> dict[str, object]:
    """One for another customer and a larger amount than any that is paid here."""
    when = {"customer_id": f"cust_{number}"} if number % 2 else {"amount": {"gt": 50_000 + number}}
    step = {"respond": {"error": "internal_error"}}
    return {"request": "create_payment", "when": when, "do": [step]}


def _seconds(api: Api, times: int) -> float:
    """Of the processor, so that other work on the machine counts less."""
    started = process_time()
    for nth in range(times):
        api.create(f"buyer_{nth % VARIETY:03}")
    return process_time() - started


def _file() -> str:
    """Rules that the lint has to hold against each other: endless ones, each a range of its own."""
    rules = (
        f"  - {{request: create_payment, when: {{amount: {{gte: {low}, lt: {low + 5}}}}},"
        " do: [pass], then: cycle}\n"
        for low in range(10, MANY * 10 + 10, 10)
    )
    return "scenario: many\nrules:\n" + "".join(rules)


def _milliseconds_to_load(text: str) -> float:
    started = perf_counter()
    loaded = load(text, name=None)
    assert loaded.scenario is not None, loaded.problems
    return (perf_counter() - started) * 1e3
