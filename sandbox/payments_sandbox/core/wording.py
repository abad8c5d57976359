"""Owns the small words of texts: how many there are, which may be chosen, which one was meant."""

from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """Say how many there are: `1 finding`, `3 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_of_words(words: Iterable[str]) -> str:
    """Say which may be chosen, of two words or more: `pending, completed or failed`."""
    *others, last = words
    return f"{', '.join(others)} or {last}"


def first_of(words: Sequence[str], most: int) -> str:
    """List so many words, and say how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word most like this one, or None when none is like it enough.

    `likeness` is from 0, where anything is, to 1, where only the word itself is.
    """
    known = list(known)
    if word in known:
        return word  # as most are: to compare the others takes a millisecond
    from difflib import get_close_matches  # noqa: PLC0415 - few mistakes are made at the start

    close = get_close_matches(word, known, 1, likeness)
    return close[0] if close else None
