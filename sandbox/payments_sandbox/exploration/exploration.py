"""Owns an exploration: which runs to make next, their verdicts, and the result.

It makes no runs itself, and knows neither processes nor tests. It is used like this:

    exploration = Exploration(options)
    exploration.begin(flow(None), flow(None))          the run without a failure, twice
    while batch := exploration.next_batch():
        for planned in batch:                          in any order, or several at once
            exploration.record(planned, flow(planned.scenario()))
    result = exploration.result()

The flow is what is explored: called with a scenario, it lets the client act in a fresh world in
which the scenario is active, and returns a `RunRecord`. Runs are planned by number, so that the
order in which they end does not matter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.exploration.calls import NOBODY, CallName
from payments_sandbox.exploration.failures import MONTH_LATE, all_failures
from payments_sandbox.exploration.findings import ExploredFinding, JudgedRun, group
from payments_sandbox.exploration.judge import (
    Oracle,
    RunVerdict,
    Signs,
    customers_money,
    is_refusal,
    judge,
)
from payments_sandbox.exploration.planning import (
    Injection,
    PlannedRun,
    SecondFailures,
    Survivor,
    injections,
    is_among,
    second_failures,
)
from payments_sandbox.exploration.run_record import RunRecord, SeenCall

Flow = Callable[[Mapping[str, Any] | None], RunRecord]
"""Lets the client act in a fresh world, with a scenario or without, and records the run."""

NOBODY_MOVES: Final = "a month late never arrives unless the clock is moved by a month"

_NOTHING: Final = SecondFailures((), {})


class CannotExploreError(Exception):
    """There is nothing to compare with; the message says why, and what would have worked."""


class ExplorationOptions(NamedTuple):
    """The options of an exploration.

    Attributes:
        depth: how many failures a run may meet, 1 or 2.
        among: the ids or names of the failures to try; None tries all.
        told_by: the sign by which a flow says that money may have moved: `exit N`, or words in
            its output.
        needs: what the error says if the flow makes no call.
    """

    depth: int = 1
    among: frozenset[str] | None = None
    told_by: str | None = None
    needs: str = "it must call PAYMENTS_BASE_URL with PAYMENTS_API_KEY"


class ExplorationResult(NamedTuple):
    """The result of an exploration.

    Attributes:
        names: the calls and webhooks of the run without a failure.
        differences: how two runs without a failure differ, a sentence each.
        runs: the runs that were made, by number.
        left: the runs that were not made because time was up.
        found: the findings, the worst first.
        pruned: how many failures, and pairs of them, were left out, by the reason.
        oracle: the money that moves without a failure.
        undocumented: undocumented calls in the run without a failure, in words.
    """

    names: tuple[CallName, ...]
    differences: tuple[str, ...]
    runs: tuple[JudgedRun, ...]
    left: tuple[PlannedRun, ...]
    found: tuple[ExploredFinding, ...]
    pruned: Mapping[str, int]
    oracle: Oracle
    undocumented: tuple[str, ...] = ()

    @property
    def has_tried(self) -> bool:
        """Whether any run has met its failure; if not, nothing is known."""
        return any(each.is_met for each in self.runs)


class Exploration:
    """An exploration of one flow.

    Attributes:
        names: the calls and webhooks of the run without a failure, after `begin`.
    """

    def __init__(self, options: ExplorationOptions) -> None:
        self._options = options
        self._among = options.among
        self._out_of_reach: dict[str, int] = {}
        self._runs: dict[int, JudgedRun] = {}
        self._planned: list[PlannedRun] = []
        self._batches = 0
        self._repeated: dict[int, bool] = {}
        self._second = _NOTHING
        self._refusal_codes: frozenset[int] = frozenset()
        self.names: tuple[CallName, ...] = ()

    def begin(self, first: RunRecord, second: RunRecord) -> None:
        """Start with two runs without a failure, and compare them.

        Raises:
            CannotExploreError: the flow failed in them, or made no call.
        """
        for each in (first, second):
            _check_succeeded(each)
            if not each.names():
                raise CannotExploreError(_why_no_calls(each, self._options.needs))
        self._oracle, self.names, self._differences = compare_runs(first, second)
        self._undocumented = first.undocumented()
        if not any(world.moved >= MONTH_LATE for world in first.worlds):
            self._leave_out("month_late", NOBODY_MOVES)

    def next_batch(self) -> Sequence[PlannedRun]:
        """Return the runs to make next, in any order; none if all are made."""
        self._batches += 1
        batch: Sequence[PlannedRun] = ()
        if self._batches == 1:
            found = injections(self.names, among=self._among)
            batch = [PlannedRun(number, (each,)) for number, each in enumerate(found, 1)]
        elif self._batches == 2 and self._options.depth > 1:  # noqa: PLR2004 - the second
            # From all runs of depth 1, so that the order in which they end does not matter.
            refusals = (each.record for each in self._runs.values() if is_refusal(each.record))
            self._refusal_codes = frozenset(each.end.exit_code for each in refusals)
            self._second = self._plan_second_failures()
            batch = self._second.runs
        self._planned += batch
        return batch

    def judged(self, planned: PlannedRun, record: RunRecord) -> JudgedRun:
        """Judge a run without recording it."""
        signs = Signs(
            self._options.told_by, self._refusal_codes if planned.depth > 1 else frozenset()
        )
        why = judge(record, self._oracle, planned.failures, signs)
        is_met = all(record.has_fired(rule) for rule in planned.rule_names)
        return JudgedRun(planned, record, why, is_met)

    def record(self, planned: PlannedRun, record: RunRecord) -> None:
        """Judge and record a run that was made."""
        self._runs[planned.number] = self.judged(planned, record)

    def to_repeat(self) -> Sequence[PlannedRun]:
        """The runs that represent the findings, to make again and compare the verdicts."""
        return [each.run.planned for each in self.result().found]

    def repeat(self, planned: PlannedRun, record: RunRecord) -> None:
        """Record whether a run that was made again has the same verdict."""
        again = self.judged(planned, record)
        self._repeated[planned.number] = again.verdict is self._runs[planned.number].verdict

    def result(self) -> ExplorationResult:
        """The result so far."""
        runs = tuple(self._runs[number] for number in sorted(self._runs))
        left = tuple(each for each in self._planned if each.number not in self._runs)
        return ExplorationResult(
            self.names,
            self._differences,
            runs,
            left,
            group(runs, self._repeated),
            {**self._out_of_reach, **self._second.pruned},
            self._oracle,
            self._undocumented,
        )

    def _leave_out(self, failure: str, why: str) -> None:
        """Do not try failures with a name, and count those that are left out."""
        wanted = injections(self.names, among=self._options.among)
        if count := sum(each.failure.name == failure for each in wanted):
            self._out_of_reach[why] = count
            among = (each for each in all_failures() if is_among(each, self._options.among))
            self._among = frozenset(each.id for each in among if each.name != failure)

    def _plan_second_failures(self) -> SecondFailures:
        runs = [self._runs[number] for number in sorted(self._runs)]
        well = [each for each in runs if each.verdict is RunVerdict.SURVIVED and each.is_met]
        return second_failures(
            map(self._survivor, well),
            lost=len(runs) - len(well),
            usual=self.names,
            among=self._among,
            first_number=len(self._planned) + 1,
        )

    def _survivor(self, run: JudgedRun) -> Survivor:
        usual, by_customer = set(self.names), self._oracle.by_customer
        new = [each for each in run.record.names(by_customer=by_customer) if each not in usual]
        calls = tuple(run.record.named_calls(by_customer=by_customer))
        return Survivor(run.planned, tuple(new), _history(run.planned.injections[0], calls))


def explore(
    flow: Flow,
    options: ExplorationOptions,
    *,
    has_time: Callable[[], bool] = lambda: True,
) -> ExplorationResult:
    """Explore a flow, one run after the other, as long as there is time.

    Raises:
        CannotExploreError: the flow fails without a failure, or makes no call.
    """
    exploration = Exploration(options)
    exploration.begin(flow(None), flow(None))
    while batch := exploration.next_batch():
        for planned in batch:
            if has_time():
                exploration.record(planned, flow(planned.scenario()))
    for planned in exploration.to_repeat():
        if has_time():
            exploration.repeat(planned, flow(planned.scenario()))
    return exploration.result()


def _history(injection: Injection, calls: Sequence[tuple[CallName, SeenCall]]) -> object:
    """What the flow has met after its failure; for a failure of a webhook, all calls."""
    seen = [(name, call.status, call.code, call.is_unknown, call.committed) for name, call in calls]
    place = next((at for at, (name, *_) in enumerate(seen) if name == injection.name), None)
    if place is None:
        return injection.name, injection.failure.id, tuple(seen)
    return injection.name, seen[place][-1], tuple(seen[place + 1 :])


def compare_runs(
    first: RunRecord, second: RunRecord
) -> tuple[Oracle, tuple[CallName, ...], tuple[str, ...]]:
    """Compare two runs without a failure.

    Returns:
        The money that moves, the names of calls and webhooks in both, and the differences.
    """
    by_customer = _customers(first) == _customers(second)
    differences = [] if by_customer else [_DIFFERENT_CUSTOMERS]
    names = first.names(by_customer=by_customer)
    others = second.names(by_customer=by_customer)
    if only := {*names} ^ {*others}:
        shown = "; ".join(str(each) for each in (*names, *others) if each in only)
        differences.append(
            f"Two runs without a failure make different calls: {shown} in only one of them. Only"
            " what is in both is explored."
        )
    names = tuple(each for each in names if each not in only)
    by_order = by_customer and first.money() == second.money()
    oracle = Oracle(first.money(), by_customer, by_order)
    if customers_money(first.money(), oracle) != customers_money(second.money(), oracle):
        raise CannotExploreError(
            "two runs without a failure move different amounts of money, so there is nothing to"
            " compare with; use a fixed seed or fixed amounts"
        )
    if by_customer and not by_order:
        differences.append(_DIFFERENT_ORDERS)
    return oracle, names, tuple(differences)


def _customers(record: RunRecord) -> set[str | None]:
    return {name.customer for name in record.names()} - {NOBODY}


_DIFFERENT_CUSTOMERS: Final = (
    "Two runs without a failure have different customers: calls are distinguished only by"
    " operation and number, and money is compared in total."
)
_DIFFERENT_ORDERS: Final = (
    "Two runs without a failure have different descriptions: money is compared by customer instead"
    " of by order."
)


def _why_no_calls(record: RunRecord, needs: str) -> str:
    """Say why a run has no call that could fail."""
    if past := record.undocumented():
        return f"it makes undocumented calls: {'; '.join(past)}"
    return f"it made no calls: {needs}"


def _check_succeeded(record: RunRecord) -> None:
    end = record.end
    if not end.reports_success:
        how = (
            "it did not finish in time"
            if end.timed_out
            else end.crash or f"exit status {end.exit_code}"
        )
        raise CannotExploreError(f"it fails even without a failure: {how}")
    if unmet := next((each for world in record.worlds for each in world.unmet), None):
        raise CannotExploreError(f"an expectation is not met even without a failure: {unmet}")
