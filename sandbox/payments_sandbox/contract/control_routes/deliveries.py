"""Owns the routes about deliveries of webhooks."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

DELIVERIES: Final = (
    ControlRoute(
        name="list_deliveries",
        method="GET",
        path="/deliveries",
        tag="Webhooks",
        summary="List the deliveries",
        description="Newest first, each with all its attempts.",
        query="control/queries/deliveries",
        page_of="delivery",
    ),
    ControlRoute(
        name="retrieve_delivery",
        method="GET",
        path="/deliveries/{delivery_id}",
        tag="Webhooks",
        summary="One delivery",
        description="The same as in the list.",
        response="control/objects/delivery",
    ),
)
