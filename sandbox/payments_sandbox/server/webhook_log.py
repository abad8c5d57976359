"""Owns the line of a webhook's attempt: `serve` prints it, and `listen` makes the same."""

from typing import TYPE_CHECKING, Final, NamedTuple

from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.log_parts import (
    DAY,
    WIDE,
    PaintParts,
    clock_time,
    cut,
    fit_parts,
    ordered,
    plain,
)

if TYPE_CHECKING:  # for the type checker alone
    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt
    from payments_sandbox.world.world import World

_NARROW: Final = 36
"""Characters of an address, or of what went wrong, where there is not room for everything."""


class WebhookLine(NamedTuple):
    """What a line tells of an attempt.

    Attributes:
        at: when, on the world's clock, in ISO 8601.
        type: of the event.
        status: what was answered, if anything was.
        error: why it counts as failed; None for a success.
        event_id: `evt_…`.
        url: where it went.
        number: counted from 1; None where nobody knows.
        becomes: what has become of the delivery: delivered, pending, failed or disabled.
        next_at: when it is tried again, in ISO 8601; None where that is now, or never.
        duration_ms: how long the receiver took.
        id: of the delivery.
        world: its world's name, or else its key; "" where that is no news.
    """

    at: str
    type: str
    status: int | None
    error: str | None
    event_id: str
    url: str
    number: int | None
    becomes: str
    next_at: str | None
    duration_ms: float
    id: str
    world: str


def attempt_line(world: "World", delivery: "Delivery", attempt: "DeliveryAttempt") -> WebhookLine:
    """What the line tells of an attempt that has just ended."""
    request, result = attempt
    outbox = world.open_webhooks().outbox
    endpoint = outbox.endpoints.get(delivery.endpoint_id)
    return WebhookLine(
        at=show_milliseconds(request.at),
        type=delivery.message.type,
        status=None if result.response is None else result.response.status,
        error=result.error,
        event_id=delivery.message.event_id,
        url=delivery.endpoint_id if endpoint is None else mask_text(endpoint.url),
        number=len(delivery.attempts),
        becomes=delivery.status.value,
        next_at=None if delivery.next_at is None else show_milliseconds(delivery.next_at),
        duration_ms=result.duration_ms,
        id=outbox.id_of(delivery.number),
        world=world.config.name or world.config.api_key,
    )


_ORDER: Final = ordered((0, 0, 0, 4, 1, 3, 2, 7, 8, 6))


def format_webhook(
    line: WebhookLine, width: int | None = None, paint: PaintParts | None = None
) -> str:
    """One line; where there is no room for all of it, what is needed least is left out.

    Args:
        line: what it tells.
        width: how many columns there are; None for as many as it has.
        paint: gives its parts their colours; they have none without it.
    """
    is_narrow = width is not None and width < WIDE
    again = line.number is not None and line.number > 1
    parts = (
        clock_time(line.at, width),
        cut(line.type) if is_narrow else f"webhook {cut(line.type)}",
        _shortened(plain(line.error) if line.error else str(line.status), width),
        line.event_id,
        _shortened(plain(line.url if width is None else line.url.removeprefix("http://")), width),
        f"attempt {line.number}" if again else "",
        _next(line),
        f"{line.duration_ms:.1f} ms",
        line.id,
        cut(line.world),
    )
    return fit_parts(parts, _ORDER, width, paint)


def _next(line: WebhookLine) -> str:
    """What becomes of the delivery; nothing is said of one that has arrived."""
    match line.becomes:
        case "delivered":
            return ""
        case "pending" if line.next_at is not None:
            is_same_day = line.next_at[:DAY] == line.at[:DAY]
            return f"again at {clock_time(line.next_at, 0 if is_same_day else None)}"
        case "pending":
            return "again now"
        case "failed":
            return "given up"
        case _:
            return "the endpoint is disabled, or gone"


def _shortened(text: str, width: int | None) -> str:
    is_whole = width is None or len(text) <= _NARROW
    return text if is_whole else f"{text[: _NARROW - 1]}…"
