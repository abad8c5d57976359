"""Owns the route of the audit."""

from payments_sandbox.server.control.control_request import Ask
from payments_sandbox.verification.audit import audit, audit_as_json
from payments_sandbox.verification.observed import observe


def retrieve_audit(ask: Ask) -> dict[str, object]:
    """What the audit finds now."""
    return audit_as_json(audit(observe(ask.world)))
