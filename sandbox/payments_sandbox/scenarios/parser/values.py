"""Owns the plain values of a scenario text: what the schema has accepted, given types."""

from collections.abc import Iterator, Mapping
from typing import Any

from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.delays import Delay, Distribution, Lognormal, Normal, Uniform

Plain = Mapping[str, Any]
"""A mapping of a scenario as JSON has it, of the shape that the schema promises."""


def duration(plain: Plain, key: str) -> int | None:
    """Milliseconds of a duration that need not be there."""
    text = plain.get(key)
    return None if text is None else read_duration(text)


def shift(text: str) -> int:
    """Milliseconds of a duration with a sign."""
    sign = -1 if text.startswith("-") else 1
    return sign * read_duration(text.lstrip("+-"))


def delay(value: object) -> Delay:
    """A duration or a distribution; nothing is no delay."""
    match value:
        case None:
            return 0
        case str():
            return read_duration(value)
        case _:
            return _distribution(dict[str, Any](value))  # type: ignore[call-overload]  # a mapping of JSON


def _distribution(plain: Plain) -> Distribution:
    cap = duration(plain, "cap")
    if "uniform" in plain:
        low, high = map(read_duration, plain["uniform"])
        return Uniform(low, high, cap)
    if "normal" in plain:
        normal = plain["normal"]
        return Normal(read_duration(normal["mean"]), read_duration(normal["sd"]), cap)
    lognormal = plain["lognormal"]
    return Lognormal(read_duration(lognormal["median"]), read_duration(lognormal["p99"]), cap)


def items(plain: Plain, key: str) -> Iterator[tuple[int, Any]]:
    """The items of a list by their positions, without the gaps that `drop_invalid_parts` leaves."""
    for position, item in enumerate(plain.get(key, ())):
        if item is not None:
            yield position, item
