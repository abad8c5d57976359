"""Owns the checks of rules: keys, names, seeds, counters, impossible moves, unreachable parts."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from payments_sandbox.contract.operations import BY_NAME, READS
from payments_sandbox.contract.schema_errors import Path
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.instants import read_duration, show_duration
from payments_sandbox.core.masking import contains_card_number
from payments_sandbox.core.wording import counted, nearest
from payments_sandbox.payments.payment import TRANSITIONS, Status
from payments_sandbox.rules.conditions import compile_condition, listed_values
from payments_sandbox.rules.model import AtRule, Condition, EventRule, RequestRule, Then, When
from payments_sandbox.rules.outcomes import OUTCOMES
from payments_sandbox.rules.scenario import Rule
from payments_sandbox.rules.schema_parts import COMMIT, Json
from payments_sandbox.rules.step_outcome import EntryProblem
from payments_sandbox.scenarios.diagnostics import KEY, Problem
from payments_sandbox.scenarios.lint_matchers import check_cards, check_matchable
from payments_sandbox.scenarios.parser import TRIGGERS, items

STATUSES_AFTER: Final = {
    "payment.completed": {Status.COMPLETED},
    "payment.failed": {Status.FAILED},
    "payment.*": {Status.COMPLETED, Status.FAILED},
    "refund.created": {Status.COMPLETED},
    "refund.*": {Status.COMPLETED},
    "chargeback.created": {Status.COMPLETED},
    "chargeback.*": {Status.COMPLETED},
    "*": {Status.COMPLETED, Status.FAILED},
}
"""The statuses that a payment can have after one of its events."""

_BOUNDING: Final = frozenset({"eq", "in", "lt", "lte"})
"""The operators that let only some first calls through."""

_CALLS_TRIED: Final = 10_000
"""How many call numbers are tried, to count those that a rule lets through."""

_NO_PAYMENT: Final = frozenset({"create_payment", "list_payments"})
_SEED: Final = (
    "add 'seed: 7' or any other number at the top, so that every run draws the same values"
)

PositionedRule = tuple[int, Json, Rule]
"""A rule: its position in the file from 0, the plain mapping, and the parsed rule."""


class LintContext(NamedTuple):
    """What the checks of a scenario depend on.

    Attributes:
        contract: the contract that patched replies have to follow.
        longest_wait: how many wall milliseconds a client may wait (`--max-wall-delay`).
        has_rules: whether there are rules elsewhere that expectations may refer to.
        unsure: the positions of rules with unreadable conditions, for which it is unknown which
            calls they answer.
    """

    contract: Contract
    longest_wait: int
    has_rules: bool = False
    unsure: frozenset[int | str] = frozenset()


# Keys


def check_keys(data: object, *, has_seed: bool) -> Iterator[Problem]:
    """Find keys of rules that are missing or conflict.

    It looks only at which keys there are, in the scenario as it was written. So it finds a missing
    `commit` even if another value in the same mapping has a wrong shape.

    Args:
        data: the scenario, of any shape.
        has_seed: whether the scenario has a seed.
    """
    for path, rule in _mappings(data.get("rules") if isinstance(data, dict) else None, ("rules",)):
        do: Path = (*path, "do")
        steps = list(_mappings(rule.get("do"), do))
        if not has_seed:
            yield from _check_draws(rule, path, [*steps, (do, rule.get("do"))])
        if "request" in rule:
            for place, step in steps:
                yield from _check_step_keys(step, _intended_operation(rule["request"]), place)


def _mappings(value: object, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the mappings in a value, if it is a list, each with its path."""
    for position, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, dict):
            yield (*path, position), each


def _intended_operation(written: object) -> str:
    """The operation that a rule names, or the most similar one."""
    return nearest(str(written), BY_NAME) or str(written)


def _check_draws(
    rule: Json, path: Path, delayed: Sequence[tuple[Path, object]]
) -> Iterator[Problem]:
    if "chance" in rule:
        yield Problem((*path, "chance", KEY), "'chance' without a seed", _SEED)
    for place, each in delayed:
        if isinstance(each, dict) and isinstance(each.get("delay"), dict):
            yield Problem((*place, "delay", KEY), "a random delay without a seed", _SEED)


