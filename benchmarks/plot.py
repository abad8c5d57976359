"""Owns the plot of the figures: each ratio with a target as a bar, with its rounds."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from benchmarks.report import Row, Table, number

_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .quiet { fill: #59636e }
.met { fill: #2f81f7 } .missed { fill: #d1242f }
.rounds { stroke: #1f2328; stroke-opacity: .55 } .target { stroke: #1a7f37; stroke-width: 2 }
.even { stroke: #818b98; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .missed { fill: #f85149 }
  .rounds { stroke: #e6edf3 } .target { stroke: #3fb950 }
}
"""
_LEFT: Final = 320
"""Where bars begin, in pixels; the names of figures are to the left."""
_SCALE: Final = 170
"""Pixels for a ratio of one."""
_WIDEST: Final = 2.2
"""The ratio at which the plot ends; larger ones are cut off."""
_LINE: Final = 22
_WIDTH: Final = _LEFT + int(_WIDEST * _SCALE) + 110


def draw(tables: Iterable[Table], facts: dict[str, str]) -> str:
    """Draw the ratios that have a target.

    Args:
        tables: the figures of a run.
        facts: about the run; the date, the Python version and the machine are shown.

    Returns:
        An SVG document for light and dark mode, as wide as a page.

    Raises:
        ValueError: there is no ratio with a target.
    """
    parts: list[str] = []
    y = 24
    for table in tables:
        rows = [row for row in table.rows if row.unit == "×" and row.target is not None]
        if rows:
            parts += [_text(0, y, table.title, "title"), *_bars(rows, y)]
            y += _LINE * (len(rows) + 1) + 12
    if not parts:
        raise ValueError("None of these figures is a ratio that has a target.")
    legend = "bar: median of the rounds · line: lowest to highest · green: target · dashed: 1 ×"
    measured = f"{facts['date']} · Python {facts['Python']} · {facts['machine']}"
    parts += [_text(0, y, legend, "quiet"), _text(0, y + 18, measured, "quiet")]
    even = _x(1)
    parts.insert(0, f'<line class="even" x1="{even}" x2="{even}" y1="8" y2="{y - 18}"/>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 28}" role="img">',
            "<title>Measured ratios beside their targets</title>",
            f"<style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _bars(rows: Sequence[Row], y: int) -> list[str]:
    return [part for n, row in enumerate(rows, 1) for part in _bar(row, y + n * _LINE)]


def _bar(row: Row, y: int) -> list[str]:
    assert row.target is not None
    low, high, bound = _x(min(row.values)), _x(max(row.values)), _x(row.target.bound)
    width = _x(row.value) - _LEFT
    said = f"{number(row.value)} × ({row.target.sign} {row.target.bound:g})"
    return [
        _text(0, y, row.figure),
        f'<rect class="{row.verdict}" x="{_LEFT}" y="{y - 11}" width="{width}" height="14"/>',
        f'<line class="rounds" x1="{low}" x2="{high}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<line class="target" x1="{bound}" x2="{bound}" y1="{y - 14}" y2="{y + 6}"/>',
        _text(_x(_WIDEST) + 8, y, said, "quiet"),
    ]


def _x(ratio: float) -> int:
    return _LEFT + round(min(ratio, _WIDEST) * _SCALE)


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text{look} x="{x}" y="{y}">{escape(text)}</text>'
