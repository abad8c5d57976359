"""Owns what a word may have been meant for: the question behind every "did you mean"."""

from collections.abc import Iterable


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
