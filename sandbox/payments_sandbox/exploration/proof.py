"""Owns the proof of a fix: a scenario fails with the old code and passes with the new code."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple

from payments_sandbox.exploration.judge import gives_sign
from payments_sandbox.exploration.report import read_report
from payments_sandbox.exploration.run_record import RunRecord, call_by_call

COLUMN: Final = 48
"""The width of each of the two columns."""

_LAST_LINES: Final = 3
"""How many lines of a failed command's output are shown."""


class ProvedRun(NamedTuple):
    """The outcome of a run, and why; `is_word` says whether the command itself reports failure."""

    why: str
    happened: tuple[str, ...] = ()
    passes: bool = False
    is_word: bool = False


class ProvedTree(NamedTuple):
    """A version of the code, and the outcome of the command with it.

    Attributes:
        name: the name of the version.
        run: the run with the scenario.
        without: the run without the scenario's failures; None if there was none.
        has_fired: whether a rule of the scenario has fired, if it has any.
    """

    name: str
    run: ProvedRun
    without: ProvedRun | None = None
    has_fired: bool = True


class Conclusion(NamedTuple):
    """The conclusion from two versions: a sentence or two, and whether the fix is proved."""

    sentence: str
    is_proved: bool = False


def judge_run(record: RunRecord, told_by: str | None) -> ProvedRun:
    """Judge a run as `run` does: by its expectations, and by how its command ended.

    `told_by` is the sign by which the command says that money may have moved: `exit N`, or words in
    its output.
    """
    end = record.end
    unmet = [each for world in record.worlds for each in world.unmet]
    happened = call_by_call(record)
    if unmet:
        return ProvedRun(f"an expectation is not met: {unmet[0]}", happened)
    if end.timed_out:
        return ProvedRun("it did not finish in time", happened)
    if end.reports_success:
        return ProvedRun("exit status 0", happened, passes=True)
    if told_by is not None and gives_sign(end, told_by):
        return ProvedRun(f"it reports what happened ({told_by})", happened, passes=True)
    why = end.crash or f"exit status {end.exit_code}"
    last = tuple(f"  {line}" for line in end.output.splitlines()[-_LAST_LINES:])
    return ProvedRun(why, (*happened, *last), is_word=end.crash is None)


def conclude(old: ProvedTree, new: ProvedTree) -> Conclusion:
    """Conclude from two runs: a fix is proved if the old version fails and the new one passes."""
    if (doubt := _why_inconclusive(old, new)) is not None:
        return Conclusion(doubt)
    match old.run.passes, new.run.passes:
        case False, True:
            sentence = f"Proved: it fails on {old.name}, and passes on {new.name}."
            return Conclusion(sentence, is_proved=True)
        case True, True:
            why = "it passes on both: the scenario does not reproduce the bug"
        case False, False:
            hint = f". {_HINT}" if new.run.is_word else ""
            why = f"it fails on both: on {new.name} {new.run.why}{hint}"
        case _:
            why = f"it passes on {old.name} and fails on {new.name}: the bug is new"
    return Conclusion(f"Not proved: {why.rstrip('.')}.")


_HINT: Final = "If the command reports this on purpose, name the sign with --told-by"


def _why_inconclusive(old: ProvedTree, new: ProvedTree) -> str | None:
    """Say why the runs with the scenario prove nothing, or return None."""
    for tree, other in ((old, new), (new, old)):
        if tree.without is None or other.without is None:
            continue
        if not tree.without.passes and other.without.passes:
            lacks = "" if tree is new else " Files that git does not track are missing there."
            return (
                f"Not proved: on {tree.name} it fails even without a failure:"
                f" {tree.without.why}.{lacks}"
            )
    if not old.has_fired:
        return f"Not proved: on {old.name} no rule of the scenario has fired ({old.run.why})."
    return None


def side_by_side(old: ProvedTree, new: ProvedTree, *, column: int = COLUMN) -> str:
    """Write both runs in two columns."""
    lines = zip_longest(_lines(old, column), _lines(new, column), fillvalue="")
    return "\n".join(f"{left.ljust(column)}  {right}".rstrip() for left, right in lines)


def _lines(tree: ProvedTree, column: int) -> Iterator[str]:
    verdict = "passes" if tree.run.passes else "fails"
    yield from _wrapped((tree.name, f"{verdict}: {tree.run.why}"), column)
    yield ""
    yield from _wrapped(tree.run.happened, column)


def _wrapped(lines: Sequence[str], column: int) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(line, column, subsequent_indent="  ") or [""]


def read_earlier(file: Path, scenario: str, seed: int, command: str) -> ProvedTree:
    """Read the run of a finding from the report of an earlier exploration.

    The tree's name has the explored command if it is not the given one: two commands compare only
    if the same code is in both.

    Raises:
        ValueError: it is not such a report, lacks the finding, or had another seed.
    """
    report = read_report(file)
    names = [each["name"] for each in report["findings"]]
    if scenario not in names:
        raise ValueError(
            f"{file} has no finding {scenario!r}; it has {', '.join(names) or 'none at all'}"
        )
    if report["seed"] != seed:
        raise ValueError(f"{file} was made with seed {report['seed']}: add --seed {report['seed']}")
    finding = report["findings"][names.index(scenario)]
    run = ProvedRun(finding["verdict"], tuple(finding["happened"]))
    explored = report.get("command", command)
    return ProvedTree(str(file) if explored == command else f"{file} ({explored})", run)
