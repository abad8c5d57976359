"""Owns the question whether an earlier request rule leaves nothing for a later one.

Only plain cases are seen: the earlier rule never stops answering, and each of its conditions is one
of the later rule's too, or holds for every value that the later rule names for that field. Bounds
and prefixes are not compared with one another.
"""

from payments_sandbox.rules.conditions import Predicate, compile_condition, equals_one_of
from payments_sandbox.rules.model import Condition, RequestRule, Then


class Shadows:
    """The request rules so far that never stop answering."""

    def __init__(self) -> None:
        self._endless: list[tuple[RequestRule, list[tuple[Condition, Predicate]]]] = []

    def add(self, rule: RequestRule) -> None:
        """Let a rule stand above those to come."""
        counts_calls = any(condition.field == "call" for condition in rule.when)
        if rule.then is not Then.PASS and rule.chance == 1 and not counts_calls:
            self._endless.append((rule, [(each, compile_condition(each)) for each in rule.when]))

    def find(self, rule: RequestRule) -> RequestRule | None:
        """Find the first rule that answers each call that this one would; None when none does."""
        conditions = set(rule.when)
        named = {each.field: values for each in rule.when if (values := equals_one_of(each))}

        def is_implied(condition: Condition, test: Predicate) -> bool:
            values = named.get(condition.field)
            return condition in conditions or (values is not None and all(map(test, values)))

        for other, tests in self._endless:
            is_about = other.operation in ("*", rule.operation)
            if is_about and all(is_implied(*each) for each in tests):
                return other
        return None
