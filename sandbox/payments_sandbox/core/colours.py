"""Owns the colours of text on a terminal, named by their meaning, as escape codes.

They are among the sixteen that every terminal has, so they appear in the user's own shades.
"""

from typing import Final

GOOD: Final = "\x1b[32m"
POOR: Final = "\x1b[33m"
BAD: Final = "\x1b[31m"
NAME: Final = "\x1b[36m"
RULE: Final = "\x1b[35m"
STRONG: Final = "\x1b[1m"
QUIET: Final = "\x1b[2m"
END: Final = "\x1b[0m"


def painted(text: str, colour: str) -> str:
    """Give a text a colour; an empty text stays empty."""
    return f"{colour}{text}{END}" if text and colour else text
