"""Owns the expectation `order`: calls in an order, with others between them."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.rules.schema_parts import Json, word
from payments_sandbox.verification.expectations.counting import MAX_IDS_SHOWN
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)

_MAX_SHOWN: Final = 2 * MAX_IDS_SHOWN
_LAST_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Calls of these operations in this order, with others between them."""

    operations: tuple[str, ...]

    def evaluate(self, context: EvaluationContext) -> ExpectationResult:
        """Check that the operations are a subsequence of all calls, or say which is missing."""
        seen = [str(call.entry.operation) for call in context.observed.calls]
        remaining = iter(seen)
        found = list(takewhile(lambda operation: operation in remaining, self.operations))
        shown = ", ".join(seen[:_MAX_SHOWN]) or "nothing"
        observed = f"saw {shown}{', …' if len(seen) > _MAX_SHOWN else ''}"
        if len(found) == len(self.operations):
            return ExpectationResult(met=True, observed=observed)
        missing = self.operations[len(found)]
        place = f" after {' and then '.join(found[-_LAST_SHOWN:])}" if found else ""
        return ExpectationResult(met=False, observed=f"expected {missing}{place}; {observed}")


def _parse(plain: Json) -> CallOrder:
    # The lint also parses lists from which invalid items were removed and replaced by None.
    return CallOrder(tuple(each for each in plain["order"] if each is not None))


ORDER: Final = ExpectationKind(
    key="order",
    docs="such calls were made in this order, possibly with others between them",
    schema={
        "description": "Calls in this order, others between them.",
        "properties": {
            "order": {
                "description": "The operations.",
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": word("An operation.", "an operation", BY_NAME),
                "x-expected": "a list of operations",
            },
        },
        "x-kind": "an expectation of an order",
    },
    examples=({"order": ["create_payment", "list_payments", "create_payment"]},),
    parse=_parse,
)
