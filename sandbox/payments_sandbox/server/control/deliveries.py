"""Owns the routes of deliveries: each attempt of each webhook, with what was sent and answered."""

from collections.abc import Iterator
from itertools import islice

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.webhook_json import delivery_json
from payments_sandbox.webhooks.delivery import Delivery


def list_deliveries(request: ControlRequest) -> dict[str, object]:
    """The deliveries, newest first: all, or of an event, to an endpoint, of a status."""
    limit, start = request.query["limit"], request.query.get("starting_after")
    if request.world.webhooks is None:
        if start is not None:
            raise _no_such_start()
        return representations.page([], has_more=False)
    outbox = request.world.webhooks.outbox
    below = None
    if start is not None:
        if (delivery := outbox.find(start)) is None:
            raise _no_such_start()
        below = delivery.number
    found = list(islice(_wanted(request, outbox.newest_first(below)), limit + 1))
    shown = [delivery_json(outbox, each) for each in found[:limit]]
    return representations.page(shown, has_more=len(found) > limit)


def retrieve_delivery(request: ControlRequest) -> dict[str, object]:
    """One delivery with all its attempts."""
    if (webhooks := request.world.webhooks) is not None:
        delivery = webhooks.outbox.find(request.path_parameter)
        if delivery is not None:
            return delivery_json(webhooks.outbox, delivery)
    raise NotFound("not_found", "No such delivery, or it has been dropped.")


def _wanted(request: ControlRequest, deliveries: Iterator[Delivery]) -> Iterator[Delivery]:
    event_id, endpoint_id = request.query.get("event_id"), request.query.get("endpoint_id")
    status = request.query.get("status")
    return (
        each
        for each in deliveries
        if event_id in (None, each.message.event_id)
        and endpoint_id in (None, each.endpoint_id)
        and status in (None, each.status.value)
    )


def _no_such_start() -> InvalidRequest:
    return InvalidRequest("/starting_after: expected the id of a delivery that is kept.")
