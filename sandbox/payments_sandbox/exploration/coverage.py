"""Owns coverage of failure: which failures a suite has met, as text, as JSON and as a page."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from payments_sandbox.client.models import CoverageModel
from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.html_page import html_page
from payments_sandbox.exploration.failures import (
    EVENTS,
    CallFailure,
    Failure,
    all_failures,
    scenario_of,
)
from payments_sandbox.scenarios.yaml_writer import line_of, text_of

_ERRORS: Final = tuple(name for name, code in CODES.items() if code.operations)
"""The error codes that an operation documents."""

MetKey = tuple[str, str | None, bool | None]
"""The operation or event, the failure that it met, and `commit`."""


class CoverageRow(NamedTuple):
    """A failure and how often it was met."""

    failure: Failure
    times: int


class OtherRow(NamedTuple):
    """Another failure that was met, such as a reply that is written out in a scenario."""

    subject: str
    name: str
    times: int


class FailureCoverage(NamedTuple):
    """The failures that a suite has met.

    Attributes:
        rows: every failure of `failures.py`.
        others: other failures that were met.
        used: the operations that were called, and the events that were sent.
    """

    rows: tuple[CoverageRow, ...]
    others: tuple[OtherRow, ...]
    used: frozenset[str]

    @property
    def met(self) -> int:
        """How many failures were met."""
        return sum(row.times > 0 for row in self.rows)

    @property
    def percent(self) -> int:
        """The share of failures that were met, in percent, rounded down."""
        return 100 * self.met // len(self.rows)

    @property
    def errors_seen(self) -> list[str]:
        """The documented error codes that some call got."""
        met = {row.failure.name for row in self.rows if row.times}
        return [name for name in _ERRORS if name in met]

    @property
    def errors_unseen(self) -> list[str]:
        """The documented error codes that no call got."""
        return [name for name in _ERRORS if name not in self.errors_seen]

    @property
    def missing(self) -> list[Failure]:
        """The failures that were never met; those of used operations first, by their cost."""
        missing = [row.failure for row in self.rows if not row.times]
        return sorted(missing, key=lambda each: (each.subject not in self.used, _rank(each)))

    def as_json(self) -> dict[str, Any]:
        """The coverage as JSON; each failure that was not met has a scenario that causes it."""
        return {
            "met": self.met,
            "total": len(self.rows),
            "percent": self.percent,
            "errors": {"seen": self.errors_seen, "unseen": self.errors_unseen},
            "failures": [_row_as_json(row) for row in self.rows],
            "others": [
                {"subject": each.subject, "failure": each.name, "count": each.times}
                for each in self.others
            ],
        }


def coverage_of(
    tallies: Iterable[CoverageModel], before: CoverageModel | None = None
) -> FailureCoverage:
    """Merge the tallies of servers, minus the tally `before` the suite."""
    counts = sum(map(_counts, tallies), Counter[MetKey]())
    if before is not None:
        counts -= _counts(before)
    used = frozenset(subject for subject, _, _ in counts)
    rows = tuple(CoverageRow(each, _pop_count(counts, each)) for each in all_failures())
    others = sorted(
        OtherRow(subject, name, count)
        for (subject, name, _), count in counts.items()
        if name is not None
    )
    return FailureCoverage(rows, tuple(others), used)


def table(
    rows: Iterable[CoverageRow], subjects: Sequence[str]
) -> list[tuple[str, list[int | None]]]:
    """Arrange the rows of some operations or events as a table.

    Returns:
        A row for each failure: its name, and how often each subject met it, or None if a
        subject has no such failure.
    """
    errors_first = sorted(rows, key=lambda row: getattr(row.failure, "is_on_wire", False))
    counts = {(row.failure.subject, row.failure.id): row.times for row in errors_first}
    names = dict.fromkeys(name for subject, name in counts if subject in subjects)
    return [(name, [counts.get((each, name)) for each in subjects]) for name in names]


def why_too_low(coverage: FailureCoverage, wanted: float) -> str | None:
    """Say why the coverage is lower than required; None if it is not.

    A suite without any call covers too little even if nothing is required.
    """
    if not coverage.used:
        return "no calls reached a sandbox that counts failures, so none is covered"
    if coverage.percent >= wanted:
        return None
    return f"{coverage.percent} % of the failures were met, but {wanted:g} % are required"


def _counts(tally: CoverageModel) -> Counter[MetKey]:
    counts: Counter[MetKey] = Counter()
    for call in tally["calls"]:
        counts[call["operation"], call["failure"], call["commit"]] += call["count"]
    for webhook in tally["webhooks"]:
        counts[webhook["event"], webhook["failure"], None] += webhook["count"]
    return counts


def _pop_count(counts: Counter[MetKey], failure: Failure) -> int:
    """Remove a failure from the counts, and return its count."""
    commits: tuple[bool | None, ...] = (None, False, True)
    if isinstance(failure, CallFailure) and failure.commit is not None:
        commits = (failure.commit,)
    return sum(counts.pop((failure.subject, failure.name, each), 0) for each in commits)


def _rank(failure: Failure) -> int:
    """Rank failures: first those that hide that money moved, then webhooks, the wire, errors."""
    if isinstance(failure, CallFailure):
        return 0 if failure.commit else 2 if failure.is_on_wire else 3
    return 1


def _row_as_json(row: CoverageRow) -> dict[str, Any]:
    failure = row.failure
    if isinstance(failure, CallFailure):
        of = {"operation": failure.subject, "failure": failure.name, "commit": failure.commit}
    else:
        of = {"event": failure.subject, "failure": failure.name}
    return {
        **of,
        "about": failure.about,
        "count": row.times,
        **({} if row.times else {"scenario": scenario_of(failure)}),
    }


NAMED: Final = 5
"""How many missing failures are printed with their scenarios."""

NOTHING: Final = (
    "coverage of failure: nothing is covered, because no calls reached a sandbox that counts"
    " failures."
)

_NEVER: Final = "-"


def headline(coverage: FailureCoverage) -> str:
    """Summarise the coverage in a line."""
    if not coverage.used:
        return NOTHING
    seen, unseen = len(coverage.errors_seen), len(coverage.errors_unseen)
    return (
        f"coverage of failure: {coverage.met} of {len(coverage.rows)} met ({coverage.percent} %);"
        f" API errors seen: {seen} of {seen + unseen}"
    )


def as_text(coverage: FailureCoverage, option: str) -> str:
    """Write it for a terminal; `option` is the option that writes it to a file."""
    if not coverage.used:
        return f"{NOTHING}\n"
    lines = [headline(coverage)]
    for subjects in (tuple(BY_NAME), EVENTS):
        lines += ["", *_text_table(coverage, subjects)]
    lines += _others(coverage)
    if missing := coverage.missing:
        lines += ["", "never met, with a rule that causes each:"]
        lines += [line for each in missing[:NAMED] for line in _named(each)]
    if (left := len(missing) - NAMED) > 0:
        lines.append(f"  and {left} more; {option} FILE lists them all")
    return "\n".join([*lines, ""])


def _text_table(coverage: FailureCoverage, subjects: Sequence[str]) -> Iterator[str]:
    rows = table(coverage.rows, subjects)
    margin = max(len(name) for name, _ in rows)
    yield "  ".join([" " * margin, *subjects])
    for name, counts in rows:
        cells = map(_text_cell, counts, map(len, subjects))
        yield "  ".join([name.ljust(margin), *cells]).rstrip()


def _text_cell(count: int | None, width: int) -> str:
    shown = "" if count is None else str(count or _NEVER)
    return shown.rjust(width)


def _others(coverage: FailureCoverage) -> list[str]:
    if not coverage.others:
        return []
    others = (f"{each.subject} {each.name} ({each.times})" for each in coverage.others)
    return ["", f"also met: {', '.join(others)}"]


def _named(failure: Failure) -> list[str]:
    return [
        f"  {failure.subject} {failure.id}: {failure.about}",
        f"    {line_of(failure.rule())}",
    ]


_STYLE: Final = """
table { border-collapse: collapse; margin: 1em 0 }
th, td { border: 1px solid #8886; padding: .1em .6em; text-align: right }
th:first-child { text-align: left; font-weight: normal }
td.met { background: #2924 } td.never { background: #c224 }
pre, summary { font: 13px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
"""


def coverage_files(
    coverage: FailureCoverage, *, json_file: Path | None, html_file: Path | None
) -> Iterator[tuple[Path, str]]:
    """Yield the requested files, each with its text."""
    if json_file is not None:
        yield json_file, f"{json.dumps(coverage.as_json(), indent=2)}\n"
    if html_file is not None:
        yield html_file, as_page(coverage)


def as_page(coverage: FailureCoverage) -> str:
    """Write the page: the tables, then the missing failures with their scenarios."""
    parts = [
        *_html_table(coverage, "Calls", tuple(BY_NAME)),
        *_html_table(coverage, "Webhooks", EVENTS),
        f"<p>Errors never seen: {escape(', '.join(coverage.errors_unseen) or 'none')}.</p>",
        "<h2>Never met</h2>",
    ]
    for each in coverage.missing:
        name = escape(f"{each.subject} {each.id}: {each.about}")
        source = escape(text_of(scenario_of(each)))
        parts.append(f"<details><summary>{name}</summary><pre>{source}</pre></details>")
    return html_page(headline(coverage), _STYLE, parts)


def _html_table(coverage: FailureCoverage, title: str, subjects: Sequence[str]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in subjects)
    yield f"<h2>{title}</h2><table><tr><td></td>{heads}</tr>"
    for name, counts in table(coverage.rows, subjects):
        cells = "".join(map(_html_cell, counts))
        yield f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
    yield "</table>"


def _html_cell(count: int | None) -> str:
    if count is None:
        return "<td></td>"
    return f'<td class="met">{count}</td>' if count else '<td class="never">never</td>'
