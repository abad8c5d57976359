"""Owns the route of the audit: what the client did that would cost money in production."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

AUDIT: Final = (
    ControlRoute(
        name="retrieve_audit",
        method="GET",
        path="/audit",
        makes_world=False,
        refusals=("not_found",),
        tag="Scenarios",
        summary="The findings of the audit",
        description="What the journal and the deliveries show, each with the requests behind it.",
        response="control/responses/audit",
    ),
)
