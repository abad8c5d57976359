"""Owns the expectation `request`: how often calls of an operation were made."""

from dataclasses import dataclass
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.rules.conditions import matches, parse_when
from payments_sandbox.rules.model import When
from payments_sandbox.rules.schema_parts import Json, count_or_bounds, word
from payments_sandbox.verification.expectations.counting import Count, parse_count, saw
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)
from payments_sandbox.verification.observed import masked_conditions


@dataclass(frozen=True, slots=True)
class RequestCount:
    """How many calls of an operation, or of all (`*`), meet the conditions."""

    operation: str
    conditions: When
    count: Count

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Count the calls."""
        conditions = masked_conditions(self.conditions)
        found = [
            call.id
            for call in context.observed.calls
            if self.operation in ("*", call.entry.operation) and matches(conditions, call.fields)
        ]
        return ExpectationResult(
            self.count.admits(len(found)),
            f"expected {self.count}, {saw(found)}",
            is_final=self.count.is_exceeded_by(len(found)),
        )


def _parse(plain: Json) -> RequestCount:
    count = parse_count(plain.get("count")) or Count(1)
    return RequestCount(plain["request"], parse_when(plain.get("when")), count)


REQUEST: Final = ExpectationKind(
    key="request",
    docs="there were `count` such calls; at least one by default",
    schema={
        "description": "How often calls were made.",
        "properties": {
            "request": word(
                'The operation, or "*" for all of them.', "an operation", [*BY_NAME, "*"]
            ),
            "when": {"$ref": "#/$defs/when"},
            "count": count_or_bounds("How many; default: at least one."),
        },
        "x-kind": "an expectation of requests",
    },
    examples=(
        {
            "request": "create_payment",
            "when": {"customer_id": "cust_ada"},
            "count": {"min": 2, "max": 4},
        },
    ),
    parse=_parse,
    matchers="when",
)
