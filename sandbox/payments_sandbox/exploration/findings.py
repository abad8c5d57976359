"""Owns findings: runs that went wrong in one way, as one thing with several witnesses."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from payments_sandbox.exploration.judge import ReasonedVerdict, RunVerdict
from payments_sandbox.exploration.planning import PlannedRun, class_of
from payments_sandbox.exploration.run_record import RunRecord

LONGEST_NAME: Final = 80
"""Characters of a scenario's name, as the scenario schema has it."""


class JudgedRun(NamedTuple):
    """A run that was made, with its verdict; it is met if each of its failures has come up."""

    planned: PlannedRun
    record: RunRecord
    why: ReasonedVerdict
    is_met: bool

    @property
    def verdict(self) -> RunVerdict:
        """Its verdict."""
        return self.why.verdict

    @property
    def says_nothing(self) -> bool:
        """Whether all went well, but a failure has not come up: nothing is known then."""
        return self.verdict.is_well and not self.is_met


class ExploredFinding(NamedTuple):
    """Runs of one verdict that have met failures of one class at the same calls.

    Attributes:
        number: its place among all, the worst first, from 1.
        run: the one that tells of it.
        witnesses: all of them, `run` among them.
        is_repeatable: whether `run` has come to the same again; None where nobody has tried.
    """

    number: int
    run: JudgedRun
    witnesses: tuple[JudgedRun, ...]
    is_repeatable: bool | None = None

    @property
    def verdict(self) -> RunVerdict:
        """What has become of each of them."""
        return self.run.verdict

    @property
    def name(self) -> str:
        """The name of its scenario, and of the file: NN-VERDICT-CALL-FAULT."""
        return scenario_name(f"{self.number:02}-{self.verdict}-{self.run.planned.slug}")

    @property
    def identity(self) -> str:
        """What it is called in a baseline: the same in every exploration that finds it."""
        return (
            f"{self.verdict} | {' | '.join(f'{name}: {kind}' for name, kind in key_of(self.run))}"
        )


def scenario_name(text: str) -> str:
    """Cut a text to the length that the name of a scenario may have."""
    return text[:LONGEST_NAME].rstrip("-_")


def key_of(run: JudgedRun) -> tuple[tuple[str, str], ...]:
    """The calls at which a run has met failures, each with the class of its failure."""
    return tuple((str(each.name), class_of(each.failure)) for each in run.planned.injections)


def group(runs: Sequence[JudgedRun], repeated: Mapping[int, bool]) -> tuple[ExploredFinding, ...]:
    """Group what went wrong, the worst first.

    `repeated` says whether a run has come to the same again, by its number.
    """
    groups: dict[tuple[object, ...], list[JudgedRun]] = {}
    for run in runs:
        if not run.verdict.is_well:
            groups.setdefault((run.verdict, key_of(run)), []).append(run)
    order = list(RunVerdict)
    ranked = sorted(groups.values(), key=lambda each: order.index(each[0].verdict))
    return tuple(
        ExploredFinding(number, found[0], tuple(found), repeated.get(found[0].planned.number))
        for number, found in enumerate(ranked, 1)
    )