def _check_step_keys(step: Json, operation: str, path: Path) -> Iterator[Problem]:
    present = [outcome for outcome in OUTCOMES if outcome.name in step]
    if len(present) > 1:
        message = f"two outcomes in one step: {' and '.join(each.name for each in present)}"
        yield Problem((*path, present[1].name, KEY), message, "give each its own step")
    for outcome in OUTCOMES:
        if outcome not in present:
            for key in outcome.SIBLING_KEYS.keys() & step.keys():
                yield Problem((*path, key, KEY), f"'{key}' only works with '{outcome.name}'")
        elif outcome.may_commit() and isinstance(value := step[outcome.name], dict):
            place = (*path, outcome.name)
            if operation in READS:
                yield from _check_commit_of_read(value, operation, place)
            elif outcome.needs_commit and not nearest("commit", value):
                message = f"'{outcome.name}' needs 'commit'"
                yield Problem((*place, KEY), message, COMMIT["x-hint"], is_missing=True)


def _check_commit_of_read(value: Json, operation: str, path: Path) -> Iterator[Problem]:
    if "commit" in value:
        message = f"commit has no effect on {operation}, which changes nothing"
        yield Problem((*path, "commit", KEY), message, "leave it out", is_warning=True)


# Rules of the right shape


def check_rules(rules: Sequence[PositionedRule], context: LintContext) -> Iterator[Problem]:
    """Find problems in the values of rules of the right shape, in order."""
    names: set[str] = set()
    endless: list[RequestRule] = []
    for position, plain, rule in rules:
        path: Path = ("rules", position)
        if rule.name in names:
            message = f"another rule is called '{rule.name}'"
            yield Problem((*path, "name"), message, "give each rule its own name")
        names.add(rule.name)
        yield from check_name(rule.name, (*path, "name"))
        yield from check_cards(plain.get("when"), (*path, "when"))
        yield from _check_conditions(plain, rule, path)
        match rule:
            case RequestRule():
                yield from _check_request(plain, rule, path, context)
                yield from _check_shadow(rule, endless, path)
                if _is_endless(rule) and position not in context.unsure:
                    endless.append(rule)
            case EventRule() | AtRule():
                yield from _check_action(rule, path)
            case _:
                delay = plain["do"].get("delay") if isinstance(plain["do"], dict) else None
                yield from _check_distribution(delay, (*path, "do", "delay"))


def check_name(name: str, path: Path) -> Iterator[Problem]:
    """Check that a name has no card number, since names are shown and kept unmasked."""
    if contains_card_number(name):
        yield Problem(
            path, "this may be a card number, which must not be in a name", "choose another name"
        )


def _check_conditions(plain: Json, rule: Rule, path: Path) -> Iterator[Problem]:
    """Check that something can meet the rule's conditions."""
    trigger = next(key for key in TRIGGERS if key in plain)
    kind = str(plain["request"]) if trigger == "request" else trigger
    matchers, place = plain.get("when", {}), (*path, "when")
    yield from check_matchable(kind, rule.when, matchers, place, "this rule cannot fire")


def _check_request(
    plain: Json, rule: RequestRule, path: Path, context: LintContext
) -> Iterator[Problem]:
    if rule.per == "payment" and rule.operation in _NO_PAYMENT:
        message = f"{rule.operation} is not about an existing payment"
        yield Problem((*path, "per"), message, "count per customer, card or world")
    for position, step in items(plain, "do"):
        if isinstance(step, dict):
            yield from _check_step(step, rule.operation, (*path, "do", position), context)
    yield from _check_steps_are_reached(plain, rule, path)


def _check_step(step: Json, operation: str, path: Path, context: LintContext) -> Iterator[Problem]:
    waits: list[tuple[Path, str]] = [
        (("delay",), each) for each in _delay_durations(step.get("delay"))
    ]
    for outcome in OUTCOMES:
        if outcome.name in step:
            for found in outcome.problems(step, operation, context.contract):
                yield _in_scenario(path, found)
            if (key := outcome.wall_time) is not None and key in step[outcome.name]:
                waits.append(((outcome.name, key), step[outcome.name][key]))
    yield from _check_distribution(step.get("delay"), (*path, "delay"))
    for place, wait in waits:
        if read_duration(wait) > context.longest_wait:
            longest = show_duration(context.longest_wait)
            message = f"--max-wall-delay ends this after {longest}"
            hint = f"start the server with --max-wall-delay {wait} to allow that"
            yield Problem((*path, *place), message, hint, is_warning=True)


def _delay_durations(delay: Any) -> list[str]:  # noqa: ANN401 - a duration, a mapping or nothing
    """The durations of a delay: the delay itself, or a typical one of its distribution."""
    if not isinstance(delay, dict):
        return [] if delay is None else [delay]
    if "cap" in delay:
        return []
    if "uniform" in delay:
        return list(delay["uniform"][:1])
    return [delay["normal"]["mean"] if "normal" in delay else delay["lognormal"]["median"]]


