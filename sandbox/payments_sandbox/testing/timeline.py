"""Owns the timeline of a world: its requests, events, deliveries and clock moves in one order.

They are ordered by the world's time. At equal times, a consequence follows its cause: an event
follows the request that caused it, and an attempt follows its event.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, assert_never

from payments_sandbox.client.models import (
    ClockModel,
    DeliveryAttemptModel,
    DeliveryModel,
    EventModel,
    JournalEntryModel,
    ReportModel,
    WebhookEndpointModel,
    WorldModel,
)
from payments_sandbox.testing.reports import explain_request
from payments_sandbox.testing.sandbox import Sandbox

_WRITES: Final = frozenset({"create_payment", "create_refund"})
_SECOND: Final = 19
"""The length of an instant to the second, which is the precision of an event's instant."""


class Moment(NamedTuple):
    """Something that happened in a world.

    Attributes:
        at: the time on the world's clock.
        kind: `request`, `event`, `attempt` or `clock`.
        text: a description.
        detail: all details, in the form of the control API.
    """

    at: datetime
    kind: str
    text: str
    detail: Mapping[str, Any]


class RequestMade(NamedTuple):
    """A request, and when it arrived."""

    at: str
    request: JournalEntryModel


class EventMade(NamedTuple):
    """An event, and when it happened, to the millisecond if known."""

    at: str
    event: EventModel


class AttemptMade(NamedTuple):
    """An attempt of a delivery, and when it was made; `number` counts from 1."""

    at: str
    delivery: DeliveryModel
    number: int

    @property
    def attempt(self) -> DeliveryAttemptModel:
        """The attempt, as part of its delivery."""
        return self.delivery["attempts"][self.number - 1]


HistoryItem = RequestMade | EventMade | AttemptMade


class Seen(NamedTuple):
    """The whole state and history of a world in the form of the control API, requested once."""

    world: WorldModel
    report: ReportModel
    requests: Sequence[JournalEntryModel]
    events: Sequence[EventModel]
    deliveries: Sequence[DeliveryModel]
    endpoints: Sequence[WebhookEndpointModel]
    clock: ClockModel


def see(world: Sandbox) -> Seen:
    """Request the state and history of a world.

    Raises:
        ControlError: the requests fail.
    """
    return Seen(
        world.control.retrieve_world(),
        world.report(),
        world.requests,
        world.events,
        world.deliveries,
        world.webhooks,
        world.control.retrieve_clock(),
    )


def timeline(seen: Seen) -> list[Moment]:
    """Build the timeline of a world, in order."""
    urls = {each["id"]: each["url"] for each in seen.endpoints}
    happened = in_order(seen.requests, seen.events, seen.deliveries)
    found = [_moment_of(each, urls) for each in happened]
    for move in seen.clock.get("moves", ()):
        text = f"clock at {move['at']}: moved to {move['to']}"
        found.append(_moment("clock", move["at"], text, move))
    return sorted(found, key=lambda each: each.at)


def in_order(
    requests: Sequence[JournalEntryModel],
    events: Sequence[EventModel],
    deliveries: Sequence[DeliveryModel],
) -> list[HistoryItem]:
    """Merge requests, events and attempts into one order; each argument is oldest first."""
    attempts: dict[str, list[AttemptMade]] = {}
    for each in deliveries:
        numbered = enumerate(each["attempts"], start=1)
        own = (AttemptMade(made["at"], each, number) for number, made in numbered)
        attempts.setdefault(each["event_id"], []).extend(own)
    found: list[HistoryItem] = []
    for request, own_events in zip([None, *requests], _events_of(requests, events), strict=True):
        if request is not None:
            found.append(RequestMade(request["at"], request))
        for event in own_events:
            tried = attempts.pop(event["id"], [])
            found += [EventMade(_instant_of(event, request, tried), event), *tried]
    found += [
        each for rest in attempts.values() for each in rest
    ]  # their events are no longer kept
    return sorted(found, key=lambda each: datetime.fromisoformat(each.at))


def _moment_of(item: HistoryItem, urls: Mapping[str, str]) -> Moment:
    """Describe one item of the history; `urls` has the url of each endpoint id."""
    at = item.at
    match item:
        case RequestMade():
            request = item.request
            return _moment("request", at, explain_request(request), request)
        case EventMade():
            event = item.event
            about = event["data"].get("payment_id") or ""
            text = f"{event['id']} at {at}: {event['type']} {about}"
            return _moment("event", at, text.rstrip(), event)
        case AttemptMade():
            return _moment("attempt", at, _text_of(item, urls), item.attempt)
        case _:
            assert_never(item)


def _events_of(
    requests: Sequence[JournalEntryModel], events: Sequence[EventModel]
) -> list[list[EventModel]]:
    """Group the events by the request that they follow; the first group precedes all requests.

    An event follows the request whose reply has its payment or refund. If there is none, it follows
    a write of the same second whose reply was lost, or else the last request before it.
    """
    owners = {made: number for number, each in enumerate(requests) if (made := _made(each))}
    found: list[list[EventModel]] = [[] for _ in range(len(requests) + 1)]
    last = -1
    for event in events:
        data, second = event["data"], event["created_at"][:_SECOND]
        owner = owners.get(str(data.get("refund_id") or data.get("payment_id")), -1)
        if owner < 0 or requests[owner]["at"][:_SECOND] != second:
            later = enumerate(requests[last + 1 :], start=last + 1)
            silent = (number for number, each in later if _is_silent(each, second))
            earlier = [n for n, each in enumerate(requests) if each["at"][:_SECOND] <= second]
            owner = next(silent, earlier[-1] if earlier else -1)
        last = max(last, owner)
        found[owner + 1].append(event)
    return found


def _made(request: JournalEntryModel) -> str | None:
    """The id of the payment or refund in the reply to a write."""
    response = request["response"]
    if request["operation"] not in _WRITES or response is None:
        return None
    body = response["body"]
    return str(body["id"]) if isinstance(body, dict) and "id" in body else None


def _is_silent(request: JournalEntryModel, second: str) -> bool:
    """Whether a request may have caused an event in this second although its reply was lost."""
    is_write = request["operation"] in _WRITES and request["committed"] is not False
    return is_write and request["at"][:_SECOND] == second and _made(request) is None


def _instant_of(
    event: EventModel, request: JournalEntryModel | None, tried: Sequence[AttemptMade]
) -> str:
    """The instant of an event to the millisecond, taken from its attempts or its request."""
    created = event["created_at"]
    beside = [each.at for each in tried] + ([] if request is None else [request["at"]])
    same_second = (at for at in beside if at[:_SECOND] == created[:_SECOND])
    return min(same_second, key=datetime.fromisoformat, default=created)


def _text_of(made: AttemptMade, urls: Mapping[str, str]) -> str:
    delivery, tried = made.delivery, made.attempt
    response = tried["response"]
    came = tried["error"] if response is None else response["status"]
    url = urls.get(delivery["endpoint_id"], "a deleted endpoint")
    text = (
        f"{delivery['id']} at {tried['at']}: {delivery['type']} to {url} → {came}"
        f" after {tried['duration_ms']:g} ms"
    )
    if made.number == len(delivery["attempts"]) and delivery["next_attempt_at"] is not None:
        text += f", retry at {delivery['next_attempt_at']}"
    return text


def _moment(kind: str, at: str, text: str, detail: Mapping[str, Any]) -> Moment:
    return Moment(datetime.fromisoformat(at), kind, text, detail)
