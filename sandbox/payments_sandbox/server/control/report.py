"""Owns the routes of the report: how scenarios stand, and expectations that are waited for."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import MINUTE, SECOND, read_duration, show_duration
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.server.control.control_request import Ask
from payments_sandbox.server.control.scenarios import refuse
from payments_sandbox.verification.expectations.expectation import Expectation
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import ReportLine, expectations_of, report
from payments_sandbox.verification.report import verify as verify_now
from payments_sandbox.world.activation import active

MAX_WAIT: Final = 5 * MINUTE
"""Wall milliseconds that a verification may wait."""


def retrieve_report(ask: Ask) -> dict[str, object]:
    """How the active scenarios stand now."""
    return report(observe(ask.world)).as_json()


async def verify(ask: Ask) -> dict[str, object]:
    """Answer as soon as the expectations are met, or when time is up."""
    expectations = _expectations(ask)
    lines = await _wait(ask, expectations, _wait_ms(ask, expectations))
    return {
        "passed": all(line.result.met for line in lines),
        "expectations": [line.as_json() for line in lines],
    }


def _expectations(ask: Ask) -> Sequence[Expectation]:
    if "expect" not in ask.body:
        return [each for scenario in active(ask.world) for each in expectations_of(scenario)]
    expectations, problems = load_expectations(ask.body["expect"])
    refuse(problems)
    return expectations


def _wait_ms(ask: Ask, expectations: Sequence[Expectation]) -> int:
    """Wall milliseconds to wait."""
    text = ask.body.get("within")
    if text is None:
        return min(max((each.within for each in expectations), default=0), MAX_WAIT)
    if (within := read_duration(text)) > MAX_WAIT:
        raise InvalidRequest(f"/within: expected at most {show_duration(MAX_WAIT)}.")
    return within


async def _wait(
    ask: Ask, expectations: Sequence[Expectation], wait_ms: int
) -> tuple[ReportLine, ...]:
    def now() -> tuple[ReportLine, ...]:
        return verify_now(observe(ask.world), expectations)

    lines = now()
    with ask.parts.news.reader(ask.world) as reader, contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_ms / SECOND):
            while not reader.is_over and not all(line.result.met for line in lines):
                await reader.wait(wait_ms / SECOND)
                lines = now()
    return lines
