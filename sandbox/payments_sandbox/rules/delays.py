"""Owns chance and delays: draws that nothing but their arguments moves, and what they pick."""

import math
from hashlib import blake2b
from typing import Final, NamedTuple, assert_never

Milliseconds = int

_ENOUGH: Final = 40.0
"""An exponent beyond which every delay is endless anyway, and `exp` would overflow."""


class Uniform(NamedTuple):
    """Anything between the two, in milliseconds."""

    low: Milliseconds
    high: Milliseconds
    cap: Milliseconds | None = None


class Normal(NamedTuple):
    """The bell curve, in milliseconds; never less than nothing."""

    mean: Milliseconds
    sd: Milliseconds
    cap: Milliseconds | None = None


class Lognormal(NamedTuple):
    """The distribution of service times, in milliseconds, by its median and 99th percentile."""

    median: Milliseconds
    p99: Milliseconds
    cap: Milliseconds | None = None


Distribution = Uniform | Normal | Lognormal
Delay = Milliseconds | Distribution


def draw(seed: int, rule: str, key: str, call: int) -> float:
    """Draw a number in [0, 1), a function of its arguments alone.

    A hash of what it is for, and not a generator, so that no interleaving of clients moves it.

    Args:
        seed: the scenario's, or the world's.
        rule: the rule's name within its scenario, and what is drawn for it.
        key: whose call it is, by the rule's `per`.
        call: which call of that key, counted from 1.
    """
    text = f"{seed}\0{rule}\0{key}\0{call}".encode()
    # 53 bits are what a float can hold; with 64 the largest would round up to 1.
    return (int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) / 2**53


def sample_delay(delay: Distribution, u: float) -> Milliseconds:
    """The delay of a draw `u` in [0, 1): equal draws give equal delays."""
    match delay:
        case Uniform(low, high):
            found = low + (high - low) * u
        case Normal(mean, sd):
            found = max(0.0, mean + sd * _normal(u))
        case Lognormal(median, p99):
            spread = math.log(p99 / median) / _normal(0.99)
            found = median * math.exp(min(spread * _normal(u), _ENOUGH))
        case _:
            assert_never(delay)
    return round(found if delay.cap is None else min(found, delay.cap))


def _normal(u: float) -> float:
    """The standard normal quantile of a draw."""
    from statistics import NormalDist  # noqa: PLC0415 - a large import that few scenarios need

    return NormalDist().inv_cdf(min(max(u, 1e-12), 1 - 1e-12))
