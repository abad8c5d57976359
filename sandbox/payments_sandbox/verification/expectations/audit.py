"""Owns the expectation `audit`: the audit finds nothing."""

from dataclasses import dataclass
from typing import Final

from payments_sandbox.core.slices import Slices
from payments_sandbox.rules.schema_parts import word
from payments_sandbox.verification.expectations.expectation import (
    EvaluationContext,
    ExpectationKind,
    ExpectationResult,
)


@dataclass(frozen=True, slots=True)
class AuditIsClean:
    """The audit finds nothing."""

    def evaluate(self, context: EvaluationContext) -> Slices[ExpectationResult]:
        """Run the audit, and name the kinds of its findings."""
        findings = yield from context.auditing()
        kinds = dict.fromkeys(each.kind.name for each in findings)
        observed = f"found {', '.join(kinds)}" if kinds else "found nothing"
        is_final = any(not each.kind.may_clear for each in findings)
        return ExpectationResult(not kinds, observed, is_final=is_final)


AUDIT: Final = ExpectationKind(
    key="audit",
    docs="it is `clean`: the audit has no findings",
    schema={
        "description": "The audit.",
        "properties": {
            "audit": word("It finds nothing.", "clean", ["clean"]),
        },
    },
    examples=({"audit": "clean"},),
    parse=lambda _: AuditIsClean(),
)
