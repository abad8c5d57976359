"""Owns findings: runs that went wrong in the same way, as one finding with several witnesses."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from payments_sandbox.exploration.judge import ReasonedVerdict, RunVerdict
from payments_sandbox.exploration.planning import PlannedRun, class_of
from payments_sandbox.exploration.run_record import RunRecord

LONGEST_NAME: Final = 80
"""How many characters a scenario's name may have, by the scenario schema."""


class JudgedRun(NamedTuple):
    """A run with its verdict; `is_met` says whether each of its failures has happened."""

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
        """Whether all went well, but a failure has not happened, so that nothing is known."""
        return self.verdict.is_well and not self.is_met


class ExploredFinding(NamedTuple):
    """Runs with the same verdict that met failures of the same class at the same calls.

    Attributes:
        number: its number among all findings, the worst first, from 1.
        run: the run that represents it.
        witnesses: all its runs, including `run`.
        is_repeatable: whether `run` had the same verdict again; None if it was not repeated.
    """

    number: int
    run: JudgedRun
    witnesses: tuple[JudgedRun, ...]
    is_repeatable: bool | None = None

    @property
    def verdict(self) -> RunVerdict:
        """The verdict of its runs."""
        return self.run.verdict

    @property
    def name(self) -> str:
        """The name of its scenario, and of the file: NN-VERDICT-CALL-FAULT."""
        return scenario_name(f"{self.number:02}-{self.verdict}-{self.run.planned.slug}")

    @property
    def identity(self) -> str:
        """Its name in a baseline, which is the same in every exploration that finds it."""
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
    """Group the runs that went wrong into findings, the worst first.

    `repeated` says for the number of a run whether it had the same verdict again.
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
