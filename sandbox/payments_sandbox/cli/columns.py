"""Owns how commands print tables and facts: whole where piped, else as wide as there is."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from payments_sandbox.cli.standard_streams import terminal_width, try_to_print

BETWEEN: Final = "  "


def print_rows(rows: Sequence[Sequence[str]], *, cut: Sequence[tuple[int, int]] = ()) -> None:
    """Print a table without a head.

    Args:
        rows: the cells; what somebody else has sent is made plain.
        cut: which columns are shortened, one after the other, and to what at most, where a line
            is wider than the terminal.
    """
    cells = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for column, least in cut if cells else ():
        _fit(cells, widths, column, least)
    sys.stdout.write("".join(f"{_line(row, widths)}\n" for row in cells))


def _fit(cells: Sequence[list[str]], widths: list[int], column: int, least: int) -> None:
    """Make a column as narrow as the terminal needs it to be, but not narrower than `least`."""
    width = _screen_width()
    widest = max(len(_line(row, widths)) for row in cells)
    if width is None or widest <= width or widths[column] <= least:
        return
    widths[column] = max(widths[column] - (widest - width), least)
    for row in cells:
        row[column] = _shortened(row[column], widths[column])


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print what each is called, and what it is; what there is none of is left out."""
    shown = [(name, _plain(str(value))) for name, value in facts if value not in (None, "")]
    print_rows(shown)


def remark(text: str) -> None:
    """Say on stderr what is no part of what is printed."""
    try_to_print(f"payments-sandbox: {text}.", sys.stderr)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return BETWEEN.join(padded).rstrip()


def _screen_width() -> int | None:
    """How wide a line may be; None where it is piped, and nobody has said COLUMNS."""
    if os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return terminal_width()


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _plain(text: str) -> str:
    """Without a sign that a terminal obeys, or that is no letter of a line."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
