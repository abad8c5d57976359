"""Owns the colours of text on a terminal by what they mean: the codes before it and behind it.

They are among the sixteen that every terminal has, in the shades that its user has chosen.
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
    """Give a text a colour; nothing is nothing in any."""
    return f"{colour}{text}{END}" if text and colour else text
