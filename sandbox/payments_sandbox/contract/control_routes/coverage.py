"""Owns the route of the tally: which failures the calls and webhooks of all worlds have met."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

COVERAGE: Final = (
    ControlRoute(
        name="retrieve_coverage",
        method="GET",
        path="/coverage",
        tag="Server",
        summary="Which failures calls and webhooks have met",
        description="Over all worlds, since a server that was started with --coverage began.",
        response="control/responses/coverage",
        needs_key=False,
    ),
)
