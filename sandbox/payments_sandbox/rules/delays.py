"""Owns chance and delays: draws that depend on their arguments alone, and sampled delays."""

import math
from hashlib import blake2b
from typing import Final, NamedTuple, assert_never

Milliseconds = int

_ENOUGH: Final = 40.0
"""The largest exponent: delays are practically endless there, and `exp` overflows later."""


class Uniform(NamedTuple):
    """A delay between two bounds, in milliseconds, each equally likely."""

    low: Milliseconds
    high: Milliseconds
    cap: Milliseconds | None = None


class Normal(NamedTuple):
    """A normally distributed delay in milliseconds, never below zero."""

    mean: Milliseconds
    sd: Milliseconds
    cap: Milliseconds | None = None


class Lognormal(NamedTuple):
    """A lognormal delay, as service times have, by its median and 99th percentile in ms."""

    median: Milliseconds
    p99: Milliseconds
    cap: Milliseconds | None = None


Distribution = Uniform | Normal | Lognormal
Delay = Milliseconds | Distribution


def draw(seed: int, rule: str, key: str, call: int) -> float:
    """Draw a number in [0, 1) that depends on the arguments alone.

    It is a hash instead of a generator, so that the order in which clients call does not matter.

    Args:
        seed: the seed of the scenario, or of the world.
        rule: the rule's name with that of its scenario, and the purpose of the draw.
        key: the key by which the rule counts calls (`per`).
        call: the number of the call with that key, from 1.
    """
    text = f"{seed}\0{rule}\0{key}\0{call}".encode()
    # A float holds 53 bits; with 64, the largest value would round up to 1.
    return (int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) / 2**53


def sample_delay(delay: Distribution, u: float) -> Milliseconds:
    """The delay for a draw `u` in [0, 1): equal draws give equal delays."""
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
