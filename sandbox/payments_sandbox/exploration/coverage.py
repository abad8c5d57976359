"""Owns coverage of failure: which failures of the family a suite has met, and which it has not."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.client.models import CoverageModel
from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.exploration.failures import CallFailure, Failure, all_failures, scenario_of

_ERRORS: Final = tuple(name for name, code in CODES.items() if code.operations)
"""The error codes that some operation documents."""

MetKey = tuple[str, str | None, bool | None]
"""Of what has been met: the operation or the event, the failure, and `commit`."""


class CoverageRow(NamedTuple):
    """A failure of the family, and how often it was met."""

    failure: Failure
    times: int


class OtherRow(NamedTuple):
    """A failure that was met outside the family, such as a reply written out in a scenario."""

    subject: str
    name: str
    times: int


class FailureCoverage(NamedTuple):
    """What a suite has met.

    Attributes:
        rows: every failure of the family.
        others: what was met besides.
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
        """The documented error codes that some call was answered with."""
        met = {row.failure.name for row in self.rows if row.times}
        return [name for name in _ERRORS if name in met]

    @property
    def errors_unseen(self) -> list[str]:
        """The documented error codes that no call was answered with."""
        return [name for name in _ERRORS if name not in self.errors_seen]

    @property
    def missing(self) -> list[Failure]:
        """The failures that were never met: of used operations first, the most costly first."""
        missing = [row.failure for row in self.rows if not row.times]
        return sorted(missing, key=lambda each: (each.subject not in self.used, _rank(each)))

    def as_json(self) -> dict[str, Any]:
        """The coverage as JSON; each failure that was not met has a scenario for it."""
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
    """Merge what servers have counted.

    Args:
        tallies: of servers, as the control API shows them.
        before: what one of them had counted already when the suite began.
    """
    counts = sum(map(_counts, tallies), Counter[MetKey]())
    if before is not None:
        counts -= _counts(before)
    used = frozenset(subject for subject, _, _ in counts)
    rows = tuple(CoverageRow(each, _take(counts, each)) for each in all_failures())
    others = sorted(
        OtherRow(subject, name, count)
        for (subject, name, _), count in counts.items()
        if name is not None
    )
    return FailureCoverage(rows, tuple(others), used)


def table(
    rows: Iterable[CoverageRow], subjects: Sequence[str]
) -> list[tuple[str, list[int | None]]]:
    """Lay the rows of some operations, or of some events, out as a table.

    Returns:
        A row for each failure: its name, and how often each subject met it; None where that has no
        such failure.
    """
    errors_first = sorted(rows, key=lambda row: getattr(row.failure, "is_on_wire", False))
    counts = {(row.failure.subject, row.failure.id): row.times for row in errors_first}
    names = dict.fromkeys(name for subject, name in counts if subject in subjects)
    return [(name, [counts.get((each, name)) for each in subjects]) for name in names]


def why_too_low(coverage: FailureCoverage, wanted: float) -> str | None:
    """Why a suite covers less than is wanted, in a sentence; None where it does not.

    A suite that has called nothing covers too little, however little is wanted.
    """
    if not coverage.used:
        return "no call has reached a sandbox that counts, so no failure is covered"
    if coverage.percent >= wanted:
        return None
    return f"{coverage.percent} % of the failures were met, and {wanted:g} % are wanted"


def _counts(tally: CoverageModel) -> Counter[MetKey]:
    counts: Counter[MetKey] = Counter()
    for call in tally["calls"]:
        counts[call["operation"], call["failure"], call["commit"]] += call["count"]
    for webhook in tally["webhooks"]:
        counts[webhook["event"], webhook["failure"], None] += webhook["count"]
    return counts


def _take(counts: Counter[MetKey], failure: Failure) -> int:
    """Take the count of a failure out of the counts."""
    commits: tuple[bool | None, ...] = (None, False, True)
    if isinstance(failure, CallFailure) and failure.commit is not None:
        commits = (failure.commit,)
    return sum(counts.pop((failure.subject, failure.name, each), 0) for each in commits)


def _rank(failure: Failure) -> int:
    """Rank failures: those that hide that money moved, then webhooks, the wire, errors."""
    if isinstance(failure, CallFailure):
        return 0 if failure.commit else 2 if failure.is_on_wire else 3
    return 1


def _row_as_json(row: CoverageRow) -> dict[str, Any]:
    failure = row.failure
    if isinstance(failure, CallFailure):
        of = {"operation": failure.operation, "failure": failure.name, "commit": failure.commit}
    else:
        of = {"event": failure.event, "failure": failure.name}
    return {
        **of,
        "about": failure.about,
        "count": row.times,
        **({} if row.times else {"scenario": scenario_of(failure)}),
    }
