"""Owns how log lines look on a terminal: which parts fit in its width, and their colours."""

from collections.abc import Iterable, Sequence
from typing import Final

from payments_sandbox.core.colours import BAD, GOOD, NAME, POOR, QUIET, RULE, STRONG, painted
from payments_sandbox.server.log.lines import (
    LogLine,
    RefusalLine,
    WebhookLine,
    amount_of,
    customer_of,
    cut,
    plain,
    pointed_field,
)

_SEPARATOR: Final = "  "
_WIDE: Final = 120
"""Columns from which on lines show the date, not only the time."""

_NARROW: Final = 36
"""Characters of a URL, or of an error, if the width of the terminal is limited."""

_LENGTH_TO_SECONDS: Final = len("2030-01-15T10:30:00")
_LENGTH_OF_DATE: Final = len("2030-01-15T")
_FAILED: Final = 500

_CARD_RULE_PREFIX: Final = "card:"
"""How the names of magic cards' rules begin."""

_OUTCOME: Final = 2
"""The index of the outcome among the parts of a line: a status, or an error."""

_COLOUR_OF_CLASS: Final = {"2": GOOD, "3": POOR, "4": POOR}
"""The colours of outcomes by the first digit of a status; anything else is `BAD`."""


def _ordered(ranks: Sequence[int]) -> Sequence[tuple[int, bool]]:
    """Order the indexes of parts by rank, each with whether it is always shown (rank 0).

    The higher its rank, the sooner a part is left out of a line that is too wide.
    """
    places = sorted(range(len(ranks)), key=ranks.__getitem__)
    return [(place, not ranks[place]) for place in places]


_REQUEST_ORDER: Final = _ordered((0, 0, 0, 1, 1, 4, 5, 8, 8, 2, 3, 9, 6, 7))
_REQUEST_COLOURS: Final = (
    QUIET, STRONG, "", "", POOR, "", NAME, "", RULE, RULE, POOR, QUIET, QUIET, QUIET,
)  # fmt: skip
_WEBHOOK_ORDER: Final = _ordered((0, 0, 0, 4, 1, 3, 2, 7, 8, 6))
_WEBHOOK_COLOURS: Final = (QUIET, STRONG, "", NAME, "", POOR, POOR, QUIET, QUIET, QUIET)
"""The colours of the parts of a line; the outcome has its own."""


