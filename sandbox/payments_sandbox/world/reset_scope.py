"""Owns the names of what a world can be reset in."""

from enum import StrEnum


class Part(StrEnum):
    """What `world/reset` can reset by itself."""

    PAYMENTS = "payments"
    JOURNAL = "journal"
    RULES = "rules"
    WEBHOOKS = "webhooks"
    CLOCK = "clock"
    RATE_LIMIT = "rate_limit"
