"""Owns the judging of worlds: waiting for expectations, and keeping the reports of worlds that end.

`KeptReports` judges a world at these times:

1. Before the world is dropped, reset or restored by hand, it waits for pending expectations, but
   at most for `GRACE`: so a webhook that is on its way still arrives.
2. When the world is gone, for whatever reason, it is judged as it was at that moment. Nothing
   changes it any more, so other requests are served meanwhile.
3. Before a reset removes what the world has seen, and before scenarios with expectations end.
4. At the end of the run, if the world still exists; after a reset only if it was used again, or
   has new expectations.

Only `run` keeps reports, for its verdict: nothing else would read them.
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
"""Wall milliseconds that a world about to be dropped or reset may wait for its expectations."""

MAX_PAUSE: Final = 0.25
"""Wall seconds between two evaluations of expectations, at most, if many callers wait for them."""

KEPT: Final = 10_000
"""How many reports are kept; beyond that, those that have passed are dropped first."""

EVIDENCE: Final = frozenset({ResetScope.PAYMENTS, ResetScope.JOURNAL, ResetScope.WEBHOOKS})
"""The parts of a reset that remove what expectations and the audit examine."""


class KeptReports:
    """Keeps the reports of one server's worlds that were dropped or reset."""

    def __init__(self, notifier: ChangeNotifier) -> None:
        self._notifier = notifier
        self._judged: list[asyncio.Task[WorldReport]] = []
        self._reset: dict[World, Sequence[Scenario]] = {}  # the scenarios of the last judging

    async def settle(self, world: World, most: int = GRACE) -> None:
        """Wait until the expectations of a used world are settled, for at most `most` ms."""
        if world.journal.has_new_requests:
            expectations = expectations_in(world)
            await wait_for(self._notifier, world, expectations, min(most, longest(expectations)))

    def dropped(self, world: World, reason: str) -> None:
        """Judge a world that is gone, if it was used."""
        self._reset.pop(world, None)
        if world.journal.has_new_requests:
            self._keep_report(world, reason)

    async def before_reset(self, world: World, scopes: Collection[ResetScope]) -> None:
        """Judge a world if the reset is about to remove what the report is based on.

        A reset of the rules alone removes only their counters, which matter if a rule has failed.
        """
        has_failed = ResetScope.RULES in scopes and any(
            rule.failed for rule in world.rules.rule_set.all
        )
        if world.journal.has_new_requests and (has_failed or not EVIDENCE.isdisjoint(scopes)):
            await self._judge(world, "reset")
            self._reset[world] = world.rules.scenarios

    async def before_scenarios_end(self, world: World, leaving: Iterable[Scenario]) -> None:
        """Judge those scenarios that are about to end and have expectations."""
        expecting = [each for each in leaving if each.expectations]
        if world.journal.has_new_requests and expecting:
            names = ", ".join(each.name for each in expecting)
            await self._judge(world, f"when {names} ended", expecting)

    async def finish(self, worlds: Iterable[World], default: World | None) -> list[WorldReport]:
        """Judge the worlds that still exist, and return all reports.

        Args:
            worlds: the worlds that exist. A world is judged if it was used, or if it has
                expectations that are not those of every world.
            default: the world to judge if there is no other report; None for none.

        Returns:
            The kept reports, in the order in which worlds ended; then those of `worlds`.
        """
        remaining = [
            world
            for world in worlds
            if world.journal.has_new_requests or self._has_new_expectations(world)
        ]
        if not remaining and not self._judged and default is not None:
            remaining = [default]
        await asyncio.gather(*(self.settle(world, MAX_WAIT) for world in remaining))
        return [
            *[await each for each in self._judged],
            *[await _judged(world, observe(world), None) for world in remaining],
        ]

    def _has_new_expectations(self, world: World) -> bool:
        """Whether a world has expectations of its own that were not judged before its reset."""
        scenarios = world.rules.scenarios
        own = (each for each in scenarios if each not in world.context.scenarios)
        return any(each.expectations for each in own) and self._reset.get(world) != scenarios

    async def _judge(
        self, world: World, reason: str, only: Sequence[Scenario] | None = None
    ) -> None:
        await self.settle(world)
        self._keep_report(world, reason, only)
        await self._judged[-1]

    def _keep_report(
        self, world: World, reason: str, only: Sequence[Scenario] | None = None
    ) -> None:
        if len(self._judged) >= KEPT:
            passed = (each for each in self._judged if each.done() and _has_passed(each.result()))
            self._judged.remove(next(passed, self._judged[0]))
        # Observe now: the caller forgets the world's deliveries next.
        judging = _judged(world, observe(world), reason, only)
        self._judged.append(asyncio.ensure_future(judging))


