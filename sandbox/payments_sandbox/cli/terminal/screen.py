"""Owns what stdout shows of what commands print: how wide it is, and whether in colours.

1. Where it is no terminal, everything is plain and whole.
2. `--no-color` and NO_COLOR take the colours away. FORCE_COLOR gives them to what is piped, too; it
   counts where neither of the two is there. A terminal that calls itself dumb has none.
3. COLUMNS says how wide a terminal is, else the terminal does.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple, TextIO

from payments_sandbox.core.colours import painted

_NOT_FORCED: Final = frozenset({"0", "false", "no", "off"})
_USUAL_WIDTH: Final = 80
"""The width that is assumed of a terminal that does not say it."""


class Screen(NamedTuple):
    """What can be shown, and in how many columns; None for as many as a line has."""

    width: int | None = None
    has_colours: bool = False
    has_links: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Give a text a colour, where there are colours."""
        return painted(text, colour) if self.has_colours else text

    def link(self, text: str, url: str) -> str:
        """Make a text a link (OSC 8), if the terminal has links."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.has_links and url else text


def screen_of(arguments: argparse.Namespace, stream: TextIO | None = None) -> Screen:
    """What a stream, which is stdout unless told otherwise, shows of what a command prints."""
    stream = sys.stdout if stream is None else stream
    is_terminal = stream.isatty()
    has_colours = not arguments.no_color and wants_colours(os.environ, is_terminal=is_terminal)
    return Screen(width_of(stream), has_colours, has_links=has_colours and is_terminal)


def wants_colours(variables: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether what is printed has colours, by the environment."""
    if variables.get("NO_COLOR"):
        return False
    if forced := variables.get("FORCE_COLOR"):
        return forced.lower() not in _NOT_FORCED
    return is_terminal and variables.get("TERM") != "dumb" and not _is_old_windows()


def _is_old_windows() -> bool:
    """Whether this is a console of Windows that takes codes for text."""
    if os.name != "nt":
        return False
    from rich.console import detect_legacy_windows

    return detect_legacy_windows()


def width_of(stream: TextIO) -> int | None:
    """How many columns a terminal has; None where a stream is none."""
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except OSError:  # it has gone
        return _USUAL_WIDTH
