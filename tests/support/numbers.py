"""Owns made-up card numbers: with a check digit, written in groups, and searched for in outputs."""

import re

from payments_sandbox.core.card_numbers import passes_luhn


def completed(start: str) -> str:
    """The digits and the check digit that makes them pass."""
    return next(start + digit for digit in "0123456789" if passes_luhn(start + digit))


def of_length(prefix: str, length: int) -> str:
    """A number of a prefix and a length that passes the check."""
    return completed(prefix.ljust(length - 1, "1"))


def in_groups(number: str, separator: str) -> str:
    """The number in groups of four."""
    return separator.join(re.findall(".{1,4}", number))


def digits_of(text: str) -> str:
    """The text's digits with what stands between groups of a number taken out."""
    return re.sub(r"(?<=[0-9])(?:%20|[ .+-])(?=[0-9])", "", text)
