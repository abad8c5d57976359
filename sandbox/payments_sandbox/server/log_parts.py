"""Owns the parts of a log's lines: what of them there is room for, and what a terminal may see."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

WIDEST: Final = 60
"""Characters that a line repeats of what a client has sent."""

BETWEEN: Final = "  "
WIDE: Final = 120
"""Columns in which there is room for the day."""

_SECONDS: Final = len("2030-01-15T10:30:00")
DAY: Final = len("2030-01-15T")

PaintParts = Callable[[Sequence[str]], Iterable[str]]
"""Gives the parts of a line their colours; those that were left out are ""."""


def fit_parts(
    parts: Sequence[str],
    order: Sequence[tuple[int, bool]],
    width: int | None,
    paint: PaintParts | None,
) -> str:
    """The parts of a line that there is room for.

    Args:
        parts: "" where there is nothing to say.
        order: their places, that of the part first that is needed most; with whether it is always
            there.
        width: how many columns there are; None for as many as it has.
        paint: gives the parts their colours.
    """
    if width is not None:
        kept, used = [""] * len(parts), -len(BETWEEN)
        for place, is_needed in order:
            if (part := parts[place]) and (
                (wider := used + len(BETWEEN) + len(part)) <= width or is_needed
            ):
                kept[place], used = part, wider
        if used > width:  # not even what is needed has room
            return joined_parts(kept)[:width]
        parts = kept
    return joined_parts(parts if paint is None else paint(parts))


def joined_parts(parts: Iterable[str]) -> str:
    """The parts of a line, with blanks between those that there are."""
    return BETWEEN.join(filter(None, parts))


def ordered(ranks: Sequence[int]) -> Sequence[tuple[int, bool]]:
    """The places of parts by how soon each is left out, and whether it never is: its rank is 0."""
    places = sorted(range(len(ranks)), key=ranks.__getitem__)
    return [(place, not ranks[place]) for place in places]


def clock_time(at: str, width: int | None) -> str:
    """The instant in whole seconds; where there is little room, without its day."""
    seconds = at[:_SECONDS]
    return f"{seconds}Z" if width is None or width >= WIDE else seconds[DAY:]


def cut(text: str) -> str:
    """The start of what a client has sent, without what a terminal would obey."""
    return plain(text[:WIDEST])


def plain(text: str) -> str:
    """What somebody else has sent, without what a terminal would obey."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text  # nearly always, and in a tenth of the time
    return text.encode("unicode_escape").decode()
