"""Owns the routes of events: list them, create one by hand, send one again."""

from collections.abc import Iterator

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.core.masking import mask_object, mask_text
from payments_sandbox.payments.events import AnyEvent
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.webhook_json import delivery_json
from payments_sandbox.webhooks.world_webhooks import event_message
from payments_sandbox.world.manual_events import trigger


def list_events(request: ControlRequest) -> dict[str, object]:
    """List events as webhook bodies, newest first."""
    ledger = request.world.ledger

    def older_than(number: int | None) -> Iterator[AnyEvent]:
        numbers = ledger.event_numbers
        older = numbers if number is None else range(numbers.start, number)
        return map(ledger.any_event, reversed(older))

    listing = Listing(
        noun="an event",
        position_of=ledger.event_number,
        items_after=older_than,
        show=representations.event,
    )
    return page(request, listing)


def create_event(request: ControlRequest) -> dict[str, object]:
    """Create and send an event: about a given payment, about a new one, or with any data."""
    wanted = request.body
    data = wanted.get("data")
    if data is not None:
        if "payment_id" in wanted:
            raise InvalidRequest("/data: expected payment_id or data, not both.")
        event = request.world.make_event(mask_text(wanted["type"]), mask_object(data))
        return representations.event(event)
    return representations.event(trigger(request.world, wanted["type"], wanted.get("payment_id")))


def resend_event(request: ControlRequest) -> dict[str, object]:
    """Send an event again, with the same bytes, to the endpoints that want it; without retries."""
    world = request.world
    number = world.ledger.event_number(request.path_parameter)
    if number is None:
        raise NotFound("not_found", "No such event.")
    webhooks = world.open_webhooks()
    message = event_message(world.ledger.any_event(number))
    if (endpoint_id := request.body.get("endpoint_id")) is None:
        endpoints = webhooks.outbox.endpoints.values()
        takers = [each for each in endpoints if each.enabled and each.wants(message.type)]
    else:
        takers = [webhooks.endpoint(endpoint_id)]
    made = webhooks.outbox.resend(message, takers)
    shown = [delivery_json(webhooks.outbox, each) for each in made]
    return representations.page(shown, has_more=False)
