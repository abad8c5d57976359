"""Owns the routes about webhook endpoints."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

WEBHOOKS: Final = (
    ControlRoute(
        name="list_webhook_endpoints",
        method="GET",
        path="/webhook_endpoints",
        tag="Webhooks",
        summary="List the webhook endpoints",
        description="Newest first.",
        page_of="webhook_endpoint",
    ),
    ControlRoute(
        name="create_webhook_endpoint",
        method="POST",
        path="/webhook_endpoints",
        tag="Webhooks",
        summary="Create a webhook endpoint",
        description="Events that happen from now on are sent to it.",
        success=201,
        request="control/requests/create_webhook_endpoint",
        response="control/objects/webhook_endpoint",
    ),
    ControlRoute(
        name="retrieve_webhook_endpoint",
        method="GET",
        path="/webhook_endpoints/{endpoint_id}",
        tag="Webhooks",
        summary="One webhook endpoint",
        description="The same as in the list.",
        response="control/objects/webhook_endpoint",
    ),
    ControlRoute(
        name="update_webhook_endpoint",
        method="PATCH",
        path="/webhook_endpoints/{endpoint_id}",
        tag="Webhooks",
        summary="Change a webhook endpoint",
        description="Omitted fields stay; disabling it ends its pending deliveries.",
        request="control/requests/update_webhook_endpoint",
        response="control/objects/webhook_endpoint",
    ),
    ControlRoute(
        name="delete_webhook_endpoint",
        method="DELETE",
        path="/webhook_endpoints/{endpoint_id}",
        tag="Webhooks",
        summary="Delete a webhook endpoint",
        description="Its pending deliveries end.",
        success=204,
    ),
    ControlRoute(
        name="rotate_secret",
        method="POST",
        path="/webhook_endpoints/{endpoint_id}/rotate_secret",
        tag="Webhooks",
        summary="Give a webhook endpoint a new secret",
        description="The old one stays valid for a virtual day.",
        request="control/requests/rotate_secret",
        response="control/objects/webhook_endpoint",
    ),
    ControlRoute(
        name="verify_webhook",
        method="POST",
        path="/webhook_endpoints/{endpoint_id}/verify",
        tag="Webhooks",
        summary="Verify a webhook",
        description="Against the endpoint's scheme and its currently valid secrets.",
        request="control/requests/verify_webhook",
        response="control/responses/verified_webhook",
    ),
)
