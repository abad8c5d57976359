"""Owns the routes of the report: how scenarios stand, and expectations that are waited for."""

from collections.abc import Sequence

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.scenarios import refuse_problems
from payments_sandbox.server.judging import MAX_WAIT, expectations_in, longest, wait_for
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.verification.expectations.expectation import Expectation
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import reporting


async def retrieve_report(request: ControlRequest) -> dict[str, object]:
    """How the active scenarios stand now, and whether the key had another world before."""
    report = await run_in_slices(reporting(observe(request.world)))
    restarted = request.runtime.worlds.restarted(request.world.config.api_key)
    return {**report.as_json(), **({} if restarted is None else {"restarted": restarted})}


async def verify(request: ControlRequest) -> dict[str, object]:
    """Answer as soon as the expectations are met, or when time is up."""
    expectations = _expectations(request)
    wait_ms = _wait_ms(request, expectations)
    lines = await wait_for(request.runtime.notifier, request.world, expectations, wait_ms)
    return {
        "passed": all(line.result.met for line in lines),
        "expectations": [line.as_json() for line in lines],
    }


def _expectations(request: ControlRequest) -> Sequence[Expectation]:
    if "expect" not in request.body:
        return expectations_in(request.world)
    expectations, problems = load_expectations(request.body["expect"])
    refuse_problems(problems)
    return expectations


def _wait_ms(request: ControlRequest, expectations: Sequence[Expectation]) -> int:
    """Wall milliseconds to wait."""
    text = request.body.get("within")
    if text is None:
        return longest(expectations)
    if (within := read_duration(text)) > MAX_WAIT:
        raise InvalidRequest(f"/within: expected at most {show_duration(MAX_WAIT)}.")
    return within
