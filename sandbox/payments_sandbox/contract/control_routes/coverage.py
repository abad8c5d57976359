"""Owns the route of coverage: which failures the calls and webhooks of all worlds have met."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

COVERAGE: Final = (
    ControlRoute(
        name="retrieve_coverage",
        method="GET",
        path="/coverage",
        tag="Server",
        summary="The failures that calls and webhooks met",
        description="Over all worlds, since the start of a server with --coverage.",
        response="control/responses/coverage",
        needs_key=False,
    ),
)
