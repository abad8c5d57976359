"""Owns sequence diagrams of what happened in a world: calls, webhooks and pauses, as an SVG."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final, NamedTuple

STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600 } .quiet { fill: #59636e } .wrong { fill: #d1242f }
rect { fill: #eaeef2 }
.life { stroke: #d1d9e0 } .arrow { stroke: #1f2328 } .back { stroke: #59636e }
.lost { stroke: #d1242f } .done { fill: #1a7f37 } .pause { stroke: #818b98; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .wrong { fill: #f85149 }
  rect { fill: #21262d }
  .life { stroke: #3d444d } .arrow { stroke: #e6edf3 } .back { stroke: #9198a1 }
  .lost { stroke: #f85149 } .done { fill: #3fb950 } .pause { stroke: #656c76 }
}
"""
"""The same colours as in the plot of the benchmark's figures, for light and dark mode."""

MOST: Final = 14
"""The most rows that are drawn of a run; the rest is only counted."""

_CLIENT: Final = 80
_API: Final = 310
_ENDPOINT: Final = 540
_WIDTH: Final = 640
_TOP: Final = 54
_EXCHANGE: Final = 52
_PAUSE: Final = 26


class Exchange(NamedTuple):
    """A call of the client, or a webhook.

    Attributes:
        what: the operation, or the type of the event.
        reply: the reply that came back.
        is_webhook: whether the API sent the request.
        is_well: whether the reply is a success.
        is_lost: whether no reply came; a webhook was not even sent.
        has_happened: whether the operation took effect although the reply does not say so.
        rule: the rule of the scenario that answered.
        times: how many times in a row this happened.
    """

    what: str
    reply: str
    is_webhook: bool = False
    is_well: bool = True
    is_lost: bool = False
    has_happened: bool = False
    rule: str = ""
    times: int = 1


class Pause(NamedTuple):
    """Time that passes on the world's clock, such as `10m`."""

    text: str


Row = Exchange | Pause


def draw(title: str, rows: Sequence[Row]) -> str:
    """Draw what happened, from top to bottom, merging equal rows in a row.

    Args:
        title: a description for readers who cannot see it.
        rows: in the order in which they happened.

    Returns:
        An SVG document for light and dark mode, as wide as a page.
    """
    rows = [_counted(row, len(list(same))) for row, same in groupby(rows)]
    shown, left = rows[:MOST], len(rows) - MOST
    parts: list[str] = []
    y = _TOP
    for row in shown:
        parts += _pause(row, y) if isinstance(row, Pause) else _exchange(row, y)
        y += _PAUSE if isinstance(row, Pause) else _EXCHANGE
    if left > 0:
        parts.append(_text(_CLIENT, y + 14, f"… and {left} more like these", "quiet", "start"))
        y += _PAUSE
    lanes = [("your client", _CLIENT), ("Payments API", _API)]
    if any(isinstance(row, Exchange) and row.is_webhook for row in rows):
        lanes.append(("your webhooks", _ENDPOINT))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 8}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *(part for name, x in lanes for part in _lane(name, x, y)),
            *parts,
            "</svg>\n",
        ]
    )


def _counted(row: Row, times: int) -> Row:
    return row if isinstance(row, Pause) else row._replace(times=times)


def _lane(name: str, x: int, bottom: int) -> Iterator[str]:
    yield f'<line class="life" x1="{x}" x2="{x}" y1="28" y2="{bottom}"/>'
    yield f'<rect x="{x - 60}" y="4" width="120" height="24" rx="4"/>'
    yield _text(x, 20, name, "head")


def _pause(row: Pause, y: int) -> Iterator[str]:
    middle = y + 6
    yield f'<line class="pause" x1="20" x2="{_WIDTH - 20}" y1="{middle}" y2="{middle}"/>'
    yield _text(_WIDTH - 20, middle - 4, f"{row.text} later", "quiet", "end")


def _exchange(row: Exchange, y: int) -> Iterator[str]:
    start, end = (_API, _ENDPOINT) if row.is_webhook else (_CLIENT, _API)
    middle = (start + end) // 2
    times = f" × {row.times}" if row.times > 1 else ""
    yield _text(middle, y, row.what + times)
    if row.is_lost and row.is_webhook:
        yield from _broken(start, middle, y + 8)
    else:
        yield from _arrow(start, end, y + 5, "arrow")
    if row.has_happened:
        yield f'<circle class="done" cx="{_API}" cy="{y + 13}" r="4"/>'
        yield _text(_API + 8, y + 17, "it has happened", "done", "start")
    if not row.is_lost:
        yield from _arrow(end, start, y + 20, "back")
    elif not row.is_webhook:
        yield from _broken(end, middle, y + 20)
    yield _text(middle, y + 33, row.reply, "quiet" if row.is_well else "wrong")
    if row.rule:
        yield _text(_API + 8, y + 33, row.rule, "quiet", "start")


def _arrow(start: int, end: int, y: int, kind: str) -> Iterator[str]:
    tip = 6 if end > start else -6
    yield f'<line class="{kind}" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>'
    head = f"M{end - tip} {y - 3}L{end} {y}L{end - tip} {y + 3}"
    yield f'<path class="{kind}" fill="none" d="{head}"/>'


def _broken(start: int, end: int, y: int) -> Iterator[str]:
    yield f'<line class="lost" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>'
    yield f'<path class="lost" d="M{end - 4} {y - 4}l8 8m0 -8l-8 8"/>'


def _text(x: int, y: int, text: str, kind: str = "", anchor: str = "middle") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text{look} x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
