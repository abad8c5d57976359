"""Owns the routes of webhook endpoints: make, show, change, delete, give a new secret."""

from typing import Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.delivery_json import shown_endpoint
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import Reach, changed

MOST: Final = 100
"""Endpoints that a world may have."""


def list_webhook_endpoints(request: ControlRequest) -> dict[str, object]:
    """The endpoints, newest first."""
    webhooks = request.world.webhooks
    endpoints = [] if webhooks is None else list(reversed(webhooks.outbox.endpoints.values()))
    positions = {each.id: position for position, each in enumerate(endpoints)}
    listing = Listing(
        noun="a webhook endpoint",
        position_of=positions.get,
        items_after=lambda position: endpoints[0 if position is None else position + 1 :],
        show=shown_endpoint,
    )
    return page(request, listing)


def create_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Make an endpoint; what is refused leaves none."""
    webhooks = request.world.open_webhooks()
    if len(webhooks.outbox.endpoints) >= MOST:
        raise InvalidRequest(f"/: expected at most {MOST} webhook endpoints; DELETE one first.")
    endpoint = _changed(request, webhooks.planned(request.body["url"]))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def retrieve_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """One endpoint."""
    return shown_endpoint(request.world.open_webhooks().endpoint(request.path_parameter))


def update_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Change what is given and keep the rest."""
    webhooks = request.world.open_webhooks()
    endpoint = _changed(request, webhooks.endpoint(request.path_parameter))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def delete_webhook_endpoint(request: ControlRequest) -> None:
    """Forget an endpoint; what was to be sent to it is not."""
    webhooks = request.world.open_webhooks()
    webhooks.remove(webhooks.endpoint(request.path_parameter))


def rotate_secret(request: ControlRequest) -> dict[str, object]:
    """Give an endpoint a new secret; the old one stays valid for a virtual day."""
    webhooks, world = request.world.open_webhooks(), request.world
    endpoint = webhooks.endpoint(request.path_parameter)
    try:
        rotated = webhooks.rotate(endpoint, request.body.get("secret"), world.clock.now())
    except ValueError as error:
        raise InvalidRequest(f"/secret: {error}.") from None
    return shown_endpoint(rotated)


def _changed(request: ControlRequest, endpoint: Endpoint) -> Endpoint:
    reach = Reach(request.parts.settings.public_webhooks, request.http.host)
    return changed(endpoint, request.body, reach)
