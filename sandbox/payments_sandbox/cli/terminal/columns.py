"""Owns how commands print tables, facts and JSON: complete in a pipe, else fitted to the screen."""

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import Any, Final, NamedTuple

from payments_sandbox.cli.terminal.screen import Screen
from payments_sandbox.core.colours import NAME, QUIET

BETWEEN: Final = "  "
_LEAST_FACT: Final = 20
"""The least width of a fact: with less, its lines would be single words."""


class Cell(NamedTuple):
    """A cell of a table, with the code of its colour and the url that it links to."""

    text: str
    colour: str = ""
    url: str = ""


Row = Sequence[Cell | str]


def print_rows(
    screen: Screen,
    rows: Sequence[Row],
    *,
    cut: Sequence[tuple[int, int]] = (),
    fold: Sequence[tuple[int, int]] = (),
) -> None:
    """Print a table without a header.

    Args:
        screen: the screen to fit it to.
        rows: the cells; control characters in them are escaped.
        cut: columns to shorten, in this order, if a line is wider than the screen, each with its
            least width.
        fold: columns to wrap in the same case, in the same form.
    """
    cells = [[_escaped(cell) for cell in row] for row in rows]
    widths = [
        max(width_of_text(cell.text) for cell in column) for column in zip(*cells, strict=True)
    ]
    for column, least in (*cut, *fold) if cells else ():
        _narrow(screen, cells, widths, column, least)
    for column, _ in cut if cells else ():
        for row in cells:
            row[column] = row[column]._replace(text=_shortened(row[column].text, widths[column]))
    folded = {column for column, _ in fold}
    for row in cells:
        for line in _lines(row, widths, folded):
            sys.stdout.write(f"{_line(screen, line, widths)}\n")


def print_facts(screen: Screen, facts: Iterable[tuple[str, Cell | str | int | None]]) -> None:
    """Print names with their values, leaving out names without a value."""
    shown = [
        (Cell(name, QUIET), value if isinstance(value, Cell) else Cell(str(value)))
        for name, value in facts
        if value not in (None, "") and not (isinstance(value, Cell) and not value.text)
    ]
    print_rows(screen, shown, fold=((1, _LEAST_FACT),))


def fact_line(screen: Screen, name: str, fact: str, besides: str = "") -> str:
    """Format a fact about a server, for the lines below the one that says it is ready."""
    return f"  {screen.paint(f'{name:<14}', QUIET)}  {screen.paint(fact, NAME)}{besides}"


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def summarise_counts(counts: Mapping[Any, int]) -> str:
    """A total, and the number of each kind: `3: 2× 201, 1× drop`."""
    kinds = sorted(counts, key=str)
    each = ", ".join(f"{counts[kind]}× {kind}" for kind in kinds if counts[kind])
    total = sum(counts.values())
    return f"{total}: {each}" if total else "none"


def _narrow(
    screen: Screen, cells: Sequence[Sequence[Cell]], widths: list[int], column: int, least: int
) -> None:
    """Narrow a column until the table fits the screen, but not below `least`."""
    if screen.width is None or widths[column] <= least:
        return
    too_wide = max(_line_width(row, widths) for row in cells) - screen.width
    if too_wide > 0:
        widths[column] = max(widths[column] - too_wide, least)


def _line_width(row: Sequence[Cell], widths: Sequence[int]) -> int:
    """The width of a line up to its last cell with a text."""
    filled = [place for place, cell in enumerate(row) if cell.text]
    if not filled:
        return 0
    last = filled[-1]
    end = min(width_of_text(row[last].text), widths[last])
    return sum(widths[:last]) + len(BETWEEN) * last + end


def _lines(
    row: Sequence[Cell], widths: Sequence[int], folded: Collection[int]
) -> Iterator[Sequence[Cell]]:
    """Split a row into lines; cells of folded columns are wrapped."""
    texts = [
        wrap(cell.text, width, break_on_hyphens=False)
        if place in folded and width_of_text(cell.text) > width
        else [cell.text]
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    for line in zip_longest(*texts, fillvalue=""):
        yield [cell._replace(text=text) for cell, text in zip(row, line, strict=True)]


def _line(screen: Screen, row: Sequence[Cell], widths: Sequence[int]) -> str:
    """Format a line without trailing blanks."""
    line, blanks = "", 0
    for cell, width in zip(row, widths, strict=True):
        if cell.text:
            shown = screen.link(screen.paint(cell.text, cell.colour), cell.url)
            line += " " * blanks + shown
            blanks = 0
        blanks += width - width_of_text(cell.text) + len(BETWEEN)
    return line


def width_of_text(text: str) -> int:
    """How many columns a text takes: some scripts take two per letter, and accents none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _shortened(text: str, width: int) -> str:
    if width_of_text(text) <= width:
        return text
    if text.isascii():
        return f"{text[: width - 1]}…"
    from rich.cells import set_cell_size

    return f"{set_cell_size(text, width - 1)}…"


def _escaped(cell: Cell | str) -> Cell:
    """Escape what a terminal would interpret, and line breaks."""
    cell = cell if isinstance(cell, Cell) else Cell(cell)
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in cell.text)
    return cell._replace(text=text)
