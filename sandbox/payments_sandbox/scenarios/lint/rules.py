"""Owns the checks of rules: names, seeds, counters, cards, impossible moves, unreachable parts."""

from collections.abc import Iterator, Sequence
from typing import Final

from payments_sandbox.contract.schema_errors import Path
from payments_sandbox.contract.schemas import Contract
from payments_sandbox.payments.payment import TRANSITIONS, Status
from payments_sandbox.rules.conditions import compile_condition
from payments_sandbox.rules.model import AtRule, EventRule, RequestRule, Then, When
from payments_sandbox.rules.scenario import Rule
from payments_sandbox.scenarios.diagnostics import KEY, Problem
from payments_sandbox.scenarios.lint.cards import check_matcher
from payments_sandbox.scenarios.lint.shadows import Shadows
from payments_sandbox.scenarios.lint.steps import check_delay, check_step, is_drawn, problem_at
from payments_sandbox.scenarios.lint.unmatchable import why_unmatchable
from payments_sandbox.scenarios.parser.rules import TRIGGERS
from payments_sandbox.scenarios.parser.values import Plain, items

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
"""What a payment can be when one of its events has happened."""

_LOOKED_AT: Final = 10_000
"""Calls that are tried for how many a rule lets through; no rule has as many steps."""

_NO_PAYMENT: Final = frozenset({"create_payment", "list_payments"})

Placed = tuple[int, Plain, Rule]
"""A rule with its position in the file, counted from 0, as written and as read."""


def check_rules(
    rules: Sequence[Placed], *, has_seed: bool, contract: Contract
) -> Iterator[Problem]:
    """Find all that is wrong with rules that have the shape of rules.

    Args:
        rules: of one scenario, in the order of the file.
        has_seed: whether the scenario has a seed.
        contract: what patched replies are held against.
    """
    names: set[str] = set()
    shadows = Shadows()
    for position, plain, rule in rules:
        path: Path = ("rules", position)
        if rule.name in names:
            message = f"another rule is called '{rule.name}'"
            yield Problem((*path, "name"), message, "give each rule a name of its own")
        names.add(rule.name)
        yield from check_matcher(plain.get("when"), (*path, "when"))
        yield from _check_draws(plain, path, has_seed=has_seed)
        yield from _check_reach(plain, rule, path)
        match rule:
            case RequestRule():
                yield from _check_request(plain, rule, path, contract)
                yield from _check_shadow(rule, shadows, path)
                shadows.add(rule)
            case EventRule() | AtRule():
                yield from _check_action(rule, path)
            case _:
                yield from check_delay(_modifier_delay(plain), (*path, "do", "delay"))


def _check_draws(plain: Plain, path: Path, *, has_seed: bool) -> Iterator[Problem]:
    if has_seed:
        return
    hint = "add 'seed: 7' or any other number at the top, so that each run draws the same"
    if "chance" in plain:
        yield Problem((*path, "chance", KEY), "'chance' without a seed", hint)
    for place, value in _delays(plain):
        if is_drawn(value):
            yield Problem((*path, *place, KEY), "a drawn delay without a seed", hint)


def _delays(plain: Plain) -> Iterator[tuple[Path, object]]:
    """Every delay of a rule, with where it is."""
    if "request" in plain:
        for position, step in items(plain, "do"):
            if isinstance(step, dict):
                yield ("do", position, "delay"), step.get("delay")
    elif "webhook" in plain:
        yield ("do", "delay"), _modifier_delay(plain)


def _modifier_delay(plain: Plain) -> object:
    return plain["do"].get("delay") if isinstance(plain["do"], dict) else None


def _check_reach(plain: Plain, rule: Rule, path: Path) -> Iterator[Problem]:
    """Whether anything at all meets the rule's conditions."""
    trigger = next(key for key in TRIGGERS if key in plain)
    kind = str(plain["request"]) if trigger == "request" else trigger
    if (found := why_unmatchable(kind, rule.when)) is not None:
        field, reason = found
        key = next((each for each in plain["when"] if each.lower() == field), field)
        yield Problem((*path, "when", key, KEY), f"this rule cannot fire: {reason}")


def _check_request(
    plain: Plain, rule: RequestRule, path: Path, contract: Contract
) -> Iterator[Problem]:
    if rule.per == "payment" and rule.operation in _NO_PAYMENT:
        message = f"{rule.operation} is about no payment that is there already"
        yield Problem((*path, "per"), message, "count per customer, card or world")
    for position, step in items(plain, "do"):
        if isinstance(step, dict):
            yield from check_step(step, rule.operation, (*path, "do", position), contract)
    yield from _check_steps_are_reached(plain, rule, path)


def _check_steps_are_reached(plain: Plain, rule: RequestRule, path: Path) -> Iterator[Problem]:
    """`call` may let through fewer calls, per key, than there are steps for."""
    if (most := _most_calls(rule.when)) is None:
        return
    served = 0
    why = f"'call' lets {most} call{'s' if most > 1 else ''} through"
    for (position, _), step in zip(items(plain, "do"), rule.steps, strict=True):
        if served >= most:
            yield Problem((*path, "do", position), f"this step is never reached: {why}")
        served += step.times
    if served >= most and rule.then is not Then.PASS:
        message = f"'then' is never reached: {why}"
        yield Problem((*path, "then"), message, "leave it out", is_warning=True)


def _most_calls(when: When) -> int | None:
    """How many calls of one key meet the conditions on `call`; None for no bound."""
    conditions = [each for each in when if each.field == "call"]
    bounds = [_bound(each.operator, each.operand) for each in conditions]
    known = [bound for bound in bounds if bound is not None]
    if not known:
        return None
    tests = [compile_condition(each) for each in conditions]
    return sum(all(test(call) for test in tests) for call in range(1, min(*known, _LOOKED_AT) + 1))


def _bound(operator: str, operand: object) -> int | None:
    """The highest call that meets a condition."""
    match operator, operand:
        case (("eq" | "lte"), int(bound)):
            return bound
        case "lt", int(bound):
            return bound - 1
        case "in", tuple(values):
            return max((each for each in values if isinstance(each, int)), default=0)
        case _:
            return None


def _check_shadow(rule: RequestRule, shadows: Shadows, path: Path) -> Iterator[Problem]:
    if (shadow := shadows.find(rule)) is not None:
        message = f"this rule never answers: '{shadow.name}' answers each of its calls before it"
        yield Problem(path, message, f"put it above '{shadow.name}', or let that one pass")


def _check_action(rule: EventRule | AtRule, path: Path) -> Iterator[Problem]:
    action, place = rule.action, (*path, "do")
    if (found := action.problem()) is not None:
        yield problem_at(place, found)
    if isinstance(rule, AtRule) and not rule.when:
        if (found := action.problem_without_payment()) is not None:
            yield problem_at(place, found)
        return
    if (move := action.payment_move) is None:
        return
    if not any(move in TRANSITIONS[status] for status in _statuses(rule)):
        message = f"'{action.name}' is impossible here: you cannot {move} such a payment"
        known = " or ".join(status for status in Status if move in TRANSITIONS[status])
        yield Problem(place, message, f"it would have to be {known}")


def _statuses(rule: EventRule | AtRule) -> set[Status]:
    """What the payments that the rule applies to can be."""
    found = STATUSES_AFTER[rule.event] if isinstance(rule, EventRule) else set(Status)
    tests = [compile_condition(each) for each in rule.when if each.field == "status"]
    return {status for status in found if all(test(status) for test in tests)}
