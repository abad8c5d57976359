"""Owns the colours of the lines of `serve`, `logs` and `listen`."""

from collections.abc import Sequence
from typing import Final

from payments_sandbox.core.colours import (
    BAD,
    GOOD,
    NAME,
    POOR,
    QUIET,
    RULE,
    STRONG,
    painted,
)
from payments_sandbox.server.request_log import LogColours

_REQUEST: Final = (
    QUIET, STRONG, "", "", POOR, "", NAME, "", RULE, RULE, POOR, QUIET, QUIET, QUIET,
)  # fmt: skip
"""The colours of the parts of a request's line; the outcome has its own."""

_WEBHOOK: Final = (QUIET, STRONG, "", NAME, "", POOR, POOR, QUIET, QUIET, QUIET)
"""The same of a webhook's."""

_OUTCOME: Final = 2
"""The part that says what came of it: a status, or what went wrong."""

_BY_CLASS: Final = {"2": GOOD, "3": POOR, "4": POOR}
"""By the first digit of a status; all else is bad."""


def _paint_request(parts: Sequence[str]) -> list[str]:
    """The parts of a request's line in their colours."""
    outcome = parts[_OUTCOME]
    colour = BAD if " " in outcome else _BY_CLASS.get(outcome[:1], BAD)
    return _painted(parts, _REQUEST, colour)


def _paint_webhook(parts: Sequence[str]) -> list[str]:
    """The parts of a webhook's line in their colours; what has failed says more than a status."""
    return _painted(parts, _WEBHOOK, GOOD if parts[_OUTCOME].isdigit() else BAD)


def _painted(parts: Sequence[str], colours: Sequence[str], of_outcome: str) -> list[str]:
    shown = [painted(part, colour) for part, colour in zip(parts, colours, strict=True)]
    shown[_OUTCOME] = painted(parts[_OUTCOME], of_outcome)
    return shown


def _paint_refusal(parts: Sequence[str]) -> list[str]:
    """Colour the parts of a refusal's line: what was called, the status and the code."""
    called, *what = parts
    return [painted(called, STRONG), *(painted(each, BAD) for each in what)]


LOG_COLOURS: Final = LogColours(_paint_request, _paint_webhook, _paint_refusal)
