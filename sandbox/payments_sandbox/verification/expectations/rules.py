"""Owns the expectation `rules`: each rule of the scenario has fired."""

from dataclasses import dataclass
from typing import ClassVar, Final

from payments_sandbox.rules.model import When
from payments_sandbox.verification.expectations.counting import listed
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
    Plain,
    at_once,
)


@dataclass(frozen=True, slots=True)
class AllRulesFired:
    """Each rule has answered or acted at least once."""

    subject: ClassVar[None] = None
    conditions: ClassVar[When] = ()

    @at_once
    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Name the rules that have not."""
        if not context.rules:
            return ExpectationResult(met=False, observed="saw no rules")
        idle = [each.rule.name for each in context.rules if not each.fired]
        observed = f"never fired: {listed(idle)}" if idle else "each has fired"
        return ExpectationResult(not idle, observed)


def _parse(_: Plain) -> AllRulesFired:
    return AllRulesFired()


RULES: Final = ExpectationKind(
    key="rules",
    docs="`all_fired`: each rule of this scenario has answered or acted at least once",
    schema={
        "description": "The rules.",
        "properties": {
            "rules": {
                "description": "Each has fired.",
                "type": "string",
                "enum": ["all_fired"],
                "x-expected": "all_fired",
            },
        },
    },
    examples=({"rules": "all_fired"},),
    parse=_parse,
    needs_rules=True,
)
