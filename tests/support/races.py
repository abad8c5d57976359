"""Owns the judgement of a race: what clients were told against what the ledger kept."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """What one client was told of its refund: the amount it was given, or that it was refused."""

    wanted: int
    given: int


@dataclass(frozen=True)
class Books:
    """What is true of one payment when the race is over."""

    amount: int
    refunded: int
    events: int


def findings(books: Books, told: Iterable[Told]) -> list[str]:
    """What a real ledger would not forgive."""
    made = [each for each in told if each.given]
    given = sum(each.given for each in made)
    checks = {
        "more was given back than was paid": given <= books.amount,
        "the payment does not know what was given back": books.refunded == given,
        "a refund has no event of its own": books.events == len(made),
        "a client was given what it did not ask for": all(
            each.given == each.wanted for each in made
        ),
        "a refund was refused that would have fitted": all(
            each.given or each.wanted > books.amount - given for each in told
        ),
    }
    return [finding for finding, holds in checks.items() if not holds]
