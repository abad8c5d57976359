"""Owns coverage of failure as text: the table of what was met, and scenarios for what was not."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.exploration.coverage import FailureCoverage, table
from payments_sandbox.exploration.failures import EVENTS, Failure
from payments_sandbox.scenarios.yaml_writer import line_of

NAMED: Final = 5
"""How many missing failures are printed with their scenarios."""

NOTHING: Final = (
    "coverage of failure: nothing is covered, for no call has reached a sandbox that counts."
)

_NEVER: Final = "-"


def headline(coverage: FailureCoverage) -> str:
    """Sum the coverage up in a line."""
    if not coverage.used:
        return NOTHING
    seen, unseen = len(coverage.errors_seen), len(coverage.errors_unseen)
    return (
        f"coverage of failure: {coverage.met} of {len(coverage.rows)} met ({coverage.percent} %);"
        f" errors of the API seen: {seen} of {seen + unseen}"
    )


def as_text(coverage: FailureCoverage, option: str) -> str:
    """Write it for a terminal.

    Args:
        coverage: what was met.
        option: what writes all of it to a file, such as `--coverage-json`.
    """
    if not coverage.used:
        return f"{NOTHING}\n"
    lines = [headline(coverage)]
    for subjects in (tuple(BY_NAME), EVENTS):
        lines += ["", *_table(coverage, subjects)]
    lines += _others(coverage)
    if missing := coverage.missing:
        lines += ["", "never met, with a rule that lets each happen:"]
        lines += [line for each in missing[:NAMED] for line in _named(each)]
    if (left := len(missing) - NAMED) > 0:
        lines.append(f"  and {left} more, which {option} FILE writes down")
    return "\n".join([*lines, ""])


def _table(coverage: FailureCoverage, subjects: Sequence[str]) -> Iterator[str]:
    rows = table(coverage.rows, subjects)
    margin = max(len(name) for name, _ in rows)
    yield "  ".join([" " * margin, *subjects])
    for name, counts in rows:
        cells = map(_cell, counts, map(len, subjects))
        yield "  ".join([name.ljust(margin), *cells]).rstrip()


def _cell(count: int | None, width: int) -> str:
    shown = "" if count is None else str(count or _NEVER)
    return shown.rjust(width)


def _others(coverage: FailureCoverage) -> list[str]:
    if not coverage.others:
        return []
    others = (f"{each.subject} {each.name} ({each.times})" for each in coverage.others)
    return ["", f"met besides: {', '.join(others)}"]


def _named(failure: Failure) -> list[str]:
    return [
        f"  {failure.subject} {failure.id}: {failure.about}",
        f"    {line_of(failure.rule())}",
    ]
