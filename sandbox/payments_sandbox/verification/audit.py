"""Owns the audit: what a real ledger, or a real receiver, would not forgive a client.

It goes by what was seen, not by what was meant: without idempotency keys nobody can tell two equal
orders from one that was sent twice, so it says "possible".
"""

from collections.abc import Iterable

from payments_sandbox.core.slices import Slices
from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import Observed


def auditing(observed: Observed) -> Slices[tuple[Finding, ...]]:
    """Everything that is found, by kind and then in the order it happened; a kind at a time."""
    found: list[Finding] = []
    for kind in FINDING_KINDS:
        found += [Finding(kind, message, requests) for message, requests in kind.find(observed)]
        yield
    return tuple(found)


def audit_as_json(findings: Iterable[Finding]) -> dict[str, object]:
    """The audit as the control API shows it."""
    found = [each.as_json() for each in findings]
    return {"clean": not found, "findings": found}
