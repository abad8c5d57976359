"""Owns judging worlds: what is waited for, and the reports of worlds that end or begin anew.

When a world is judged, where reports are kept:

1. Before it is dropped, reset or restored by hand, what its expectations may wait for is waited
   for, but not longer than `GRACE`: a webhook that is on its way arrives.
2. When it is gone, whoever has dropped it, it is judged as it stood then. Nothing changes it any
   more, so this is done while others are served.
3. Before a reset takes what was seen in it, or scenarios with expectations end.
4. When all is over, if it is still there; after a reset only where it has seen more, or more is
   expected of it.

Only `run` keeps reports, for its verdict: nobody else would read them.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Final

from payments_sandbox.core.instants import SECOND
from payments_sandbox.rules.scenario import Expectation, Scenario
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.server.webhooks.dispatcher import refuse_to_wait
from payments_sandbox.verification.expectations.expectation import MAX_WAIT
from payments_sandbox.verification.expectations.webhook import WebhookCheck
from payments_sandbox.verification.observed import Observed, observe
from payments_sandbox.verification.report import (
    ReportLine,
    reporting,
    verifying,
)
from payments_sandbox.verification.report_text import WorldReport
from payments_sandbox.world.world import ResetScope, World

GRACE: Final = 2 * SECOND
"""The same before a world is dropped or reset."""

MAX_PAUSE: Final = 0.25
"""Wall seconds after a change that expectations are looked at, where many wait for them."""

KEPT: Final = 10_000
"""Reports that are kept; those that have passed go first."""

EVIDENCE: Final = frozenset({ResetScope.PAYMENTS, ResetScope.JOURNAL, ResetScope.WEBHOOKS})
"""The parts of a reset that remove what expectations and the audit are about."""


class KeptReports:
    """The reports of the worlds of one server that have ended or begun anew."""

    def __init__(self, notifier: ChangeNotifier) -> None:
        self._notifier = notifier
        self._judged: list[asyncio.Task[WorldReport]] = []
        self._reset: dict[World, Sequence[Scenario]] = {}  # by what they were judged before

    async def settle(self, world: World, most: int = GRACE) -> None:
        """Wait until nothing is worth waiting for in a world that was used, or time is up."""
        if world.journal.has_new_requests:
            expectations = expectations_in(world)
            await wait_for(self._notifier, world, expectations, min(most, longest(expectations)))

    def dropped(self, world: World, reason: str) -> None:
        """Judge a world that is gone, if it has seen a request."""
        self._reset.pop(world, None)
        if world.journal.has_new_requests:
            self._keep(world, reason)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Judge a world of which a reset is about to take what was seen in it.

        The counts of rules alone are no loss, unless one of them has failed the report.
        """
        has_failed = ResetScope.RULES in scopes and any(
            rule.failed for rule in world.rules.rule_set.all
        )
        if world.journal.has_new_requests and (has_failed or not EVIDENCE.isdisjoint(scopes)):
            await self._judge(world, "reset")
            self._reset[world] = world.rules.scenarios

    async def before_scenarios_end(self, world: World, leaving: Iterable[Scenario]) -> None:
        """Judge scenarios of a world that are about to end, as far as they expect something."""
        expecting = [each for each in leaving if each.expectations]
        if world.journal.has_new_requests and expecting:
            names = ", ".join(each.name for each in expecting)
            await self._judge(world, f"when {names} ended", expecting)

    async def finish(self, worlds: Iterable[World], default: World | None) -> list[WorldReport]:
        """Judge what is still there, and give all reports.

        Args:
            worlds: that are there. Those are judged that have seen a request, or of which somebody
                expects something that is not expected of all.
            default: is judged where there is no other; None where none is then.

        Returns:
            The reports, in the order in which worlds ended; then those of `worlds`.
        """
        living = [
            world
            for world in worlds
            if world.journal.has_new_requests or self._is_expected_of(world)
        ]
        if not living and not self._judged and default is not None:
            living = [default]
        await asyncio.gather(*(self.settle(world, MAX_WAIT) for world in living))
        return [
            *[await each for each in self._judged],
            *[await _judged(world, observe(world), None) for world in living],
        ]

    def _is_expected_of(self, world: World) -> bool:
        """Whether somebody expects of a world what is not expected of all, and was not judged."""
        scenarios = world.rules.scenarios
        own = (each for each in scenarios if each not in world.context.scenarios)
        return any(each.expectations for each in own) and self._reset.get(world) != scenarios

    async def _judge(
        self, world: World, reason: str, only: Sequence[Scenario] | None = None
    ) -> None:
        await self.settle(world)
        self._keep(world, reason, only)
        await self._judged[-1]

    def _keep(self, world: World, reason: str, only: Sequence[Scenario] | None = None) -> None:
        if len(self._judged) >= KEPT:
            well = (each for each in self._judged if each.done() and _has_passed(each.result()))
            self._judged.remove(next(well, self._judged[0]))
        # What was seen is taken now: who ends a world forgets its deliveries next.
        judging = _judged(world, observe(world), reason, only)
        self._judged.append(asyncio.ensure_future(judging))


