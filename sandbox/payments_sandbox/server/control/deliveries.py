"""Owns the routes of deliveries: each attempt of each webhook, with what was sent and answered."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from payments_sandbox.core.errors import NotFound
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, empty_listing, page
from payments_sandbox.server.webhook_json import delivery_json
from payments_sandbox.webhooks.delivery import Delivery

_NOUN: Final = "a stored delivery"


def list_deliveries(request: ControlRequest) -> dict[str, object]:
    """List deliveries, newest first, optionally of one event, endpoint or status."""
    if (webhooks := request.world.webhooks) is None:
        return page(request, empty_listing(_NOUN))
    outbox = webhooks.outbox

    def position_of(delivery_id: str) -> int | None:
        delivery = outbox.find(delivery_id)
        return None if delivery is None else delivery.number

    listing = Listing(
        noun=_NOUN,
        position_of=position_of,
        items_after=lambda number: _matching(request, outbox.newest_first(number)),
        show=partial(delivery_json, outbox),
    )
    return page(request, listing)


def retrieve_delivery(request: ControlRequest) -> dict[str, object]:
    """Return one delivery with all its attempts."""
    if (webhooks := request.world.webhooks) is not None:
        delivery = webhooks.outbox.find(request.path_parameter)
        if delivery is not None:
            return delivery_json(webhooks.outbox, delivery)
    raise NotFound("not_found", "No such delivery, or it has been dropped.")


def _matching(request: ControlRequest, deliveries: Iterator[Delivery]) -> Iterator[Delivery]:
    event_id, endpoint_id = request.query.get("event_id"), request.query.get("endpoint_id")
    status = request.query.get("status")
    return (
        each
        for each in deliveries
        if event_id in (None, each.message.event_id)
        and endpoint_id in (None, each.endpoint_id)
        and status in (None, each.status.value)
    )
