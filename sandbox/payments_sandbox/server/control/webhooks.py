"""Owns the routes of webhook endpoints: make, show, change, delete, give a new secret."""

from typing import Final

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.server.control.control_request import Ask
from payments_sandbox.server.delivery_json import shown_endpoint
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.endpoint_settings import Reach, changed

MOST: Final = 100
"""Endpoints that a world may have."""


def list_webhook_endpoints(ask: Ask) -> dict[str, object]:
    """The endpoints, newest first."""
    webhooks = ask.world.webhooks
    found = [] if webhooks is None else list(reversed(webhooks.outbox.endpoints.values()))
    if (start := ask.query.get("starting_after")) is not None:
        ids = [each.id for each in found]
        if start not in ids:
            raise InvalidRequest("/starting_after: expected the id of a webhook endpoint.")
        found = found[ids.index(start) + 1 :]
    limit = ask.query["limit"]
    items = [shown_endpoint(each) for each in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


def create_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """Make an endpoint; what is refused leaves none."""
    webhooks = ask.world.open_webhooks()
    if len(webhooks.outbox.endpoints) >= MOST:
        raise InvalidRequest(f"/: expected at most {MOST} webhook endpoints; DELETE one first.")
    endpoint = _changed(ask, webhooks.planned(ask.body["url"]))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def retrieve_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """One endpoint."""
    return shown_endpoint(ask.world.open_webhooks().endpoint(ask.variable))


def update_webhook_endpoint(ask: Ask) -> dict[str, object]:
    """Change what is given and keep the rest."""
    webhooks = ask.world.open_webhooks()
    endpoint = _changed(ask, webhooks.endpoint(ask.variable))
    webhooks.put(endpoint)
    return shown_endpoint(endpoint)


def delete_webhook_endpoint(ask: Ask) -> None:
    """Forget an endpoint; what was to be sent to it is not."""
    webhooks = ask.world.open_webhooks()
    webhooks.remove(webhooks.endpoint(ask.variable))


def rotate_secret(ask: Ask) -> dict[str, object]:
    """Give an endpoint a new secret; the old one stays valid for a virtual day."""
    webhooks, world = ask.world.open_webhooks(), ask.world
    endpoint = webhooks.endpoint(ask.variable)
    try:
        rotated = webhooks.rotate(endpoint, ask.body.get("secret"), world.clock.now())
    except ValueError as error:
        raise InvalidRequest(f"/secret: {error}.") from None
    return shown_endpoint(rotated)


def _changed(ask: Ask, endpoint: Endpoint) -> Endpoint:
    reach = Reach(ask.parts.settings.public_webhooks, ask.request.host)
    return changed(endpoint, ask.body, reach)
