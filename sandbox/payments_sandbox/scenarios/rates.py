"""Owns the rates at which rules with a chance answer, given the rules before them."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.rules.model import RequestRule
from payments_sandbox.rules.scenario import Scenario


class Rates(NamedTuple):
    """How often rules with a chance answer calls, until their steps are used up.

    Attributes:
        operations: the operations of the calls.
        rules: the names of the rules, each with its share of the calls that meet its conditions.
        together: the share of all rules together; None if their conditions differ.
    """

    operations: tuple[str, ...]
    rules: tuple[tuple[str, float], ...]
    together: float | None

    def __str__(self) -> str:
        named = ", then ".join(f"{name} {_percent(rate)}" for name, rate in self.rules)
        whose = "every operation" if len(self.operations) == len(BY_NAME) else None
        all_of_them = "" if self.together is None else f"; {_percent(self.together)} in all"
        return f"{whose or ', '.join(self.operations)}: {named}{all_of_them}"


def rates_of(scenario: Scenario) -> list[Rates]:
    """The rates of a scenario; operations with the same rates are grouped."""
    found: dict[tuple[RequestRule, ...], list[str]] = {}
    for operation in BY_NAME:
        if rules := tuple(_rules_with_chance(scenario, operation)):
            found.setdefault(rules, []).append(operation)
    return [_rates(rules, tuple(operations)) for rules, operations in found.items()]


def _rules_with_chance(scenario: Scenario, operation: str) -> Iterator[RequestRule]:
    for rule in scenario.rules:
        if isinstance(rule, RequestRule) and rule.operation in ("*", operation) and rule.chance < 1:
            yield rule


def _rates(rules: Sequence[RequestRule], operations: tuple[str, ...]) -> Rates:
    shares = []
    for position, rule in enumerate(rules):
        before = (each for each in rules[:position] if set(each.when) <= set(rule.when))
        shares.append((rule.name, rule.chance * _unanswered_share(before)))
    is_one = len(rules) > 1 and len({rule.when for rule in rules}) == 1
    return Rates(operations, tuple(shares), 1 - _unanswered_share(rules) if is_one else None)


def _unanswered_share(rules: Iterator[RequestRule] | Sequence[RequestRule]) -> float:
    """The share of calls that none of the rules answers."""
    return prod(1 - rule.chance for rule in rules)


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"
