"""Owns the routes of webhook endpoints: make, show, change, delete, give a new secret."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.webhook_json import endpoint_json
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.target_policy import TargetPolicy

MAX_ENDPOINTS: Final = 100
"""Endpoints that a world may have."""


def list_webhook_endpoints(request: ControlRequest) -> dict[str, object]:
    """The endpoints, newest first."""
    webhooks = request.world.webhooks
    found = [] if webhooks is None else list(reversed(webhooks.outbox.endpoints.values()))
    if (start := request.query.get("starting_after")) is not None:
        ids = [each.id for each in found]
        if start not in ids:
            raise InvalidRequest("/starting_after: expected the id of a webhook endpoint.")
        found = found[ids.index(start) + 1 :]
    limit = request.query["limit"]
    items = [endpoint_json(each) for each in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


def create_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Make an endpoint; what is refused leaves none."""
    webhooks = request.world.open_webhooks()
    if len(webhooks.outbox.endpoints) >= MAX_ENDPOINTS:
        raise InvalidRequest(
            f"/: expected at most {MAX_ENDPOINTS} webhook endpoints; DELETE one first."
        )
    endpoint = _apply_settings(request, webhooks.new_endpoint(request.body["url"]))
    webhooks.put(endpoint)
    return endpoint_json(endpoint)


def retrieve_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """One endpoint."""
    return endpoint_json(request.world.open_webhooks().endpoint(request.path_parameter))


def update_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Change what is given and keep the rest."""
    webhooks = request.world.open_webhooks()
    endpoint = _apply_settings(request, webhooks.endpoint(request.path_parameter))
    webhooks.put(endpoint)
    return endpoint_json(endpoint)


def delete_webhook_endpoint(request: ControlRequest) -> None:
    """Forget an endpoint; what was to be sent to it is not."""
    webhooks = request.world.open_webhooks()
    webhooks.remove(webhooks.endpoint(request.path_parameter))


def rotate_secret(request: ControlRequest) -> dict[str, object]:
    """Give an endpoint a new secret; the old one stays valid for a virtual day."""
    webhooks, world = request.world.open_webhooks(), request.world
    endpoint = webhooks.endpoint(request.path_parameter)
    try:
        rotated = webhooks.rotate_secret(endpoint, request.body.get("secret"), world.clock.now())
    except ValueError as error:
        raise InvalidRequest(f"/secret: {error}.") from None
    return endpoint_json(rotated)


def _apply_settings(request: ControlRequest, endpoint: Endpoint) -> Endpoint:
    policy = TargetPolicy(request.settings.public_webhooks, request.http.host)
    return apply_settings(endpoint, request.body, policy)
