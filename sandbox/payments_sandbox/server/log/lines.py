"""Owns the content of log lines about requests, webhooks and refusals, in whatever format."""

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_target, mask_text
from payments_sandbox.server.journal_json import body_json

if TYPE_CHECKING:
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt
    from payments_sandbox.world.journal import Entry
    from payments_sandbox.world.world import World

WIDEST: Final = 60
"""How many characters of a client's text a line repeats."""

_AT_FAULT: Final = {"unknown_host": "Host", "cross_site_request": "Origin"}
"""The header that a refusal is about, by error code; keys and tokens are never repeated."""


class LogLine(NamedTuple):
    """The content of a line about a request; it can be made from a journal entry or from its JSON.

    Attributes:
        at: when the request arrived, on its world's clock, in ISO 8601.
        what: the operation; if there is none, method and path.
        status: the status that was sent, if any.
        fault: the fault that the client met instead of a proper reply, if any.
        target: the path with its query.
        body: the body of the request.
        reply: the body that was sent, if any; a fault's body need not be an object.
        card: the masked card, if there was one.
        rule, step: the rule and step that answered instead of the API, if any.
        committed: whether the call has changed anything; None for one that never does.
        duration_ms: how long the call took, once it is over.
        id: the request's id in the journal.
        world: the name of its world, or else the key.
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
    """The content of a line about an attempt of a webhook.

    Attributes:
        at: when the attempt was made, on the world's clock, in ISO 8601.
        type: the type of the event.
        status: the status that the receiver answered, if any.
        error: why the attempt counts as failed; None for a success.
        event_id: the event's id, `evt_…`.
        url: where the webhook was sent.
        number: the number of the attempt, from 1; None if it is unknown.
        becomes: the status of the delivery now: delivered, pending, failed or disabled.
        next_at: when the next attempt is due, in ISO 8601; None if that is now, or never.
        duration_ms: how long the receiver took.
        id: the delivery's id.
        world: the name of its world, or else the key; "" if the reader knows it.
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
    """The content of a line about a request that was refused before it reached a world.

    Attributes:
        method, path: what was called; the path has no query.
        status: the status that was answered.
        code, details: those of the error.
        header: the name of the header at fault, with the part of its value that may be shown.
    """

    method: str
    path: str
    status: int
    code: str
    details: str | None
    header: tuple[str, str] | None


def journal_line(world: "World", entry: "Entry") -> LogLine:
    """Make the line of a request in a world's journal."""
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
    """Make the line of an attempt that has just ended."""
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
    """Make the line of a request that is turned away."""
    path = mask_target(request.raw_path.partition("?")[0])
    header = _AT_FAULT.get(error.code)
    given = "" if header is None else request.headers.get(header, "").rpartition("@")[2]
    at_fault = None if header is None else (header, cut(mask_text(given)))
    return RefusalLine(request.method, path, status, error.code, error.details, at_fault)


def customer_of(line: LogLine) -> str | None:
    """Return the customer that a request is about, if it or its reply names one."""
    query = line.target.partition("?")[2]
    for content in (line.body, line.reply, dict(parse_qsl(query)) if query else None):
        found = content.get("customer_id") if isinstance(content, dict) else None
        if isinstance(found, str):
            return found
    return None


def amount_of(line: LogLine) -> tuple[int | None, object]:
    """Return the amount and currency that a request is about, if it or its reply names them."""
    for content in (line.body, line.reply):
        if isinstance(content, dict) and isinstance(content.get("amount"), int):
            return content["amount"], content.get("currency")
    return None, None


def pointed_field(reply: object) -> str:
    """Return the JSON pointer to the field that an error is about, or ""."""
    error = reply.get("error") if isinstance(reply, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    is_pointed = isinstance(details, str) and details.startswith("/")
    return cut(str(details).partition(":")[0]) if is_pointed else ""


def cut(text: str) -> str:
    """Return the start of a client's text, with control characters escaped."""
    return plain(text[:WIDEST])


def plain(text: str) -> str:
    """Return a foreign text with control characters escaped: a terminal would obey them."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text  # the usual case, in a tenth of the time
    return text.encode("unicode_escape").decode()
