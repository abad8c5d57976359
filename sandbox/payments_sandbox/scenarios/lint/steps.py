"""Owns the checks of one step: its outcome, its `commit`, its delay."""

from collections.abc import Iterator
from typing import Any

from payments_sandbox.contract.schema_errors import Path
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.outcomes import OUTCOMES
from payments_sandbox.rules.step_outcome import COMMIT, EntryProblem, Outcome
from payments_sandbox.scenarios.diagnostics import KEY, Problem
from payments_sandbox.scenarios.parser.rules import READS
from payments_sandbox.scenarios.parser.values import Plain


def check_step(plain: Plain, operation: str, path: Path, contract: Contract) -> Iterator[Problem]:
    """Find all that is wrong with a step that has the shape of one.

    Args:
        plain: the step.
        operation: that the rule is about, or `*`.
        path: of the step.
        contract: what patched replies are held against.
    """
    given = [outcome for outcome in OUTCOMES if outcome.name in plain]
    if len(given) > 1:
        message = f"two outcomes in one step: {' and '.join(each.name for each in given)}"
        yield Problem((*path, given[1].name, KEY), message, "make each a step of its own")
    for outcome in given:
        yield from _check_commit(outcome, plain[outcome.name], operation, (*path, outcome.name))
        for found in outcome.problems(plain, operation, contract):
            yield problem_at(path, found)
    for outcome in OUTCOMES:
        for key in outcome.BESIDE if outcome not in given else ():
            if key in plain:
                yield Problem((*path, key, KEY), f"'{key}' goes with '{outcome.name}'")
    yield from check_delay(plain.get("delay"), (*path, "delay"))


def problem_at(path: Path, found: EntryProblem) -> Problem:
    """Give a problem of an outcome or an action its place in the scenario."""
    key = (KEY,) if found.is_key else ()
    return Problem((*path, *found.path, *key), found.message, found.hint)


def _check_commit(
    outcome: type[Outcome],
    value: Any,  # noqa: ANN401 - of any outcome
    operation: str,
    path: Path,
) -> Iterator[Problem]:
    if not outcome.may_commit():
        return
    if operation not in READS:
        if outcome.needs_commit and "commit" not in value:
            yield Problem((*path, KEY), f"'{outcome.name}' needs 'commit'", COMMIT["x-hint"])
    elif "commit" in value:
        message = f"commit has no effect on {operation}, which changes nothing"
        yield Problem((*path, "commit", KEY), message, "leave it out", is_warning=True)


def check_delay(value: Any, path: Path) -> Iterator[Problem]:  # noqa: ANN401 - a duration, a mapping or nothing
    """Check that the bounds of a distribution are the right way round."""
    if not isinstance(value, dict):
        return
    if "uniform" in value:
        low, high = map(read_duration, value["uniform"])
        if low > high:
            yield Problem((*path, "uniform"), "the first of the two is the shorter one")
    if "lognormal" in value:
        median, p99 = (read_duration(value["lognormal"][key]) for key in ("median", "p99"))
        if not 0 < median <= p99:
            message = "p99 is longer than the median, and that longer than nothing"
            yield Problem((*path, "lognormal"), message)


def is_drawn(value: object) -> bool:
    """Whether a delay is a distribution."""
    return isinstance(value, dict)
