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
        description="Reading it does not count as a request.",
        response="control/responses/rate_limit",
    ),
    ControlRoute(
        name="set_rate_limit",
        method="PUT",
        path="/rate_limit",
        tag="Rate limit",
        summary="Set the world's rate limit",
        description="`limit` is permanent, `remaining` lasts until the next hour.",
        request="control/requests/set_rate_limit",
        response="control/responses/rate_limit",
    ),
)
