"""Owns the routes of webhook endpoints: CRUD, rotating a secret, verifying a webhook."""

from functools import partial
from typing import Final

from payments_sandbox.core.errors import InvalidRequest, parse_field
from payments_sandbox.core.instants import SECOND, read_instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.webhook_json import endpoint_json
from payments_sandbox.webhooks.endpoint import Endpoint, TimestampClock
from payments_sandbox.webhooks.endpoint_settings import apply_settings
from payments_sandbox.webhooks.target_policy import TargetPolicy
from payments_sandbox.webhooks.verification import Received, why_refused

MAX_ENDPOINTS: Final = 100
"""Endpoints that a world may have, at most."""


def list_webhook_endpoints(request: ControlRequest) -> dict[str, object]:
    """List the endpoints, newest first."""
    webhooks = request.world.webhooks
    endpoints = [] if webhooks is None else list(reversed(webhooks.outbox.endpoints.values()))
    positions = {each.id: position for position, each in enumerate(endpoints)}
    listing = Listing(
        noun="a webhook endpoint",
        position_of=positions.get,
        items_after=lambda position: endpoints[0 if position is None else position + 1 :],
        show=endpoint_json,
    )
    return page(request, listing)


def create_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Create an endpoint."""
    webhooks = request.world.open_webhooks()
    if len(webhooks.outbox.endpoints) >= MAX_ENDPOINTS:
        raise InvalidRequest(
            f"/: expected at most {MAX_ENDPOINTS} webhook endpoints;"
            " DELETE /_sandbox/webhook_endpoints/ID removes one."
        )
    endpoint = _apply_settings(request, webhooks.new_endpoint(request.body["url"]))
    webhooks.put(endpoint)
    return endpoint_json(endpoint)


def retrieve_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Return one endpoint."""
    return endpoint_json(request.world.open_webhooks().endpoint(request.path_parameter))


def update_webhook_endpoint(request: ControlRequest) -> dict[str, object]:
    """Change the given settings of an endpoint, and keep the others."""
    webhooks = request.world.open_webhooks()
    endpoint = _apply_settings(request, webhooks.endpoint(request.path_parameter))
    webhooks.put(endpoint)
    return endpoint_json(endpoint)


def delete_webhook_endpoint(request: ControlRequest) -> None:
    """Delete an endpoint; its pending deliveries are not sent."""
    webhooks = request.world.open_webhooks()
    webhooks.outbox.remove(webhooks.endpoint(request.path_parameter).id)


def rotate_secret(request: ControlRequest) -> dict[str, object]:
    """Give an endpoint a new secret; the old one stays valid for a virtual day."""
    webhooks, world = request.world.open_webhooks(), request.world
    endpoint = webhooks.endpoint(request.path_parameter)
    rotate = partial(webhooks.rotate_secret, endpoint, now=world.clock.now())
    return endpoint_json(parse_field(rotate, "secret", request.body.get("secret")))


def verify_webhook(request: ControlRequest) -> dict[str, object]:
    """Verify a received webhook, as a careful receiver at the endpoint would."""
    world, body = request.world, request.body
    endpoint = world.open_webhooks().endpoint(request.path_parameter)
    headers = {name.lower(): value for name, value in body["headers"].items()}
    received = Received(headers, body["body"].encode("utf-8", "surrogatepass"))
    secrets = endpoint.secrets_at(world.clock.now())
    reason = why_refused(
        endpoint.signing, secrets, received, now=_receivers_time(request, endpoint)
    )
    return {"verified": reason is None, "reason": reason and mask_text(reason)}


def _receivers_time(request: ControlRequest, endpoint: Endpoint) -> int | None:
    """Return the receiver's clock in epoch seconds; None to accept any timestamp."""
    world, text = request.world, request.body.get("now")
    if text == "ignore":
        return None
    if text is None:
        is_worlds = endpoint.timestamp is TimestampClock.WORLD
        return (world.clock.now() if is_worlds else world.wall()) // SECOND
    return parse_field(read_instant, "now", text) // SECOND


def _apply_settings(request: ControlRequest, endpoint: Endpoint) -> Endpoint:
    listens_at = request.http.protocol.sockname
    port = listens_at[1] if isinstance(listens_at, tuple) else None
    policy = TargetPolicy(request.settings.public_webhooks, request.http.host, port)
    return apply_settings(endpoint, request.body, policy)
