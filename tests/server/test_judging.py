"""Tests kept reports: of worlds that were used, as they were when they ended or were reset."""

import asyncio
from typing import Final

import pytest

from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.instants import MINUTE
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import finish
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.server import judging
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.judging import KeptReports
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.verification import observed
from payments_sandbox.verification.observed import Observed
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import InProcessApi, scenario_of
from tests.support.values import documented_create

TWICE: Final = scenario_of("expect: [{request: create_payment, count: 2}]", name="twice")
SOME_REFUND: Final = scenario_of("expect: [{request: create_refund}]", name="some-refund")
FAILS: Final = scenario_of(
    "rules: [{request: create_payment, do: [pass], then: fail}]", name="fails"
)


def keeping() -> tuple[WorldRuntime, KeptReports]:
    """Return a server that keeps reports."""
    runtime = assemble(Settings(clock="2030-01-15T10:30:00Z", seed=7)).runtime
    runtime.reports = KeptReports(runtime.notifier)
    return runtime, runtime.reports


def used(runtime: WorldRuntime, calls: int = 1) -> World:
    """Return a world that expects two payments and has seen `calls`."""
    world = runtime.worlds.make(name=f"{calls} of 2")
    set_active(world, [TWICE])
    for _ in range(calls):
        InProcessApi(world).ask("create_payment", documented_create())
    return world


async def verdict(runtime: WorldRuntime) -> list[tuple[str | None, str | None, bool]]:
    """Return name, reason and outcome of each report."""
    assert runtime.reports is not None
    default = runtime.worlds.get_or_create(DEFAULT_API_KEY)
    found = await runtime.reports.finish(runtime.worlds, default)
    return [(each.report.get("name"), each.reason, each.passed) for each in found]


async def test_every_used_world_gets_a_report_whether_dropped_or_kept() -> None:
    """An unused world gets none."""
    runtime, _ = keeping()
    for calls in (1, 2):
        finish(runtime.worlds.dropping(used(runtime, calls)))
    used(runtime, 3)
    finish(runtime.worlds.dropping(runtime.worlds.make()))

    assert await verdict(runtime) == [
        ("1 of 2", "dropped by DELETE world", False),
        ("2 of 2", "dropped by DELETE world", True),
        ("3 of 2", None, False),
    ]


async def test_if_no_world_was_used_the_default_world_gets_the_report() -> None:
    """It says that nothing has happened."""
    runtime, reports = keeping()
    default = runtime.worlds.get_or_create(DEFAULT_API_KEY)
    [only] = await reports.finish(runtime.worlds, default)

    assert (only.api_key, only.was_used) == (DEFAULT_API_KEY, False)


async def test_an_unused_world_with_expectations_gets_a_report() -> None:
    """Its client may have used another address or key."""
    runtime, _ = keeping()
    used(runtime, 0)

    assert await verdict(runtime) == [("0 of 2", None, False)]


@pytest.mark.parametrize(
    ("scopes", "is_judged"),
    [
        (list(ResetScope), True),
        ([ResetScope.PAYMENTS], True),
        ([ResetScope.WEBHOOKS], True),
        ([ResetScope.RULES], False),
        ([ResetScope.CLOCK, ResetScope.RATE_LIMIT], False),
    ],
    ids=str,
)
async def test_a_reset_of_payments_or_webhooks_makes_a_report_first(
    scopes: list[ResetScope], *, is_judged: bool
) -> None:
    """A reset of rules alone loses nothing."""
    runtime, _ = keeping()
    world = used(runtime)
    await runtime.before_reset(world, scopes)
    world.reset(scopes)

    judged = [reason for _, reason, _ in await verdict(runtime)]
    assert ("reset" in judged) is is_judged


@pytest.mark.parametrize(
    ("calls", "scenarios", "is_judged"),
    [(0, [TWICE], False), (1, [TWICE], True), (0, [TWICE, SOME_REFUND], True)],
    ids=["nothing more", "one more call", "one more expectation"],
)
async def test_a_reset_world_gets_a_second_report_only_if_something_came_since(
    calls: int, scenarios: list[Scenario], *, is_judged: bool
) -> None:
    """The emptied world does not fail what was met."""
    runtime, _ = keeping()
    world = used(runtime, 2)
    await runtime.before_reset(world, list(ResetScope))
    world.reset(ResetScope)
    set_active(world, scenarios)
    for _ in range(calls):
        InProcessApi(world).ask("create_payment", documented_create())

    reports = [("2 of 2", "reset", True), ("2 of 2", None, False)]
    assert await verdict(runtime) == reports[: 1 + is_judged]


async def test_the_failure_of_a_rule_is_reported_although_rules_were_reset() -> None:
    runtime, _ = keeping()
    world = runtime.worlds.make()
    set_active(world, [FAILS])
    for _ in range(2):
        InProcessApi(world).ask("create_payment", documented_create())
    await runtime.before_reset(world, [ResetScope.RULES])
    world.reset([ResetScope.RULES])

    assert (None, "reset", False) in await verdict(runtime)


async def test_removed_scenarios_get_a_report_of_their_own() -> None:
    """Those that stay are reported at the end."""
    runtime, reports = keeping()
    world = used(runtime)
    await reports.before_scenarios_end(world, [TWICE])
    set_active(world, [])

    assert await verdict(runtime) == [("1 of 2", "when twice ended", False), ("1 of 2", None, True)]


async def test_beyond_the_limit_of_kept_reports_passed_ones_are_dropped_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "KEPT", 2)
    runtime, _ = keeping()
    for calls in (1, 2, 3):
        finish(runtime.worlds.dropping(used(runtime, calls)))
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
        )

    assert [name for name, _, _ in await verdict(runtime)] == ["1 of 2", "3 of 2"]


async def test_concurrent_waits_observe_a_world_once_for_each_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also before they are notified of a call."""
    looks: list[int] = []
    looked = asyncio.Event()

    def observe(world: World) -> Observed:
        looks.append(world.journal.count)
        looked.set()
        return observed.observe(world)

    monkeypatch.setattr(judging, "observe", observe)
    runtime, _ = keeping()
    world = used(runtime, 0)
    api = InProcessApi(world)

    async def wait() -> bool:
        [line] = await judging.wait_for(
            runtime.notifier, world, judging.expectations_in(world), MINUTE
        )
        return line.result.met

    waiting = [asyncio.create_task(wait()) for _ in range(20)]
    await looked.wait()
    looked.clear()
    api.ask("create_payment", documented_create())
    runtime.notifier.notify(world)
    await looked.wait()
    api.ask("create_payment", documented_create())
    assert await wait()
    runtime.notifier.notify(world)

    assert await asyncio.gather(*waiting) == [True] * 20
    assert looks in ([0, 1, 2], [0, 1, 2, 2])
