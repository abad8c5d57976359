"""Owns the routes of the report: how scenarios stand, and expectations that are waited for."""

from collections.abc import Sequence
from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import MINUTE, SECOND, read_duration, show_duration
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.scenarios import refuse_problems
from payments_sandbox.verification.expectations.expectation import Expectation
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import ReportLine, expectations_of, report
from payments_sandbox.verification.report import verify as verify_now

MAX_WAIT: Final = 5 * MINUTE
"""Wall milliseconds that a verification may wait."""


def retrieve_report(request: ControlRequest) -> dict[str, object]:
    """How the active scenarios stand now."""
    return report(observe(request.world)).as_json()


async def verify(request: ControlRequest) -> dict[str, object]:
    """Answer as soon as the expectations are met, or when time is up."""
    expectations = _expectations(request)
    lines = await _wait(request, expectations, _wait_ms(request, expectations))
    return {
        "passed": all(line.result.met for line in lines),
        "expectations": [line.as_json() for line in lines],
    }


def _expectations(request: ControlRequest) -> Sequence[Expectation]:
    if "expect" not in request.body:
        scenarios = request.world.rules.scenarios
        return [each for scenario in scenarios for each in expectations_of(scenario)]
    expectations, problems = load_expectations(request.body["expect"])
    refuse_problems(problems)
    return expectations


def _wait_ms(request: ControlRequest, expectations: Sequence[Expectation]) -> int:
    """Wall milliseconds to wait."""
    text = request.body.get("within")
    if text is None:
        return min(max((each.within for each in expectations), default=0), MAX_WAIT)
    if (within := read_duration(text)) > MAX_WAIT:
        raise InvalidRequest(f"/within: expected at most {show_duration(MAX_WAIT)}.")
    return within


async def _wait(
    request: ControlRequest, expectations: Sequence[Expectation], wait_ms: int
) -> tuple[ReportLine, ...]:
    def now() -> tuple[ReportLine, ...]:
        return verify_now(observe(request.world), expectations)

    lines = now()

    def are_settled() -> bool:
        nonlocal lines
        lines = now()
        return _are_settled(lines)

    if not _are_settled(lines):
        await request.runtime.notifier.wait_until(request.world, are_settled, wait_ms / SECOND)
    return lines


def _are_settled(lines: Sequence[ReportLine]) -> bool:
    """Whether nothing that may still happen is worth waiting for."""
    return all(line.result.met or line.result.is_final for line in lines)