async def wait_for(
    notifier: ChangeNotifier,
    world: World,
    expectations: Sequence[Expectation],
    wait_ms: int,
    blocked: Collection[int] = (),
) -> tuple[ReportLine, ...]:
    """Wait until expectations are met, or cannot be met any more, or so much wall time is up.

    Args:
        notifier: tells of changes.
        world: of which they are.
        expectations: what is waited for.
        wait_ms: how long.
        blocked: ports of receivers that cannot answer before this has returned.

    Returns:
        How they stand then.

    Raises:
        InvalidRequest: they wait for one of those receivers.
    """
    now = _wall()
    end = now() + wait_ms / SECOND
    with notifier.subscribe(world) as subscriber:
        is_over = subscriber.is_over
        while True:
            started = now()
            # Those who wait look at the same calls: what is known of each is found out once.
            observed = notifier.shared(world, _state_of(world), partial(observe, world))
            lines = await run_in_slices(verifying(observed, expectations))
            looked = now()
            if looked >= end or is_over or _are_settled(lines):
                return lines
            if blocked:
                refuse_to_wait(_urls_to_answer(world, observed, lines), blocked)
            is_over = not await subscriber.wait(end - looked)
            if is_over:
                continue
            # Together those who wait look for half of the time, however many they are.
            pause = min((looked - started) * subscriber.companions, MAX_PAUSE)
            await asyncio.sleep(min(pause, max(0, end - now())))  # noqa: TID251 - others go first


def _urls_to_answer(world: World, observed: Observed, lines: Iterable[ReportLine]) -> Iterator[str]:
    """Where those webhooks go that have to be answered before expectations can be met."""
    endpoints = world.open_webhooks().outbox.endpoints
    for line in lines:
        check = line.expectation.check
        if isinstance(check, WebhookCheck) and not line.result.met:
            found = (endpoints.get(each.endpoint_id) for each in check.needing_answers(observed))
            yield from (each.url for each in found if each is not None and each.inbox is None)


def _wall() -> Callable[[], float]:
    """A clock in seconds, which goes on where a test has stopped what the module `time` has."""
    try:
        return asyncio.get_running_loop().time
    except RuntimeError:  # in a sandbox without a socket, where nobody waits
        return perf_counter


def _state_of(world: World) -> tuple[object, ...]:
    """The sizes of what is observed, by which growth is noticed."""
    outbox = None if world.webhooks is None else world.webhooks.outbox
    sent = None if outbox is None else (outbox.count, outbox.attempted)
    return "observed", world.journal.count, world.ledger.events, sent


def _are_settled(lines: Sequence[ReportLine]) -> bool:
    """Whether nothing that may still happen is worth waiting for."""
    return all(line.result.met or line.result.is_final for line in lines)


def expectations_in(world: World) -> list[Expectation]:
    """What the active scenarios of a world expect."""
    return [each for scenario in world.rules.scenarios for each in scenario.expectations]


def longest(expectations: Iterable[Expectation]) -> int:
    """Wall milliseconds that expectations may be waited for, by what they say themselves."""
    return min(max((each.within for each in expectations), default=0), MAX_WAIT)


async def _judged(
    world: World,
    observed: Observed,
    reason: str | None,
    only: Sequence[Scenario] | None = None,
) -> WorldReport:
    was_used = world.was_used
    found = await run_in_slices(reporting(observed, only))
    is_part = only is not None
    api_key = world.config.api_key
    return WorldReport(api_key, found.as_json(), reason, was_used=was_used, is_part=is_part)


def _has_passed(world: WorldReport) -> bool:
    """Whether it may be forgotten before one that has not."""
    return world.passed and not world.undocumented
