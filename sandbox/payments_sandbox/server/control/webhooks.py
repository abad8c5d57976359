"""Owns the routes of webhook endpoints: make, show, change, delete, give a new secret."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.delivery_json import shown_endpoint
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import Reach, changed

MOST: Final = 100
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
    items = [shown_endpoint(each) for each in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


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
    reach = Reach(request.settings.public_webhooks, request.http.host)
    return changed(endpoint, request.body, reach)
