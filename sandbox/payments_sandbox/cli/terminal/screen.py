"""Owns the properties of the output: how wide it is, and whether it has colours and links.

1. If it is not a terminal, everything is plain and complete.
2. `--no-color` and NO_COLOR turn the colours off. Without them, FORCE_COLOR turns them on, also in
   a pipe. A terminal that identifies itself as dumb has none.
3. COLUMNS sets the width of a terminal; without it, the terminal is asked.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple, TextIO

from payments_sandbox.core.colours import painted

_NOT_FORCED: Final = frozenset({"0", "false", "no", "off"})
_USUAL_WIDTH: Final = 80
"""The assumed width of a terminal that does not report it."""


class Screen(NamedTuple):
    """What the output can show, and its width in columns; a width of None is unlimited."""

    width: int | None = None
    has_colours: bool = False
    has_links: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Add a colour to a text, if there are colours."""
        return painted(text, colour) if self.has_colours else text

    def link(self, text: str, url: str) -> str:
        """Make a text a link (OSC 8), if the terminal has links."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.has_links and url else text


def screen_of(arguments: argparse.Namespace, stream: TextIO | None = None) -> Screen:
    """The properties of a stream, by default stdout."""
    stream = sys.stdout if stream is None else stream
    is_terminal = stream.isatty()
    has_colours = not arguments.no_color and wants_colours(os.environ, is_terminal=is_terminal)
    return Screen(width_of(stream), has_colours, has_links=has_colours and is_terminal)


def wants_colours(variables: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether the environment and the terminal ask for colours."""
    if variables.get("NO_COLOR"):
        return False
    if forced := variables.get("FORCE_COLOR"):
        return forced.lower() not in _NOT_FORCED
    return is_terminal and variables.get("TERM") != "dumb" and not _is_old_windows()


def _is_old_windows() -> bool:
    """Whether this is an old Windows console, which prints colour codes as text."""
    if os.name != "nt":
        return False
    from rich.console import detect_legacy_windows

    return detect_legacy_windows()


def width_of(stream: TextIO) -> int | None:
    """How many columns a terminal has; None if the stream is not a terminal."""
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except OSError:  # the terminal has gone
        return _USUAL_WIDTH
