"""Owns the page of a failed test: one file of HTML that needs nothing else, scripts included."""

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from payments_sandbox.core.html_page import html_page
from payments_sandbox.testing.timeline import Moment

_STYLE: Final = """
pre, summary { font: 13px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
details { border-left: 4px solid #8886; padding-left: .6em; margin: .2em 0 }
details.request { border-color: #27c } details.event { border-color: #292 }
details.attempt { border-color: #c72 } details.clock { border-color: #82a }
"""


def failure_page(test: str, worlds: Sequence[tuple[Sequence[str], Sequence[Moment]]]) -> str:
    """Write the page.

    Args:
        test: its id.
        worlds: of each, the lines on top and the timeline, whose details can be opened.
    """
    parts: list[str] = []
    for lines, moments in worlds:
        parts.append(f"<pre>{escape(chr(10).join(lines))}</pre>")
        parts += map(_moment, moments)
    return html_page(test, _STYLE, parts)


def _moment(moment: Moment) -> str:
    detail = json.dumps(moment.detail, indent=2, ensure_ascii=False)
    return (
        f'<details class="{moment.kind}"><summary>{escape(moment.text)}</summary>'
        f"<pre>{escape(detail)}</pre></details>"
    )
