"""Owns small helpers for messages: counts, lists of choices, and the word that was meant."""

from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: `1 finding`, `3 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_of_words(words: Iterable[str]) -> str:
    """Write a choice of two words or more: `pending, completed or failed`."""
    *others, last = words
    return f"{', '.join(others)} or {last}"


def first_of(words: Sequence[str], most: int) -> str:
    """List at most this many words, and count the others: `a, b and 3 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word that is most similar to this one, or None if none is similar enough.

    `likeness` is from 0, where any word will do, to 1, where only the word itself will.
    """
    known = list(known)
    if word in known:
        return word  # the usual case; comparing with the others takes a millisecond
    from difflib import get_close_matches  # noqa: PLC0415 - it is needed only after a mistake

    close = get_close_matches(word, known, 1, likeness)
    return close[0] if close else None
