"""Owns the audit: mistakes of a client that would cost money or security in production.

It judges what was observed, and cannot know what was intended. Without idempotency keys, two equal
orders look like one that was sent twice, so these findings are called "possible".
"""

from collections.abc import Iterable

from payments_sandbox.core.slices import Slices
from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.findings.finding import Finding
from payments_sandbox.verification.observed import Observed


def auditing(observed: Observed) -> Slices[tuple[Finding, ...]]:
    """Return all findings, by kind and then in order of time, in one slice for each kind."""
    found: list[Finding] = []
    for kind in FINDING_KINDS:
        found += [Finding(kind, message, requests) for message, requests in kind.find(observed)]
        yield
    return tuple(found)


def audit_as_json(findings: Iterable[Finding]) -> dict[str, object]:
    """The audit as the control API shows it."""
    found = [each.as_json() for each in findings]
    return {"clean": not found, "findings": found}
