"""Owns what a failed test shows of its worlds: lines for the report, and all of it as files."""

import json
import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from payments_sandbox.client.errors import ControlApiError, ControlError
from payments_sandbox.client.models import ReportModel
from payments_sandbox.testing.sandbox import Sandbox, explain_undocumented, failed_rules
from payments_sandbox.testing.timeline import Moment, timeline

SHOWN: Final = 20
"""Requests that the report shows, with what happened since; files have all that is kept."""

KEPT: Final = 1_000
"""Requests that a journal keeps at most."""


class _WorldSection(NamedTuple):
    """What is told of one world."""

    head: str
    reasons: Sequence[str] = ()
    moments: Sequence[Moment] = ()
    rest: Sequence[str] = ()

    def lines(self, shown: int) -> list[str]:
        """The reasons, then so many requests with what has happened since, then the rest."""
        requests = [number for number, each in enumerate(self.moments) if each.kind == "request"]
        earlier = max(0, len(requests) - shown)
        left_out = [f"… {earlier} earlier requests"] if earlier else []
        moments = self.moments[requests[earlier] :] if earlier else self.moments
        told = [each.text for each in moments]
        return [*self.reasons, self.head, *left_out, *told, *self.rest]


def failure_report(worlds: Sequence[Sandbox]) -> str:
    """What has happened in the worlds of a test, for its report."""
    return "\n".join(line for world in worlds for line in _section_of(world).lines(SHOWN))


def journal_files(worlds: Sequence[Sandbox], test: str, *, with_page: bool) -> dict[str, str]:
    """All that the worlds of a test have seen and done: as JSON, as text, as a page.

    Args:
        worlds: of one test.
        test: its id.
        with_page: whether a page of HTML is wanted, too.

    Returns:
        The files' texts by their names, which are the test's.
    """
    digest = blake2b(test.encode("utf-8", "backslashreplace"), digest_size=4).hexdigest()
    name = f"{re.sub(r'[^a-zA-Z0-9_.-]+', '-', test).strip('-')[-100:]}-{digest}"
    sections = [_section_of(world) for world in worlds]
    record = {"test": test, "worlds": [_record(world) for world in worlds]}
    lines = [line for section in sections for line in section.lines(KEPT)]
    files = {
        f"{name}.json": json.dumps(record, indent=2, ensure_ascii=False) + "\n",
        f"{name}.txt": "\n".join([test, *lines, ""]),
    }
    if with_page:
        from payments_sandbox.testing.failure_page import failure_page

        told = [([*each.reasons, each.head, *each.rest], each.moments) for each in sections]
        files[f"{name}.html"] = failure_page(test, told)
    return files


def why_vanished(world: Sandbox) -> str | None:
    """Why a world is another one than the test was given, or None: it was dropped meanwhile."""
    try:
        gone = world.control.retrieve_world()["restarted"]
    except ControlApiError as error:  # where keys are strict, it is not made again
        gone = error.details if "Its world was" in (error.details or "") else None
    if gone is None or gone == world.made["restarted"]:
        return None
    return f"the world of this test was dropped while it ran: {gone}"


def _section_of(world: Sandbox) -> _WorldSection:
    name = repr(world)
    if world.is_closed:
        return _WorldSection(f"{name} was dropped by the test")
    try:
        vanished = why_vanished(world)
        report = world.report()
        return _WorldSection(
            _head(world),
            [*([] if vanished is None else [vanished]), *_reasons(report)],
            timeline(world),
            list(_rest(report)),
        )
    except ControlError as error:
        return _WorldSection(f"{name} cannot be asked: {error}")


def _record(world: Sandbox) -> dict[str, object]:
    try:
        return {
            "world": world.control.retrieve_world(),
            "requests": world.requests,
            "events": world.events,
            "deliveries": world.deliveries,
            "report": world.report(),
        }
    except ControlError as error:
        return {"api_key": world.api_key, "error": str(error)}


def _reasons(report: ReportModel) -> Iterator[str]:
    """What of it may have failed the test, or explains why it failed."""
    if unmet := [each for each in report["expectations"] if not each["met"]]:
        yield "not met:"
        yield from (f"{json.dumps(each['expect'])}: {each['observed']}" for each in unmet)
    if not report["passed"] and not unmet:
        yield "a rule has failed:"
        yield from failed_rules(report)
    yield from map(explain_undocumented, report.get("undocumented", ()))
    for finding in report["audit"]["findings"]:
        yield f"audit: {finding['kind']}: {finding['message']} {finding['advice']}"


def _rest(report: ReportModel) -> Iterator[str]:
    """What is no reason of its own: expectations that are met, and why rules did not fire."""
    for each in report["expectations"]:
        if each["met"]:
            yield f"met: {json.dumps(each['expect'])}: {each['observed']}"
    for rule in report["rules"]:
        if rule["why_not"] is not None:
            yield f"rule {rule['rule']}: {rule['why_not']}"


def _head(world: Sandbox) -> str:
    state = world.control.retrieve_world()
    counts = [f"{count} {name}" for name, count in state["payments"].items() if count]
    payments = ", ".join(counts) or "no"
    return (
        f"world {world.api_key}, seed {world.seed}, at {world.base_url}: {payments} payments,"
        f" clock {state['clock']['mode']} at {state['clock']['now']}"
    )
