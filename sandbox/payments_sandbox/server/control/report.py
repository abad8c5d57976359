"""Owns the routes that report on scenarios, and that wait for expectations to be met."""

import re
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.rules.scenario import Expectation
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.server.control.control_request import ControlRequest, blocked_ports
from payments_sandbox.server.control.scenarios import refuse_problems
from payments_sandbox.server.judging import expectations_in, longest, wait_for
from payments_sandbox.server.request_headers import JSON
from payments_sandbox.server.response import SERVER
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.verification.expectations.expectation import MAX_WAIT
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import reporting

_FORMS: Final = frozenset({"text/plain", "text/html", "application/xml"})
"""The media types of a report, in addition to JSON."""

_QUALITY: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")


async def retrieve_report(request: ControlRequest) -> dict[str, object] | web.StreamResponse:
    """Report on the active scenarios, as JSON or in the media type that `Accept` asks for.

    The JSON also says whether the key had another world before.
    """
    world = request.world
    report = (await run_in_slices(reporting(observe(world)))).as_json()
    media_type = _preferred_media_type(request.http.headers.get("Accept", ""))
    if media_type is None:
        restarted = request.runtime.worlds.restart_reason(world.config.api_key)
        return report | ({} if restarted is None else {"restarted": restarted})
    return web.Response(
        body=_formatted(media_type, world.config.api_key, report, was_used=world.was_used).encode(),
        content_type=media_type,
        charset="utf-8",
        headers=SERVER,
    )


def _formatted(media_type: str, api_key: str, report: dict[str, object], *, was_used: bool) -> str:
    """Write the report in a media type other than JSON."""
    from payments_sandbox.verification.report_junit import as_junit  # noqa: PLC0415 - few ask for it
    from payments_sandbox.verification.report_page import as_page  # noqa: PLC0415
    from payments_sandbox.verification.report_text import WorldReport, as_text  # noqa: PLC0415

    forms = {"text/plain": as_text, "text/html": as_page, "application/xml": as_junit}
    return forms[media_type]([WorldReport(api_key, report, was_used=was_used)])


def _preferred_media_type(accept: str) -> str | None:
    """Return the media type of the report that a client prefers by `Accept`; None for JSON.

    A client that accepts anything gets JSON: by default, Java's HttpURLConnection asks for HTML
    first and for anything last.
    """
    best, chosen = 0.0, None
    for each in accept.lower().split(","):
        kind, _, parameters = each.partition(";")
        quality = 2.0 if kind.strip() == "*/*" else _quality(parameters)
        if quality > best and kind.strip() in _FORMS | {JSON, "*/*"}:
            best, chosen = quality, kind.strip()
    return chosen if chosen in _FORMS else None


def _quality(parameters: str) -> float:
    """Return the `q` of a media type in `Accept`, from 0 to 1."""
    found = _QUALITY.search(parameters)
    return 1.0 if found is None else float(found[1])


async def verify(request: ControlRequest) -> dict[str, object]:
    """Answer as soon as the expectations are met, or when time is up."""
    expectations = _expectations(request)
    wait_ms = _wait_ms(request, expectations)
    notifier, blocked = request.runtime.notifier, blocked_ports(request)
    lines = await wait_for(notifier, request.world, expectations, wait_ms, blocked)
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
    """Return how many wall milliseconds to wait: `within`, or as the expectations say."""
    text = request.body.get("within")
    if text is None:
        return longest(expectations)
    if (within := read_duration(text)) > MAX_WAIT:
        raise InvalidRequest(f"/within: expected at most {show_duration(MAX_WAIT)}.")
    return within
