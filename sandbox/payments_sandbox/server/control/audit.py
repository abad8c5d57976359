"""Owns the route of the audit."""

from functools import partial

from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.verification.audit import audit, shown_audit
from payments_sandbox.verification.observed_deliveries import deliveries_seen


def retrieve_audit(request: ControlRequest) -> dict[str, object]:
    """What is found now."""
    return shown_audit(audit(request.world, partial(deliveries_seen, request.world)))
