"""Owns the routes that judge: the report, the audit, expectations that are waited for."""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import MINUTE, SECOND, read_duration, show_duration
from payments_sandbox.rules.expectations import Expectation
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.scenarios import refuse_problems
from payments_sandbox.verification.audit import audit, shown_audit
from payments_sandbox.verification.observed_deliveries import deliveries_seen
from payments_sandbox.verification.report import Line, report, verified

LONGEST_WAIT: Final = 5 * MINUTE
"""Wall milliseconds that a verification may wait."""


def retrieve_report(request: ControlRequest) -> dict[str, object]:
    """How the active scenarios stand now."""
    return report(request.world, partial(deliveries_seen, request.world)).shown()


def retrieve_audit(request: ControlRequest) -> dict[str, object]:
    """What is found now."""
    return shown_audit(audit(request.world, partial(deliveries_seen, request.world)))


async def verify(request: ControlRequest) -> dict[str, object]:
    """Judge expectations as soon as they are met, or when time is up."""
    expectations = _expectations(request)
    lines = await _wait(request, expectations, _patience(request, expectations))
    return {
        "passed": all(line.judged.met for line in lines),
        "expectations": [line.shown() for line in lines],
    }


def _expectations(request: ControlRequest) -> Sequence[Expectation]:
    if "expect" not in request.body:
        return [
            each for scenario in request.world.rules.scenarios for each in scenario.expectations
        ]
    expectations, problems = load_expectations(request.body["expect"])
    refuse_problems(problems)
    return expectations


def _patience(request: ControlRequest, expectations: Sequence[Expectation]) -> int:
    """Wall milliseconds to wait."""
    text = request.body.get("within")
    if text is None:
        return min(max((each.within for each in expectations), default=0), LONGEST_WAIT)
    if (within := read_duration(text)) > LONGEST_WAIT:
        raise InvalidRequest(f"/within: expected at most {show_duration(LONGEST_WAIT)}.")
    return within


async def _wait(
    request: ControlRequest, expectations: Sequence[Expectation], patience: int
) -> tuple[Line, ...]:
    def now() -> tuple[Line, ...]:
        return verified(request.world, partial(deliveries_seen, request.world), expectations)

    lines = now()
    with (
        request.runtime.notifier.subscribe(request.world) as subscriber,
        contextlib.suppress(TimeoutError),
    ):
        async with asyncio.timeout(patience / SECOND):
            while not subscriber.is_over and not all(line.judged.met for line in lines):
                await subscriber.wait(patience / SECOND)
                lines = now()
    return lines
