"""Owns the expectation `rules`: every rule of the scenario has fired."""

from dataclasses import dataclass
from typing import Final

from payments_sandbox.rules.schema_parts import word
from payments_sandbox.verification.expectations.counting import listed
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)


@dataclass(frozen=True, slots=True)
class AllRulesFired:
    """Every rule has answered or acted at least once."""

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Name the rules that have not fired."""
        if not context.rules:
            return ExpectationResult(met=False, observed="saw no rules")
        idle = [each.rule.name for each in context.rules if not each.fired]
        observed = f"never fired: {listed(idle)}" if idle else "each has fired"
        return ExpectationResult(not idle, observed)


RULES: Final = ExpectationKind(
    key="rules",
    docs="`all_fired`: each rule of this scenario answered or acted at least once",
    schema={
        "description": "The rules.",
        "properties": {
            "rules": word("Each has fired.", "all_fired", ["all_fired"]),
        },
    },
    examples=({"rules": "all_fired"},),
    parse=lambda _: AllRulesFired(),
    needs_rules=True,
)
