"""Owns ids, seeds and secrets, which are derived from a seed and nothing else.

The ids of each kind are a bijection of a counter, so they need no index and never repeat.

The nth id is a prefix and 16 hexadecimal digits: `a * n + b` modulo a prime just below 2**64, where
`a` and `b` come from the seed of the world. The inverse of this finds the number of an id without a
table.
"""

import re
from base64 import b64encode
from hashlib import blake2b
from typing import Final, NewType

PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
ChargebackId = NewType("ChargebackId", str)
EventId = NewType("EventId", str)

API_KEY: Final = re.compile(r"sk_test_[A-Za-z0-9_-]{1,64}")
"""The form of the sandbox's keys; any other key may be a real one."""

DEFAULT_API_KEY: Final = "sk_test_sandbox"
"""The key whose world every server has, and never drops for being idle."""

SEEDS: Final = 2**53
"""All seeds are smaller than this, so that every JSON reader keeps them exact."""

_PRIME: Final[int] = 2**64 - 59
_DIGITS: Final = 16


class IdSequence:
    """The ids of one kind in one world, such as all its `pay_…` ids."""

    __slots__ = ("_factor", "_inverse", "_offset", "_prefix", "_start", "_width")

    _factor: int
    _inverse: int
    _offset: int

    def __init__(self, prefix: str, seed: int) -> None:
        digest = blake2b(f"{prefix}\0{seed}".encode(), digest_size=32).digest()
        self._factor = int.from_bytes(digest[:16], "big") % (_PRIME - 1) + 1
        self._inverse = pow(self._factor, -1, _PRIME)
        self._offset = int.from_bytes(digest[16:], "big") % _PRIME
        self._prefix = prefix
        self._start = len(prefix)
        self._width = len(prefix) + _DIGITS

    def nth(self, number: int) -> str:
        """The id with a number, counted from 0."""
        return f"{self._prefix}{(self._factor * number + self._offset) % _PRIME:016x}"

    def number_of(self, text: str, first: int = 0) -> int | None:
        """The number of an id, or None if this sequence has no such id.

        Args:
            text: the id.
            first: the lowest number in use; negative numbers wrap round to the end of the sequence.
        """
        if len(text) != self._width or not text.startswith(self._prefix):
            return None
        digits = text[self._start :]
        try:
            value = int(digits, 16)
        except ValueError:
            return None
        if (
            not 0 <= value < _PRIME or f"{value:016x}" != digits
        ):  # int() reads more than nth() writes
            return None
        number = (value - self._offset) * self._inverse % _PRIME
        return number if number < _PRIME + first else number - _PRIME


def derived_seed(seed: int, *parts: object) -> int:
    """Derive a seed from another seed and from the purpose that the parts name."""
    text = "\0".join(map(str, (seed, *parts))).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % SEEDS


def webhook_secret(seed: int, *parts: int) -> str:
    """Derive a webhook secret: `whsec_` and base64 of 32 bytes."""
    text = "\0".join(map(str, ("webhook secret", seed, *parts))).encode()
    return f"whsec_{b64encode(blake2b(text, digest_size=32).digest()).decode()}"
