"""Owns the values of `expect`: what must be true after a scenario has run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from payments_sandbox.rules.model import When


class Count(NamedTuple):
    """How many there may be; None leaves that end open."""

    least: int | None = None
    most: int | None = None

    def admits(self, count: int) -> bool:
        """Whether so many may be."""
        return (self.least or 0) <= count and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.least}"
        if self.most is None:
            return f"at least {self.least}"
        return f"at most {self.most}" if self.least is None else f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Requests:
    """So many calls of an operation, or of all (`*`), that meet the conditions."""

    operation: str
    when: When
    count: Count


@dataclass(frozen=True, slots=True)
class Retries:
    """How a call was repeated.

    Attributes:
        most: retries, the first call not counted.
        least_gap: wall milliseconds between two.
        growth: each gap is so many times the one before.
        same_body: the body does not change.
    """

    operation: str
    most: int | None = None
    least_gap: int = 0
    growth: float = 0.0
    same_body: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Calls of these operations in this order, with others between them."""

    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payments:
    """So many payments that meet the conditions, and so much money in them."""

    when: When
    count: Count | None = None
    total: Count | None = None


@dataclass(frozen=True, slots=True)
class Refunds:
    """So many refunds that meet the conditions, and so much money in them."""

    when: When
    count: Count | None = None
    total: Count | None = None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How deliveries of an event, or of a family such as `payment.*`, were received."""

    event: str
    acknowledged: bool | None = None
    attempts: Count | None = None
    count: Count | None = None
    forged_refused: bool = False


@dataclass(frozen=True, slots=True)
class AuditClean:
    """The audit finds nothing."""


@dataclass(frozen=True, slots=True)
class AllFired:
    """Each rule has fired."""


What = Requests | Retries | Order | Payments | Refunds | Webhooks | AuditClean | AllFired


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must be true.

    Attributes:
        source: as it was written.
        within: wall milliseconds that may be waited for it.
    """

    what: What
    source: Mapping[str, object]
    within: int = 0
