"""Reports are kept of worlds that were used, as they stood when they ended or began anew."""

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
    """A server that keeps reports."""
    runtime = assemble(Settings(clock="2030-01-15T10:30:00Z", seed=7)).runtime
    runtime.reports = KeptReports(runtime.notifier)
    return runtime, runtime.reports


def used(runtime: WorldRuntime, calls: int = 1) -> World:
    """A world of which two payments are expected, and that has seen some."""
    world = runtime.worlds.make(name=f"{calls} of 2")
    set_active(world, [TWICE])
    for _ in range(calls):
        InProcessApi(world).ask("create_payment", documented_create())
    return world


async def verdict(runtime: WorldRuntime) -> list[tuple[str | None, str | None, bool]]:
    """Name, reason and outcome of each report."""
    assert runtime.reports is not None
    default = runtime.worlds.get_or_create(DEFAULT_API_KEY)
    found = await runtime.reports.finish(runtime.worlds, default)
    return [(each.report.get("name"), each.reason, each.passed) for each in found]


async def test_worlds_that_were_used_are_judged_whatever_becomes_of_them() -> None:
    """Dropped ones as they stood then, those that are left at the end; the unused one is not."""
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


async def test_where_nothing_was_used_the_world_that_was_given_is_judged() -> None:
    """It says that nothing has happened."""
    runtime, reports = keeping()
    default = runtime.worlds.get_or_create(DEFAULT_API_KEY)
    [only] = await reports.finish(runtime.worlds, default)

    assert (only.api_key, only.was_used) == (DEFAULT_API_KEY, False)


async def test_a_world_of_which_something_is_expected_is_judged_though_it_is_unused() -> None:
    """Its client has another address, or another key."""
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
async def test_a_reset_that_takes_what_was_seen_is_judged_before(
    scopes: list[ResetScope], *, is_judged: bool
) -> None:
    """The counts of rules alone are no loss."""
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
async def test_a_world_that_was_reset_is_judged_again_only_by_what_came_since(
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


async def test_a_rule_that_has_failed_is_not_reset_away() -> None:
    """Its count goes, and its failure stays told."""
    runtime, _ = keeping()
    world = runtime.worlds.make()
    set_active(world, [FAILS])
    for _ in range(2):
        InProcessApi(world).ask("create_payment", documented_create())
    await runtime.before_reset(world, [ResetScope.RULES])
    world.reset([ResetScope.RULES])

    assert (None, "reset", False) in await verdict(runtime)


async def test_scenarios_that_end_are_judged_alone() -> None:
    """Those that stay are judged at the end."""
    runtime, reports = keeping()
    world = used(runtime)
    await reports.before_scenarios_end(world, [TWICE])
    set_active(world, [])

    assert await verdict(runtime) == [("1 of 2", "when twice ended", False), ("1 of 2", None, True)]


async def test_so_many_reports_are_kept_and_those_that_passed_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What has failed is not forgotten for what has not."""
    monkeypatch.setattr(judging, "KEPT", 2)
    runtime, _ = keeping()
    for calls in (1, 2, 3):
        finish(runtime.worlds.dropping(used(runtime, calls)))
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
        )

    assert [name for name, _, _ in await verdict(runtime)] == ["1 of 2", "3 of 2"]


async def test_those_who_wait_look_at_a_world_once_each_time_it_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many they are; and a call is seen though nobody was notified of it yet."""
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
