"""Owns the report of a failed test about its worlds: lines for pytest, and files."""

import json
import re
from collections.abc import Container, Iterator, Sequence
from hashlib import blake2b
from html import escape
from typing import Final

from payments_sandbox.client.errors import ControlError
from payments_sandbox.client.models import ReportModel
from payments_sandbox.core.html_page import html_page
from payments_sandbox.testing.reports import failed_rules
from payments_sandbox.testing.sandbox import Sandbox
from payments_sandbox.testing.timeline import Moment, Seen, see, timeline
from payments_sandbox.verification.report_text import undocumented_in_words

SHOWN: Final = 20
"""Requests that the report shows with their consequences; the files have all of them."""

KEPT: Final = 1_000
"""The number of requests that a journal keeps."""


class WorldSection:
    """The part of the report about one world, with data that is requested once.

    Args:
        world: the world.
        earlier: the ids of undocumented calls that are no reason, since earlier tests made them.
    """

    def __init__(self, world: Sandbox, earlier: Container[str] = ()) -> None:
        self._head, self._rest = f"{world!r} was dropped by the test", list[str]()
        self.reasons, self.moments = list[str](), list[Moment]()
        self.shown: dict[str, object] = {"api_key": world.api_key, "error": self._head}
        if world.is_closed:
            return
        try:
            seen = see(world)
        except ControlError as error:
            self._head = f"cannot inspect {world!r}: {error}"
            self.shown["error"] = str(error)
            return
        vanished = why_vanished(world, seen.world["restarted"])
        self._head, self._rest = _head(world, seen), list(_rest(seen.report))
        self.reasons = [*([] if vanished is None else [vanished]), *_reasons(seen.report, earlier)]
        self.moments = timeline(seen)
        self.shown = {
            "world": seen.world,
            "requests": seen.requests,
            "events": seen.events,
            "deliveries": seen.deliveries,
            "report": seen.report,
        }

    @property
    def around(self) -> list[str]:
        """The lines without the timeline."""
        return [*self.reasons, self._head, *self._rest]

    def lines(self, shown: int) -> list[str]:
        """The reasons, then the last `shown` requests with their consequences, then the rest."""
        requests = [number for number, each in enumerate(self.moments) if each.kind == "request"]
        earlier = max(0, len(requests) - shown)
        left_out = [f"… {earlier} earlier requests"] if earlier else []
        moments = self.moments[requests[earlier] :] if earlier else self.moments
        texts = [each.text for each in moments]
        return [*self.reasons, self._head, *left_out, *texts, *self._rest]


def failure_report(sections: Sequence[WorldSection]) -> str:
    """Write the lines about the worlds of a test for its report."""
    return "\n".join(line for section in sections for line in section.lines(SHOWN))


def journal_files(
    sections: Sequence[WorldSection], test: str, *, with_page: bool
) -> dict[str, str]:
    """Write the journal of a test's worlds as JSON and as text, and optionally as HTML.

    Returns:
        The contents of the files by name; names begin with that of the test.
    """
    digest = blake2b(test.encode("utf-8", "backslashreplace"), digest_size=4).hexdigest()
    name = f"{re.sub(r'[^a-zA-Z0-9_.-]+', '-', test).strip('-')[-100:]}-{digest}"
    shown = {"test": test, "worlds": [section.shown for section in sections]}
    lines = [line for section in sections for line in section.lines(KEPT)]
    files = {
        f"{name}.json": json.dumps(shown, indent=2, ensure_ascii=False) + "\n",
        f"{name}.txt": "\n".join([test, *lines, ""]),
    }
    if with_page:
        worlds = [(section.around, section.moments) for section in sections]
        files[f"{name}.html"] = failure_page(test, worlds)
    return files


def why_vanished(world: Sandbox, restarted: str | None) -> str | None:
    """Why a world is another one than the test was given, or None: it was dropped meanwhile.

    `restarted` is what the world, or its report, says of an earlier one.
    """
    if restarted is None or restarted == world.made["restarted"]:
        return None
    return f"the world of this test was dropped while it ran: {restarted}"


def _reasons(report: ReportModel, earlier: Container[str]) -> Iterator[str]:
    """The findings of a report that may be why the test failed."""
    if unmet := [each for each in report["expectations"] if not each["met"]]:
        yield "not met:"
        yield from (f"{json.dumps(each['expect'])}: {each['observed']}" for each in unmet)
    if not report["passed"] and not unmet:
        yield "a rule failed:"
        yield from failed_rules(report["rules"])
    for call in report.get("undocumented", ()):
        if call["request"] not in earlier:
            yield undocumented_in_words(call)
    for finding in report["audit"]["findings"]:
        yield f"audit: {finding['kind']}: {finding['message']} {finding['advice']}"


def _rest(report: ReportModel) -> Iterator[str]:
    """The rest of a report: met expectations, and why rules did not fire."""
    for each in report["expectations"]:
        if each["met"]:
            yield f"met: {json.dumps(each['expect'])}: {each['observed']}"
    for rule in report["rules"]:
        if rule["why_not"] is not None:
            yield f"rule {rule['rule']}: {rule['why_not']}"


def _head(world: Sandbox, seen: Seen) -> str:
    counts = [f"{count} {name}" for name, count in seen.world["payments"].items() if count]
    payments = ", ".join(counts) or "no"
    return (
        f"world {world.api_key}, seed {world.seed}, at {world.base_url}: {payments} payments,"
        f" clock {seen.clock['mode']} at {seen.clock['now']}"
    )


_STYLE: Final = """
pre, summary { font: 13px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
details { border-left: 4px solid #8886; padding-left: .6em; margin: .2em 0 }
details.request { border-color: #27c } details.event { border-color: #292 }
details.attempt { border-color: #c72 } details.clock { border-color: #82a }
"""


def failure_page(test: str, worlds: Sequence[tuple[Sequence[str], Sequence[Moment]]]) -> str:
    """Write the page: for each world its lines, and the timeline with expandable details."""
    parts: list[str] = []
    for lines, moments in worlds:
        parts.append(f"<pre>{escape(chr(10).join(lines))}</pre>")
        parts += map(_moment, moments)
    return html_page(test, _STYLE, parts)


def _moment(moment: Moment) -> str:
    detail = json.dumps(moment.detail, indent=2, ensure_ascii=False)
    return (
        f'<details class="{moment.kind}"><summary>{escape(moment.text)}</summary>'
        f"<pre>{escape(detail)}</pre></details>"
    )
