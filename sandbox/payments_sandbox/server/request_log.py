"""Owns the log of a server: a line for each answer of `/v3`, each webhook, and who is turned away.

The lines are for somebody who watches a terminal: `serve` prints them, and `logs` makes the same of
the journal of a server that it asks. What the server itself has to say goes to `logging`, and what
has become of a request in full is in the journal.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_target, mask_text
from payments_sandbox.server.journal_json import body_json
from payments_sandbox.server.log_parts import (
    BETWEEN,
    PaintParts,
    clock_time,
    cut,
    fit_parts,
    joined_parts,
    ordered,
)
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # `logs` needs no HTTP library for its lines, and most servers send no webhook
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt

_FAILED: Final = 500

_OF_CARDS: Final = "card:"
"""The beginning of the names of magic cards' rules."""

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


def no_width() -> int | None:
    """The width of a log that is no terminal."""
    return None


class LogColours(NamedTuple):
    """What gives the lines of a log their colours; None leaves them as they are.

    Attributes:
        request: for the parts of a request's line.
        webhook: for those of a webhook's.
        refusal: for what is said of whom was turned away: what was called, the status and the code.
    """

    request: PaintParts | None = None
    webhook: PaintParts | None = None
    refusal: PaintParts | None = None


NO_COLOURS: Final = LogColours()


class RequestLog:
    """Where the lines of one server go, if anybody wants them.

    Args:
        say: is given each line; None wants none.
        width: how many columns there are for it; None for as many as it has.
        colours: what gives them colours.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None = None,
        width: Callable[[], int | None] = no_width,
        colours: LogColours = NO_COLOURS,
    ) -> None:
        self._say = say
        self._width = width
        self._colours = colours

    @property
    def is_wanted(self) -> bool:
        """Whether anybody wants the lines."""
        return self._say is not None

    def answered(self, world: World, entry: Entry) -> None:
        """A call to `/v3` that is in a world's journal."""
        if self._say is not None:
            self._say(self._request(world, entry))

    def attempted(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> None:
        """An attempt of a webhook that has ended."""
        if self._say is not None:
            self._say(self._webhook(world, delivery, attempt))

    def refused(self, request: "web.BaseRequest", status: int, error: SandboxError) -> None:
        """A request to either API that no world was asked about."""
        if self._say is not None:
            self._say(self._refusal(request, status, error))

    def _request(self, world: World, entry: Entry) -> str:
        return format_line(journal_line(world, entry), self._width(), self._colours.request)

    def _webhook(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> str:
        from payments_sandbox.server.webhook_log import attempt_line, format_webhook  # noqa: PLC0415 - most send none

        line = attempt_line(world, delivery, attempt)
        return format_webhook(line, self._width(), self._colours.webhook)

    def _refusal(self, request: "web.BaseRequest", status: int, error: SandboxError) -> str:
        return refusal_line(request, status, error, self._width(), self._colours.refusal)


def journal_line(world: World, entry: Entry) -> LogLine:
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


def refusal_line(
    request: "web.BaseRequest",
    status: int,
    error: SandboxError,
    width: int | None = None,
    paint: PaintParts | None = None,
) -> str:
    """Method and path, status, code, what is wrong, and the header that is at fault.

    It is one line, and goes on in others where there is no room: all of it is needed.
    """
    path = mask_target(request.raw_path.partition("?")[0])
    head = (cut(f"{request.method} {path}"), str(status), error.code)
    rest = [error.details or ""]
    if (found := header_at_fault(request, error)) is not None:
        rest.append(f"{found[0]}: {found[1] or '(none)'}")
    line, shown = joined_parts((*head, *rest)), joined_parts(head if paint is None else paint(head))
    if width is None or len(line) <= width:
        return joined_parts((shown, *rest))
    from textwrap import indent, wrap  # noqa: PLC0415 - only for somebody who watches

    return (
        f"{shown}\n{indent(chr(10).join(wrap(joined_parts(rest), width - len(BETWEEN))), BETWEEN)}"
    )


def header_at_fault(request: "web.BaseRequest", error: SandboxError) -> tuple[str, str] | None:
    """The header that a refusal is about, and what of it may be repeated; None where none is."""
    if (header := _AT_FAULT.get(error.code)) is None:
        return None
    given = request.headers.get(header, "").rpartition("@")[2]
    return header, cut(mask_text(given))


def format_line(line: LogLine, width: int | None = None, paint: PaintParts | None = None) -> str:
    """One line; where there is no room for all of it, what is needed least is left out.

    Args:
        line: what it tells.
        width: how many columns there are; None for as many as it has.
        paint: gives its parts their colours; they have none without it.
    """
    return fit_parts(_parts(line, width), _ORDER, width, paint)


_ORDER: Final = ordered((0, 0, 0, 1, 1, 4, 5, 8, 8, 2, 3, 9, 6, 7))


def _parts(line: LogLine, width: int | None) -> tuple[str, ...]:
    """The parts of a line, "" where there is nothing to say."""
    rule = cut(f"{line.rule} step {line.step}") if line.rule else ""
    is_card = rule.startswith(_OF_CARDS)
    return (
        clock_time(line.at, width),
        cut(line.what),
        outcome_of(line),
        _id_or_code(line.reply),
        pointed_field(line.reply),
        _amount(line),
        cut(customer_of(line) or ""),
        line.card or "",
        rule if is_card else "",
        "" if is_card else rule,
        "" if is_card and line.fault is None else _committed(line),
        "" if line.duration_ms is None else f"{line.duration_ms:.1f} ms",
        line.id,
        cut(line.world),
    )


def outcome_of(line: LogLine) -> str:
    """The status that was sent, and the fault that was met, if any."""
    return " ".join(str(each) for each in (line.status, line.fault) if each is not None)


def customer_of(line: LogLine) -> str | None:
    """The customer that a request is about, as far as it or its reply says."""
    query = line.target.partition("?")[2]
    for said in (line.body, line.reply, dict(parse_qsl(query)) if query else None):
        found = said.get("customer_id") if isinstance(said, dict) else None
        if isinstance(found, str):
            return found
    return None


def _amount(line: LogLine) -> str:
    for said in (line.body, line.reply):
        if isinstance(said, dict) and isinstance(said.get("amount"), int):
            currency = said.get("currency")
            amount = cut(str(said["amount"]))
            return f"{amount} {cut(currency)}" if isinstance(currency, str) else amount
    return ""


def pointed_field(reply: object) -> str:
    """The JSON pointer to the field that a refusal is about."""
    error = reply.get("error") if isinstance(reply, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    is_pointed = isinstance(details, str) and details.startswith("/")
    return cut(str(details).partition(":")[0]) if is_pointed else ""


def _committed(line: LogLine) -> str:
    """Whether something has changed, where the status alone does not tell."""
    is_plain = line.fault is None and line.rule is None and (line.status or _FAILED) < _FAILED
    if is_plain or line.committed is None:
        return ""
    return "committed" if line.committed else "not committed"


def _id_or_code(reply: object) -> str:
    if not isinstance(reply, dict):
        return ""
    error = reply.get("error")
    found = error.get("code") if isinstance(error, dict) else reply.get("id")
    return cut(found) if isinstance(found, str) else ""
