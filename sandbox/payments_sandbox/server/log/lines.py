"""Owns what the lines of a log tell, however they are written: of requests, webhooks, refusals."""

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_target, mask_text
from payments_sandbox.server.journal_json import body_json

if TYPE_CHECKING:  # for the type checker alone
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt
    from payments_sandbox.world.journal import Entry
    from payments_sandbox.world.world import World

WIDEST: Final = 60
"""Characters that a line repeats of what a client has sent."""

_AT_FAULT: Final = {"unknown_host": "Host", "cross_site_request": "Origin"}
"""The header that a refusal is about; of keys and tokens nothing is repeated."""


class LogLine(NamedTuple):
    """What a line tells of a request; the journal and its JSON have it alike.

    Attributes:
        at: when it came, on its world's clock, in ISO 8601.
        what: the operation, or method and path where it is none.
        status: what was sent, if anything was.
        fault: what was wrong with it, or kept it from being sent.
        target: the path with its query.
        body: what was asked.
        reply: the body that was sent, if any; a fault's need not be an object.
        card: what may be said of the card, if there was one.
        rule, step: what has answered in place of the API, if anything has.
        committed: whether the call has changed anything; None where it never would.
        duration_ms: how long it took, once it is over.
        id: of the request, in the journal.
        world: its world's name, or else its key.
    """

    at: str
    what: str
    status: int | None
    fault: str | None
    target: str
    body: object
    reply: object
    card: str | None
    rule: str | None
    step: int | None
    committed: bool | None
    duration_ms: float | None
    id: str
    world: str


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


class RefusalLine(NamedTuple):
    """What a line tells of a request that no world was asked about.

    Attributes:
        method, path: what was called; the path has no query.
        status: what was answered.
        code, details: what is wrong with it.
        header: the name of the header that is at fault, with what of it may be repeated.
    """

    method: str
    path: str
    status: int
    code: str
    details: str | None
    header: tuple[str, str] | None


def journal_line(world: "World", entry: "Entry") -> LogLine:
    """What the line tells of a request that is in a world's journal."""
    target = mask_target(entry.path)
    return LogLine(
        at=show_milliseconds(entry.at),
        what=entry.operation or f"{entry.method} {target.partition('?')[0]}",
        status=entry.status,
        fault=entry.fault,
        target=target,
        body=entry.body,
        reply=None if entry.status is None else body_json(entry.reply_body),
        card=entry.card,
        rule=entry.rule,
        step=entry.step,
        committed=entry.committed,
        duration_ms=entry.duration_ms,
        id=world.journal.id_of(entry),
        world=world.config.name or world.config.api_key,
    )


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


def refusal_line(request: "web.BaseRequest", status: int, error: SandboxError) -> RefusalLine:
    """What the line tells of a request that is turned away."""
    path = mask_target(request.raw_path.partition("?")[0])
    header = _AT_FAULT.get(error.code)
    given = "" if header is None else request.headers.get(header, "").rpartition("@")[2]
    at_fault = None if header is None else (header, cut(mask_text(given)))
    return RefusalLine(request.method, path, status, error.code, error.details, at_fault)


def customer_of(line: LogLine) -> str | None:
    """The customer that a request is about, as far as it or its reply says."""
    query = line.target.partition("?")[2]
    for said in (line.body, line.reply, dict(parse_qsl(query)) if query else None):
        found = said.get("customer_id") if isinstance(said, dict) else None
        if isinstance(found, str):
            return found
    return None


def amount_of(line: LogLine) -> tuple[int | None, object]:
    """The amount that a request is about, with its currency, as far as it or its reply says."""
    for said in (line.body, line.reply):
        if isinstance(said, dict) and isinstance(said.get("amount"), int):
            return said["amount"], said.get("currency")
    return None, None


def pointed_field(reply: object) -> str:
    """The JSON pointer to the field that a refusal is about."""
    error = reply.get("error") if isinstance(reply, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    is_pointed = isinstance(details, str) and details.startswith("/")
    return cut(str(details).partition(":")[0]) if is_pointed else ""


def cut(text: str) -> str:
    """The start of what a client has sent, without what a terminal would obey."""
    return plain(text[:WIDEST])


def plain(text: str) -> str:
    """What somebody else has sent, without what a terminal would obey."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text  # nearly always, and in a tenth of the time
    return text.encode("unicode_escape").decode()
