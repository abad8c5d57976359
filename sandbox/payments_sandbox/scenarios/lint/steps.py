"""Owns the checks of one step: its outcome, its `commit`, its error, its patch, its delays."""

from collections.abc import Iterator
from typing import Any, Final

from payments_sandbox.contract.error_codes import CODES, documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schema_errors import Path, render
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.instants import read_duration
from payments_sandbox.payments.payment import TRANSITIONS, Status
from payments_sandbox.rules.merge_patch import merged
from payments_sandbox.rules.outcomes import OUTCOMES
from payments_sandbox.scenarios.diagnostics import KEY, Problem
from payments_sandbox.scenarios.parser.rules import READS
from payments_sandbox.scenarios.parser.steps import OUTCOME_KEYS
from payments_sandbox.scenarios.parser.values import Plain, items

NEEDS_COMMIT: Final = frozenset(each.name for each in OUTCOMES if each.needs_commit)
MAY_COMMIT: Final = frozenset(each.name for each in OUTCOMES if each.may_commit())
_WHICH: Final = "true: the operation happened before the fault; false: it never did"


def check_step(plain: Plain, operation: str, path: Path, contract: Contract) -> Iterator[Problem]:
    """All that can be wrong with a step that has the shape of one."""
    given = [key for key in OUTCOME_KEYS if key in plain]
    if len(given) > 1:
        message = f"two outcomes in one step: {' and '.join(given)}"
        yield Problem((*path, given[1], KEY), message, "make each a step of its own")
    for key in given:
        yield from _check_commit(key, plain[key], operation, (*path, key))
    if "respond" in plain:
        yield from _check_error(plain["respond"]["error"], operation, (*path, "respond", "error"))
    if "settle" in plain:
        yield from _check_settle(plain, operation, (*path, "settle"))
    yield from _check_patch(plain, operation, path, contract)
    yield from check_delay(plain.get("delay"), (*path, "delay"))


def _check_commit(key: str, value: Any, operation: str, path: Path) -> Iterator[Problem]:  # noqa: ANN401 - of any outcome
    if key not in MAY_COMMIT:
        return
    if operation not in READS:
        if key in NEEDS_COMMIT and "commit" not in value:
            yield Problem((*path, KEY), f"'{key}' needs 'commit'", _WHICH)
    elif "commit" in value:
        message = f"commit has no effect on {operation}, which changes nothing"
        yield Problem((*path, "commit", KEY), message, "leave it out", is_warning=True)


def _check_error(error: str, operation: str, path: Path) -> Iterator[Problem]:
    operations = list(BY_NAME) if operation == "*" else [operation]
    known = [name for name in CODES if all(name in documented_for(each) for each in operations)]
    if error not in known:
        whose = "every operation" if operation == "*" else operation
        message = f"'{error}' is no error of {whose}"
        yield Problem(path, message, f"documented are {', '.join(known)}")


def _check_settle(plain: Plain, operation: str, path: Path) -> Iterator[Problem]:
    if operation != "create_payment":
        hint = "use it with request: create_payment"
        yield Problem((*path, KEY), "'settle' is about a payment that is being made", hint)
    before: Status | None = None
    for position, turn in items(plain, "settle"):
        place, to = (*path, position), Status(turn["to"])
        waits = [key for key in ("after", "after_reads") if key in turn]
        if before is None:
            if to is not Status.PENDING or waits:
                yield Problem(place, "the first entry is {to: pending}", "add it before this one")
        elif to not in TRANSITIONS[before].values() or to is before:
            message = f"a payment that is {before} does not become {to}"
            yield Problem((*place, "to"), message, "a payment settles once: completed or failed")
        elif len(waits) != 1:
            message = "an entry has after or after_reads, and not both"
            yield Problem(place, message, "such as {to: completed, after: 2h}")
        before = to


def _check_patch(plain: Plain, operation: str, path: Path, contract: Contract) -> Iterator[Problem]:
    if "patch" not in plain:
        if "off_contract" in plain:
            yield Problem((*path, "off_contract", KEY), "'off_contract' goes with 'patch'")
        return
    if "off_contract" in plain:
        return
    for name in BY_NAME if operation == "*" else (operation,):
        response = BY_NAME[name].response
        [example, *_] = contract.schemas[response]["examples"]
        if problems := contract.problems(response, merged(example, plain["patch"])):
            message = f"the patched reply of {name} breaks the contract: {render(problems)[:-1]}"
            yield Problem((*path, "patch", KEY), message, "add off_contract: true to do it anyway")


def check_delay(value: Any, path: Path) -> Iterator[Problem]:  # noqa: ANN401 - a duration, a mapping or nothing
    """The bounds of a distribution are the right way round."""
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
