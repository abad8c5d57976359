"""Owns the routes that report on the active scenarios and judge expectations."""

from typing import Final

from payments_sandbox.contract.control_routes.route import SCENARIO_BYTES, ControlRoute

REPORT: Final = (
    ControlRoute(
        name="retrieve_report",
        method="GET",
        path="/report",
        makes_world=False,
        refusals=("not_found",),
        tag="Scenarios",
        summary="The report on the active scenarios",
        description=(
            "Expectations, rules and why they did not fire, and the audit; as text, HTML or JUnit"
            " XML if Accept asks for it."
        ),
        response="control/responses/report",
        also_as=("text/plain", "text/html", "application/xml"),
    ),
    ControlRoute(
        name="verify",
        method="POST",
        path="/verify",
        tag="Scenarios",
        summary="Judge expectations, and wait until they are met",
        description="Answers as soon as all are met, or after the given time.",
        request="control/requests/verify",
        response="control/responses/verified",
        body_limit=SCENARIO_BYTES,
        refusals=("invalid_scenario",),
    ),
)
