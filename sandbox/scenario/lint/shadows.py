"""Owns the question whether an earlier request rule leaves nothing for a later one."""

from collections.abc import Sequence
from typing import Final

from sandbox.scenario.matching import compiled, equals_one_of
from sandbox.scenario.model import Condition, RequestRule, Then

_LOWER: Final = frozenset({"gt", "gte"})
_UPPER: Final = frozenset({"lt", "lte"})


def shadow_of(rule: RequestRule, earlier: Sequence[RequestRule]) -> RequestRule | None:
    """The earlier rule that answers each call that this one would, or None."""
    return next((each for each in earlier if _covers(each, rule)), None)


def _covers(earlier: RequestRule, rule: RequestRule) -> bool:
    return (
        earlier.then is not Then.PASS
        and earlier.chance >= 1
        and earlier.operation in ("*", rule.operation)
        and all(_is_implied(condition, rule) for condition in earlier.when)
    )


def _is_implied(wanted: Condition, rule: RequestRule) -> bool:
    """Whether each call that meets the rule's conditions meets this one too."""
    if wanted.field == "call":
        return False
    return any(
        given == wanted or (given.field == wanted.field and _implies(given, wanted))
        for given in rule.when
    )


def _implies(given: Condition, wanted: Condition) -> bool:
    if (values := equals_one_of(given)) is not None:
        test = compiled(wanted)
        return all(test(value) for value in values)
    if {given.operator, wanted.operator} <= _LOWER or {given.operator, wanted.operator} <= _UPPER:
        return compiled(wanted)(_edge(given))
    return False


def _edge(given: Condition) -> object:
    """The value nearest to the bound that still meets the condition."""
    bound = int(str(given.operand))
    edge = bound + {"gt": 1, "lt": -1}.get(given.operator, 0)
    return str(edge) if given.field.startswith(("header.", "query.")) else edge
