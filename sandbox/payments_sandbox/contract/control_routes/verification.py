"""Owns the routes about what has become of the active scenarios."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

VERIFICATION: Final = (
    ControlRoute(
        name="retrieve_report",
        method="GET",
        path="/report",
        tag="Scenarios",
        summary="How the active scenarios stand",
        description="Expectations met or not, rules fired or why not, and the audit.",
        response="control/responses/report",
    ),
    ControlRoute(
        name="verify",
        method="POST",
        path="/verify",
        tag="Scenarios",
        summary="Judge expectations, and wait until they are met",
        description="Answers as soon as all are met, or when time is up.",
        request="control/requests/verify",
        response="control/responses/verified",
        refusals=("invalid_scenario",),
    ),
    ControlRoute(
        name="retrieve_audit",
        method="GET",
        path="/audit",
        tag="Scenarios",
        summary="What a real ledger would not forgive",
        description="Found in the journal and the deliveries; each with the requests behind it.",
        response="control/responses/audit",
    ),
)
