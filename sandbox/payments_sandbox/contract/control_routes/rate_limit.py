"""Owns the routes about a world's rate limit."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

RATE_LIMIT: Final = (
    ControlRoute(
        name="retrieve_rate_limit",
        method="GET",
        path="/rate_limit",
        tag="Rate limit",
        summary="The world's rate limit",
        description="Asking does not count.",
        response="control/responses/rate_limit",
    ),
    ControlRoute(
        name="set_rate_limit",
        method="PUT",
        path="/rate_limit",
        tag="Rate limit",
        summary="Set the world's rate limit",
        description="`limit` holds for good, `remaining` until the hour turns.",
        request="control/requests/set_rate_limit",
        response="control/responses/rate_limit",
    ),
)
