"""Owns the reading of `expect`: each by the key that says what it is about."""

from typing import Any

from payments_sandbox.core.instants import read_duration
from payments_sandbox.rules.expectations import (
    AllFired,
    AuditClean,
    Count,
    Expectation,
    Order,
    Payments,
    Refunds,
    Requests,
    Retries,
    Webhooks,
    What,
)
from payments_sandbox.scenarios.parser.matchers import when
from payments_sandbox.scenarios.parser.values import Plain, duration


def expectation(plain: Plain) -> Expectation:
    """One expectation."""
    return Expectation(_what(plain), plain, duration(plain, "within") or 0)


def _what(plain: Plain) -> What:  # noqa: PLR0911 - one a key
    if "request" in plain:
        count = _count(plain.get("count")) or Count(1)
        return Requests(plain["request"], when(plain.get("when")), count)
    if "retries" in plain:
        return _retries(plain)
    if "order" in plain:
        return Order(tuple(each for each in plain["order"] if each is not None))
    if "payments" in plain:
        wanted = when(plain["payments"])
        return Payments(wanted, _count(plain.get("count")), _count(plain.get("total")))
    if "refunds" in plain:
        wanted = when(plain["refunds"])
        return Refunds(wanted, _count(plain.get("count")), _count(plain.get("total")))
    if "webhook" in plain:
        return _webhooks(plain)
    return AuditClean() if "audit" in plain else AllFired()


def _retries(plain: Plain) -> Retries:
    spacing = plain.get("spacing", {})
    return Retries(
        plain["retries"],
        plain.get("max"),
        read_duration(spacing.get("min", "0s")),
        spacing.get("growth", 0.0),
        bool(plain.get("same")),
    )


def _webhooks(plain: Plain) -> Webhooks:
    return Webhooks(
        plain["webhook"],
        plain.get("acknowledged"),
        _count(plain.get("attempts")),
        _count(plain.get("count")),
        "forged" in plain,
    )


def _count(value: Any) -> Count | None:  # noqa: ANN401 - a number, a mapping or nothing
    match value:
        case None:
            return None
        case int():
            return Count(value, value)
        case _:
            return Count(value.get("min"), value.get("max"))