def _in_scenario(path: Path, found: EntryProblem) -> Problem:
    """Turn a problem of an outcome or an action into one with its path in the scenario."""
    key = (KEY,) if found.is_key else ()
    return Problem((*path, *found.path, *key), found.message, found.hint)


def _check_distribution(value: Any, path: Path) -> Iterator[Problem]:  # noqa: ANN401 - as above
    """Check that the bounds of a distribution are in order."""
    if not isinstance(value, dict):
        return
    if "uniform" in value:
        low, high = map(read_duration, value["uniform"])
        if low > high:
            yield Problem((*path, "uniform"), "the first duration must be the shorter one")
    if "lognormal" in value:
        median, p99 = (read_duration(value["lognormal"][key]) for key in ("median", "p99"))
        if not 0 < median <= p99:
            message = "p99 must be longer than the median, and the median longer than 0"
            yield Problem((*path, "lognormal"), message)


def _check_steps_are_reached(plain: Json, rule: RequestRule, path: Path) -> Iterator[Problem]:
    """Check that conditions on `call` let through enough calls for all steps."""
    if (most := _most_calls(rule.when)) is None:
        return
    served = 0
    why = f"'call' lets {counted(most, 'call')} through"
    for (position, _), step in zip(items(plain, "do"), rule.steps, strict=True):
        if served >= most:
            yield Problem((*path, "do", position), f"this step is never reached: {why}")
        served += step.times
    if served >= most and rule.then is not Then.PASS:
        message = f"'then' is never reached: {why}"
        yield Problem((*path, "then"), message, "leave it out", is_warning=True)


def _most_calls(when: When) -> int | None:
    """How many calls of one key meet the conditions on `call`; None if there is no limit."""
    conditions = [each for each in when if each.field == "call"]
    if _BOUNDING.isdisjoint(each.operator for each in conditions):
        return None
    tests = [compile_condition(each) for each in conditions]
    named = {each for condition in conditions for each in listed_values(condition) or ()}
    return sum(all(test(call) for test in tests) for call in named or range(1, _CALLS_TRIED + 1))


def _check_shadow(
    rule: RequestRule, endless: Sequence[RequestRule], path: Path
) -> Iterator[Problem]:
    """Report a rule all of whose calls an earlier, endless rule answers.

    It finds simple cases: each condition of the earlier rule is also one of this rule, or holds for
    every value that this rule names for the field. Bounds and prefixes are not compared.
    """
    own = set(rule.when)
    named = {each.field: values for each in rule.when if (values := listed_values(each))}

    def is_implied(condition: Condition) -> bool:
        values = named.get(condition.field)
        return values is not None and all(map(compile_condition(condition), values))

    for other in endless:
        is_about = other.operation in ("*", rule.operation)
        if is_about and all(map(is_implied, set(other.when) - own)):
            message = f"this rule never answers: '{other.name}' answers all of its calls first"
            hint = f"put it above '{other.name}', or let that rule pass"
            yield Problem(path, message, hint)
            return


def _is_endless(rule: RequestRule) -> bool:
    counts_calls = any(condition.field == "call" for condition in rule.when)
    return rule.then is not Then.PASS and rule.chance == 1 and not counts_calls


def _check_action(rule: EventRule | AtRule, path: Path) -> Iterator[Problem]:
    action, place = rule.action, (*path, "do")
    if (found := action.problem()) is not None:
        yield _in_scenario(place, found)
    if isinstance(rule, AtRule) and not rule.when:
        if (found := action.problem_without_payment()) is not None:
            yield _in_scenario(place, found)
        return
    if (move := action.payment_move) is None:
        return
    if not any(move in TRANSITIONS[status] for status in _possible_statuses(rule)):
        message = f"'{action.name}' is impossible here: you cannot {move} this payment"
        known = " or ".join(status for status in Status if move in TRANSITIONS[status])
        yield Problem(place, message, f"it would have to be {known}")


def _possible_statuses(rule: EventRule | AtRule) -> set[Status]:
    """The possible statuses of the payments that the rule applies to."""
    found = STATUSES_AFTER[rule.event] if isinstance(rule, EventRule) else set(Status)
    tests = [compile_condition(each) for each in rule.when if each.field == "status"]
    return {status for status in found if all(test(status) for test in tests)}
