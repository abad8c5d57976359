"""Owns the route of the audit."""

from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.verification.audit import audit, audit_as_json
from payments_sandbox.verification.observed import observe


def retrieve_audit(request: ControlRequest) -> dict[str, object]:
    """What the audit finds now."""
    return audit_as_json(audit(observe(request.world)))