async def wait_for(
    notifier: ChangeNotifier,
    world: World,
    expectations: Sequence[Expectation],
    wait_ms: int,
    blocked: Collection[int] = (),
) -> tuple[ReportLine, ...]:
    """Wait until expectations are met or can no longer be met, for at most `wait_ms` of wall time.

    Args:
        notifier: notifies of changes of the world.
        world: the world to observe.
        expectations: what to wait for.
        wait_ms: how long to wait.
        blocked: ports of receivers that cannot answer before this call has returned.

    Returns:
        The expectations' results at that time.

    Raises:
        InvalidRequest: an expectation waits for one of the blocked receivers.
    """
    now = _seconds_clock()
    end = now() + wait_ms / SECOND
    with notifier.subscribe(world) as subscriber:
        is_over = subscriber.is_over
        while True:
            started = now()
            # All waiting callers observe the same world, so this is computed once for all of them.
            observed = notifier.shared(world, _state_of(world), partial(observe, world))
            lines = await run_in_slices(verifying(observed, expectations))
            finished = now()
            if finished >= end or is_over or _are_settled(lines):
                return lines
            if blocked:
                refuse_to_wait(_urls_to_answer(world, observed, lines), blocked)
            is_over = not await subscriber.wait(end - finished)
            if is_over:
                continue
            # So that together, the waiting callers take about half of the time, however many.
            pause = min((finished - started) * subscriber.subscriber_count, MAX_PAUSE)
            await asyncio.sleep(min(pause, max(0, end - now())))  # noqa: TID251 - lets others run first


def _urls_to_answer(world: World, observed: Observed, lines: Iterable[ReportLine]) -> Iterator[str]:
    """Yield the URLs of webhooks that must be answered before the expectations can be met."""
    endpoints = world.open_webhooks().outbox.endpoints
    for line in lines:
        check = line.expectation.check
        if isinstance(check, WebhookCheck) and not line.result.met:
            found = (endpoints.get(each.endpoint_id) for each in check.needing_answers(observed))
            yield from (each.url for each in found if each is not None and each.inbox is None)


def _seconds_clock() -> Callable[[], float]:
    """Return a clock in seconds that keeps running if a test has frozen the module `time`."""
    try:
        return asyncio.get_running_loop().time
    except RuntimeError:  # a sandbox without a socket has no loop, and nobody waits in it
        return perf_counter


def _state_of(world: World) -> tuple[object, ...]:
    """Return the sizes of all that is observed: they grow with every change."""
    outbox = None if world.webhooks is None else world.webhooks.outbox
    sent = None if outbox is None else (outbox.count, outbox.attempted)
    return "observed", world.journal.count, world.ledger.events, sent


def _are_settled(lines: Sequence[ReportLine]) -> bool:
    """Whether each expectation is met, or can no longer change its result."""
    return all(line.result.met or line.result.is_final for line in lines)


def expectations_in(world: World) -> list[Expectation]:
    """Return the expectations of a world's active scenarios."""
    return [each for scenario in world.rules.scenarios for each in scenario.expectations]


def longest(expectations: Iterable[Expectation]) -> int:
    """Return the longest `within` of some expectations in ms, and at most `MAX_WAIT`."""
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
    """Whether a report has nothing to complain about, so that it can be dropped first."""
    return world.passed and not world.undocumented
