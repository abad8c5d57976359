"""Owns the small words of texts: how many of something there are, and which one may be chosen."""

from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """Say how many there are: `1 finding`, `3 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_of_words(words: Iterable[str]) -> str:
    """Say which may be chosen, of two words or more: `pending, completed or failed`."""
    *others, last = words
    return f"{', '.join(others)} or {last}"
