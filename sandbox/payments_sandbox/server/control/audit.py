"""Owns the route of the audit, which finds the mistakes of a client."""

from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.verification.audit import audit_as_json, auditing
from payments_sandbox.verification.observed import observe


async def retrieve_audit(request: ControlRequest) -> dict[str, object]:
    """Return the findings of the audit as of now."""
    return audit_as_json(await run_in_slices(auditing(observe(request.world))))