def format_line(line: LogLine, width: int | None = None, *, is_coloured: bool = False) -> str:
    """Format the line of a request; if it is too wide, its least important parts are left out.

    Args:
        line: the content.
        width: the available columns; None for no limit.
        is_coloured: whether to add colours.
    """
    rule = cut(f"{line.rule} step {line.step}") if line.rule else ""
    is_card = rule.startswith(_CARD_RULE_PREFIX)
    outcome = " ".join(str(each) for each in (line.status, line.fault) if each is not None)
    parts = (
        _clock_time(line.at, width),
        cut(line.what),
        outcome,
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
    colour = BAD if " " in outcome else _COLOUR_OF_CLASS.get(outcome[:1], BAD)
    colours = _colours(_REQUEST_COLOURS, colour) if is_coloured else None
    return _join_to_width(parts, _REQUEST_ORDER, width, colours)


def format_webhook(
    line: WebhookLine, width: int | None = None, *, is_coloured: bool = False
) -> str:
    """Format the line of an attempt, as `format_line`; an error is shown instead of a status."""
    is_narrow = width is not None and width < _WIDE
    again = line.number is not None and line.number > 1
    parts = (
        _clock_time(line.at, width),
        cut(line.type) if is_narrow else f"webhook {cut(line.type)}",
        _shortened(plain(line.error) if line.error else str(line.status), width),
        line.event_id,
        _shortened(plain(line.url if width is None else line.url.removeprefix("http://")), width),
        f"attempt {line.number}" if again else "",
        _next_attempt(line),
        f"{line.duration_ms:.1f} ms",
        line.id,
        cut(line.world),
    )
    colour = GOOD if parts[_OUTCOME].isdigit() else BAD
    colours = _colours(_WEBHOOK_COLOURS, colour) if is_coloured else None
    return _join_to_width(parts, _WEBHOOK_ORDER, width, colours)


def format_refusal(
    line: RefusalLine, width: int | None = None, *, is_coloured: bool = False
) -> str:
    """Format a refusal: method and path, status, code, details, and the header at fault.

    Nothing is left out: a line that is too wide is wrapped.
    """
    head = (cut(f"{line.method} {line.path}"), str(line.status), line.code)
    rest = [line.details or ""]
    if line.header is not None:
        rest.append(f"{line.header[0]}: {line.header[1] or '(none)'}")
    whole, shown = _join_parts((*head, *rest)), _join_parts(head)
    if is_coloured:
        shown = _join_parts(map(painted, head, (STRONG, BAD, BAD)))
    if width is None or len(whole) <= width:
        return _join_parts((shown, *rest))
    from textwrap import indent, wrap  # noqa: PLC0415 - few requests are refused

    wrapped = wrap(_join_parts(rest), width - len(_SEPARATOR))
    return f"{shown}\n{indent(chr(10).join(wrapped), _SEPARATOR)}"


def _join_to_width(
    parts: Sequence[str],
    order: Sequence[tuple[int, bool]],
    width: int | None,
    colours: Sequence[str] | None,
) -> str:
    """Join the parts of a line that fit in its width; empty parts are left out.

    `order` has the indexes of the parts, the most important one first, each with whether the part
    is always shown.
    """
    if width is not None:
        kept, used = [""] * len(parts), -len(_SEPARATOR)
        for place, is_needed in order:
            if (part := parts[place]) and (
                (wider := used + len(_SEPARATOR) + len(part)) <= width or is_needed
            ):
                kept[place], used = part, wider
        if used > width:  # not even the required parts fit
            return _join_parts(kept)[:width]
        parts = kept
    return _join_parts(parts if colours is None else map(painted, parts, colours))


def _join_parts(parts: Iterable[str]) -> str:
    """Join the parts that are not empty."""
    return _SEPARATOR.join(filter(None, parts))


def _colours(colours: Sequence[str], outcome_colour: str) -> Sequence[str]:
    return (*colours[:_OUTCOME], outcome_colour, *colours[_OUTCOME + 1 :])


def _clock_time(at: str, width: int | None) -> str:
    """Return the instant in whole seconds, without the date on a narrow terminal."""
    seconds = at[:_LENGTH_TO_SECONDS]
    return f"{seconds}Z" if width is None or width >= _WIDE else seconds[_LENGTH_OF_DATE:]


def _shortened(text: str, width: int | None) -> str:
    is_whole = width is None or len(text) <= _NARROW
    return text if is_whole else f"{text[: _NARROW - 1]}…"


def _id_or_code(reply: object) -> str:
    if not isinstance(reply, dict):
        return ""
    error = reply.get("error")
    found = error.get("code") if isinstance(error, dict) else reply.get("id")
    return cut(found) if isinstance(found, str) else ""


def _amount(line: LogLine) -> str:
    amount, currency = amount_of(line)
    parts = ("" if amount is None else str(amount), currency if isinstance(currency, str) else "")
    return " ".join(map(cut, filter(None, parts)))


def _committed(line: LogLine) -> str:
    """Say whether the call was committed, if the status alone does not show that."""
    is_plain = line.fault is None and line.rule is None and (line.status or _FAILED) < _FAILED
    if is_plain or line.committed is None:
        return ""
    return "committed" if line.committed else "not committed"


def _next_attempt(line: WebhookLine) -> str:
    """Say what happens next with the delivery; "" for one that has arrived."""
    match line.becomes:
        case "delivered":
            return ""
        case "pending" if line.next_at is not None:
            is_same_day = line.next_at[:_LENGTH_OF_DATE] == line.at[:_LENGTH_OF_DATE]
            return f"retry at {_clock_time(line.next_at, 0 if is_same_day else None)}"
        case "pending":
            return "retry now"
        case "failed":
            return "given up"
        case _:
            return "endpoint disabled or deleted"
