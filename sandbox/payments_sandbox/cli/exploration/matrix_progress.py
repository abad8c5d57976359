"""Owns what a terminal shows while a command is explored: the matrix, and the time left."""

import shutil
import sys
from contextlib import suppress
from time import perf_counter
from types import TracebackType
from typing import Final, Self

from payments_sandbox.exploration.exploration import Exploration
from payments_sandbox.exploration.report_text import cells, matrix

_BAR: Final = 30
_ERASE_BELOW: Final = "\x1b[J"


class MatrixProgress:
    """Draws on stderr, where that is a terminal, until the block ends; then it is gone again.

    Args:
        exploration: what is shown.
    """

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        self._is_shown = sys.stderr.isatty()
        self._height = 0
        self._started = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._draw([])

    def show(self) -> None:
        """Draw the matrix and the bar."""
        if not self._is_shown:
            return
        result = self._exploration.result()
        size = shutil.get_terminal_size()
        lines = matrix(result.names, cells(result), width=size.columns)
        lines = lines if len(lines) < size.lines - 2 else []
        done, of = len(result.runs), len(result.runs) + len(result.left)
        self._draw([*lines, "", progress_line(done, of, perf_counter() - self._started)])

    def _draw(self, lines: list[str]) -> None:
        if not self._is_shown:
            return
        up = f"\x1b[{self._height}A" if self._height else ""
        self._height = len(lines)
        with suppress(OSError):
            sys.stderr.write(f"{up}\r{_ERASE_BELOW}" + "".join(f"{line}\n" for line in lines))
            sys.stderr.flush()


def progress_line(done: int, of: int, seconds: float) -> str:
    """Make the line with the bar, the number of runs, and the seconds left."""
    filled = _BAR * done // max(of, 1)
    left = seconds / max(done, 1) * (of - done)
    return f"[{'█' * filled}{'░' * (_BAR - filled)}] {done} of {of} runs, {left:.0f} s left"
