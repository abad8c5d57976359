"""Owns the activation of scenarios in a world: entirely or not at all.

The initial state of a scenario (`given`, `clock`) is checked before anything changes. Then the
clock is set, the state is made, and the `at` rules are put on the timeline.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import LAST, Instant, show_instant
from payments_sandbox.core.slices import Slices, finish
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.initial_state import plan_start
from payments_sandbox.world.timeline import ActOnPayment, Job, RunTimedRule
from payments_sandbox.world.world import ResetScope, World

_RESTART_TIMED_RULES: Final = frozenset({ResetScope.PAYMENTS, ResetScope.RULES, ResetScope.CLOCK})


def activating(world: World, scenario: Scenario) -> Slices[None]:
    """Activate one more scenario, after those that are active; see `setting_active`.

    Raises:
        InvalidRequest: one with its name is active, or it needs an unused world.
    """
    if any(each.name == scenario.name for each in world.rules.scenarios):
        raise InvalidRequest(
            f"/: '{scenario.name}' is already active;"
            f" DELETE /_sandbox/scenarios/active?name={scenario.name} ends it."
        )
    yield from setting_active(world, [*world.rules.scenarios, scenario])


def remove(world: World, name: str | None) -> None:
    """End an active scenario, or all of them if the name is None.

    Raises:
        InvalidRequest: no scenario with this name is active.
    """
    remaining = [each for each in world.rules.scenarios if name not in (None, each.name)]
    if name is not None and len(remaining) == len(world.rules.scenarios):
        known = ", ".join(each.name for each in remaining) or "none"
        raise InvalidRequest(
            f"/name: expected an active scenario; active scenarios: {known}."
            " POST /_sandbox/scenarios/active activates one."
        )
    set_active(world, remaining)


def set_active(world: World, scenarios: Sequence[Scenario]) -> None:
    """Make exactly these scenarios active, at once; see `setting_active`."""
    finish(setting_active(world, scenarios))


def setting_active(
    world: World, scenarios: Sequence[Scenario], *, is_clock_given: bool = False
) -> Slices[None]:
    """Make exactly these scenarios active; those that are active already keep their state.

    Their initial payments are made separately, in slices. The world does not change before all of
    them are ready.

    Args:
        world: the world.
        scenarios: the scenarios, in the order in which they apply.
        is_clock_given: whether the user has set the world's clock, which has precedence over the
            clocks of scenarios.

    Raises:
        InvalidRequest: two have the same name, or one needs an unused world.
    """
    _check_names(scenarios)
    unchanged = [each for each in world.rules.scenarios if each in scenarios]
    added = [each for each in scenarios if each not in unchanged]
    clock = None if is_clock_given else _clock_of(added)
    _check_unused(world, added, clock)
    start = plan_start(added, now=world.clock.now() if clock is None else clock)
    start.check_endpoints(world)
    ledger = yield from start.making_ledger(world, scenarios)
    _check_unused(world, added, clock)  # it may have been used meanwhile
    _forget_jobs_of_ended(world, {each.name for each in scenarios})
    if clock is not None:
        world.config = world.config._replace(frozen_at=clock)
        world.start_clock(clock)
    world.rules.set_scenarios(scenarios)
    if ledger is not None:
        world.replace_ledger(ledger)
    start.set_rate_limit(world)
    start.open_endpoints(world)
    _plan_timed_rules(world, added)
    world.catch_up()


def check_combination(world: World, scenarios: Sequence[Scenario]) -> None:
    """Check that a new world could start with these scenarios; the world does not change.

    Raises:
        InvalidRequest: they conflict, or the initial state of one is invalid.
    """
    _check_names(scenarios)
    clock = _clock_of(scenarios)
    plan_start(scenarios, now=world.clock.now() if clock is None else clock).check_endpoints(world)


def reload(world: World, scenario: Scenario) -> None:
    """Replace the active scenario with the same name by an edited one, and start its rules again.

    Its `clock` and `given` have no effect, since they describe the start of a world.
    """
    scenarios = [scenario if each.name == scenario.name else each for each in world.rules.scenarios]
    _forget_jobs_of_ended(world, {each.name for each in scenarios} - {scenario.name})
    world.rules.set_scenarios(scenarios)
    _plan_timed_rules(world, [scenario])
    world.catch_up()


def resetting(world: World, parts: Collection[ResetScope]) -> Slices[None]:
    """Reset parts of a world, and start its active scenarios again.

    The parts of their initial state that are reset are made again, and offsets count from now. The
    payments are made separately, in slices. The world does not change before they are ready.

    Args:
        world: the world.
        parts: the parts to reset.

    Raises:
        InvalidRequest: the scenarios were changed meanwhile.
    """
    scenarios, ledger = world.rules.scenarios, None
    starts_at = world.clock_start if ResetScope.CLOCK in parts else world.clock.now()
    start = plan_start(scenarios, now=starts_at)
    if ResetScope.PAYMENTS in parts:
        ledger = yield from start.making_ledger(world, scenarios)
    if world.rules.scenarios != scenarios:
        raise InvalidRequest(
            "/: the scenarios were changed in the meantime; reset the world again.",
            is_conflict=True,
        )
    world.reset(parts)
    if ledger is not None:
        world.replace_ledger(ledger)
    if not _RESTART_TIMED_RULES.isdisjoint(parts):
        world.timeline.forget(lambda job: isinstance(job, RunTimedRule))
        _plan_timed_rules(world, scenarios)
    if ResetScope.WEBHOOKS in parts:
        start.open_endpoints(world)
    if not {ResetScope.PAYMENTS, ResetScope.RATE_LIMIT}.isdisjoint(parts):
        start.set_rate_limit(world)
    world.catch_up()


def _check_names(scenarios: Sequence[Scenario]) -> None:
    names = [each.name for each in scenarios]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequest(
            f"/: expected each scenario once; '{twice}' is given twice.", is_conflict=True
        )


def _check_unused(world: World, added: Sequence[Scenario], clock: Instant | None) -> None:
    used = world.journal.count or len(world.ledger.payments) or world.ledger.events
    for each in added if used else ():
        what = "given" if each.given is not None else "clock"
        if each.given is not None or (each.clock is not None and clock is not None):
            raise InvalidRequest(
                f"/: expected an unused world, because '{each.name}' has '{what}';"
                " POST /_sandbox/worlds creates one and accepts scenarios."
            )


def _clock_of(added: Sequence[Scenario]) -> Instant | None:
    clocks = {each.clock for each in added} - {None}
    if len(clocks) > 1:
        shown = " and ".join(sorted(show_instant(each) for each in clocks if each is not None))
        raise InvalidRequest(
            f"/: expected a single clock; the scenarios start at {shown}.", is_conflict=True
        )
    return next(iter(clocks), None)


def _forget_jobs_of_ended(world: World, names: set[str]) -> None:
    """Drop the planned actions of scenarios that end."""
    ended = {each.name for each in world.rules.scenarios} - names

    def is_of_ended(job: Job) -> bool:
        if not isinstance(job, RunTimedRule | ActOnPayment):
            return False
        return job.rule.partition("/")[0] in ended

    if ended:
        world.timeline.forget(is_of_ended)


def _plan_timed_rules(world: World, scenarios: Iterable[Scenario]) -> None:
    """Put the `at` rules of these scenarios on the timeline; their offsets count from now."""
    now, names = world.clock.now(), {each.name for each in scenarios}
    for active_rule in world.rules.rule_set.timed:
        if active_rule.scenario in names and (due := now + active_rule.rule.at) <= LAST:
            world.timeline.plan(Instant(due), RunTimedRule(active_rule.name))
