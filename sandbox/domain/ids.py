"""Owns ids: each kind's are a bijection of a counter, so they need no index and never repeat.

The nth id of a prefix is `prefix + base62((a * n + b) mod 62**12)`, where `a` (coprime to 62) and
`b` come from the world's seed. Reading one back is the inverse, so an id is found without a table.
"""

from hashlib import blake2b
from typing import Final, NewType

PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
ChargebackId = NewType("ChargebackId", str)
EventId = NewType("EventId", str)
RequestId = NewType("RequestId", str)

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_VALUES: Final = {pair: value for value, pair in enumerate(_PAIRS)}
_BASE: Final = len(_PAIRS)
_LENGTH: Final = 12
_SPACE: Final[int] = _BASE ** (_LENGTH // 2)


class IdSequence:
    """The ids of one kind in one world, such as every `pay_…` of it."""

    __slots__ = ("_factor", "_inverse", "_offset", "_prefix", "_width")

    _factor: int
    _inverse: int

    def __init__(self, prefix: str, seed: int) -> None:
        digest = blake2b(f"{prefix}\0{seed}".encode(), digest_size=32).digest()
        factor = int.from_bytes(digest[:16], "big") % _SPACE | 1
        self._factor = factor + 2 if factor % 31 == 0 else factor
        self._inverse = pow(self._factor, -1, _SPACE)
        self._offset = int.from_bytes(digest[16:], "big") % _SPACE
        self._prefix = prefix
        self._width = len(prefix) + _LENGTH

    def nth(self, number: int) -> str:
        """The id of a number, counted from 0."""
        rest = (self._factor * number + self._offset) % _SPACE
        rest, f = divmod(rest, _BASE)
        rest, e = divmod(rest, _BASE)
        rest, d = divmod(rest, _BASE)
        rest, c = divmod(rest, _BASE)
        a, b = divmod(rest, _BASE)
        return self._prefix + _PAIRS[a] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d] + _PAIRS[e] + _PAIRS[f]

    def number_of(self, text: str) -> int | None:
        """The number of an id, or None when no sequence of this kind could have made it."""
        if len(text) != self._width or not text.startswith(self._prefix):
            return None
        value = 0
        try:
            for start in range(len(self._prefix), self._width, 2):
                value = value * _BASE + _VALUES[text[start : start + 2]]
        except KeyError:
            return None
        return (value - self._offset) * self._inverse % _SPACE
