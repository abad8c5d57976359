"""Owns how figures are shown: a table for each section, and one JSON file for machines."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal

Unit = Literal["×", "µs", "ms", "kB", "MB", "s", "/s", "runs/min", ""]

_HEAD: Final = ("figure", "measured", "target", "", "rounds", "where it comes from")


@dataclass(frozen=True, slots=True)
class Target:
    """The value that a figure should reach."""

    sign: Literal["≥", "≤"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median of its rounds.

    Attributes:
        values: the results of the rounds.
        detail: the two figures that a ratio is made of.
    """

    figure: str
    values: Sequence[float]
    unit: Unit
    target: Target | None = None
    detail: str = ""

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty without a target."""
        if self.target is None:
            return ""
        return "met" if self.target.is_met(self.value) else "missed"


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one section."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def at_least(bound: float) -> Target:
    """The target of a figure that should be high."""
    return Target("≥", bound)


def at_most(bound: float) -> Target:
    """The target of a figure that should be low."""
    return Target("≤", bound)


def ratio(
    figure: str,
    tops: Sequence[float],
    bottoms: Sequence[float],
    unit: str,
    target: Target | None = None,
) -> Row:
    """The ratio of two figures, round by round, with the medians of both.

    Args:
        figure: the name of the ratio.
        tops: the rounds of the one figure.
        bottoms: the rounds of the other.
        unit: of both, as it is written after a number.
        target: of the ratio.
    """
    values = [top / bottom for top, bottom in zip(tops, bottoms, strict=True)]
    detail = " ÷ ".join(f"{number(median(each))}{unit}" for each in (tops, bottoms))
    return Row(figure, values, "×", target, detail)


def render(table: Table) -> str:
    """Format a table as text that is also valid Markdown."""
    lines = [_HEAD, *map(_cells, table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *body = (_line(cells, widths) for cells in lines)
    rule = _line(["-" * width for width in widths], widths)
    notes = [f"\n{note}" for note in table.notes]
    return "\n".join([f"### {table.title}\n", head, rule, *body, *notes])


def described(facts: dict[str, str]) -> str:
    """Describe in one paragraph what was measured, and on which machine."""
    return "\n".join([f"{name}: {fact};" for name, fact in facts.items()]).removesuffix(";") + "."


def rewrite(page: Path, heading: str, text: str) -> None:
    """Replace the text below the last heading of a page.

    Raises:
        ValueError: the page does not have the heading.
    """
    before, found, _ = page.read_text(encoding="utf-8").partition(f"{heading}\n")
    if not found:
        raise ValueError(f"{page} has no heading '{heading}'.")
    page.write_text(f"{before}{heading}\n\n{text}\n", encoding="utf-8")


def as_json(facts: dict[str, str], tables: Iterable[Table]) -> dict[str, object]:
    """Everything as JSON: what was measured and where, and every round of every figure."""
    return {
        "facts": facts,
        "tables": [
            {
                "title": table.title,
                "rows": [
                    asdict(row) | {"value": row.value, "verdict": row.verdict} for row in table.rows
                ],
                "notes": list(table.notes),
            }
            for table in tables
        ],
    }


def number(value: float) -> str:
    """Format three significant digits, with separators for thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(row: Row) -> tuple[str, ...]:
    target = "–" if row.target is None else f"{row.target.sign} {row.target.bound:g}"
    spread = f"{number(min(row.values))} … {number(max(row.values))}"
    return (
        row.figure,
        f"{number(row.value)} {row.unit}".rstrip(),
        target,
        row.verdict,
        spread if len(row.values) > 1 else "",
        row.detail,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
